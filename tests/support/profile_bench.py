"""Gateways before the fake mail API, one for each profile that tests ask for."""

import itertools
import json
import tempfile
from pathlib import Path

import tomlkit

from tests.support.fake_mail_api import FakeMailApi
from tests.support.gateway import RunningGateway

PASSWORD = "open sesame"
# Time-outs that a busy machine keeps to as long as nothing hangs on purpose.
QUICK = {
    "upstream": {
        "warm": {"seconds": 0},
        "http": {
            **dict.fromkeys(("connect_timeout", "response_timeout", "idle_timeout"), 1.0),
            "answer_timeout": 2.0,
            "learn_timeout": 8.0,
            "retry_after": 1.0,
            "max_answer": 65_536,
            "max_message": 1_000_000,
            "resume": 1,
        },
    }
}
BASE = {
    "name": "fake",
    "auth": {"form": "basic"},
    "list": {"url": "/messages", "items": "/items", "id": "/id", "size": "/size"},
    "raw": {"url": "/messages/{id}/raw"},
    "delete": {"url": "/messages/{id}"},
}
TOKENS = {
    "auth": {"form": "header", "header": "X-Token", "value": "{token}"},
    "login": [
        {
            "method": "POST",
            "url": "/login",
            "body": {"user": "{user}", "password": "{password}"},
            "take": {"token": "/token", "account": "/account"},
            "refused": [403],
            "code": "/code",
            "codes": ["BadPassword"],
        }
    ],
    "logout": {"method": "DELETE", "url": "/login"},
}
_users = itertools.count(1)


def changed(*changes):
    """The base profile with tables of others put into its own, key by key."""
    made = {name: dict(t) if isinstance(t, dict) else t for name, t in BASE.items()}
    for change in changes:
        for name, table in change.items():
            if isinstance(table, dict) and name in made:
                made[name].update(table)
            else:
                made[name] = table
    return made


class Bench:
    """The API, and gateways before it; a context manager."""

    def __init__(self):
        self.api = FakeMailApi()
        self._gateways = {}
        self._files = tempfile.TemporaryDirectory(prefix="profiles-")

    def __enter__(self):
        self.api.__enter__()
        return self

    def __exit__(self, *problem):
        try:
            for gateway in self._gateways.values():
                gateway.close()
        finally:
            self.api.__exit__(*problem)
            self._files.cleanup()

    def gateway(self, *changes, settings=QUICK, **options):
        """The one for this profile, started when first asked for."""
        key = json.dumps([changes, settings, {k: str(v) for k, v in options.items()}])
        if key not in self._gateways:
            file = Path(self._files.name) / f"{len(self._gateways)}.toml"
            file.write_text(tomlkit.dumps(changed(*changes)))
            url = f"profile+{self.api.url}?profile={file}"
            self._gateways[key] = RunningGateway(url, settings=settings, **options).start()
        return self._gateways[key]

    def check_logs(self):
        """Nothing unforeseen, and no secret, in any log."""
        for gateway in self._gateways.values():
            log = gateway.log_text()
            assert gateway.running
            for word in ("Traceback", "internal_error", PASSWORD, "secret token"):
                assert word not in log, log


def fresh_user():
    """Somebody of whom no index knows anything."""
    return f"user{next(_users)}"
