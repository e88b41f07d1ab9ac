"""The gateway in front of a fake mail cloud, with a token in a file."""

import shutil
import tempfile
from pathlib import Path

from tests.support.gateway import RunningGateway

PASSWORD = "secret of the clients"


class CloudGateway(RunningGateway):
    """See `RunningGateway`.

    Args:
        kind: ``graph`` or ``gmail``.
        server: where it is: anything with host and port.
        token: written into the token file.
        http: keys of [upstream.http].
        own: keys of [upstream.graph] or [upstream.gmail].
        workers: processes; one unless the test says otherwise.
    """

    def __init__(self, kind, server, *, token="token", http=None, own=None, workers=1, **more):
        self.secrets = Path(tempfile.mkdtemp(prefix="token-", dir="/tmp"))
        self.token_file = self.secrets / "token"
        self.give_token(token)
        (self.secrets / "password").write_text(f"{PASSWORD}\n")
        tail = "/contoso.example" if kind == "graph" else ""
        upstream = {
            "http": {
                "client_password_file": str(self.secrets / "password"),
                **(http or {}),
            },
            kind: own or {},
            "warm": {"seconds": 0},
            **more.pop("upstream", {}),
        }
        super().__init__(
            f"{kind}+http://{server.host}:{server.port}{tail}",
            settings={"upstream": upstream, **more.pop("settings", {})},
            flags=["--upstream-token-file", str(self.token_file), *more.pop("flags", ())],
            workers=workers,
            **more,
        )

    def give_token(self, token):
        """What the gateway finds when it looks for the token again."""
        fresh = self.secrets / "fresh"
        fresh.write_text(f"{token}\n")
        fresh.rename(self.token_file)

    def open(self, user="alice@example.org", password=PASSWORD, **options):
        """A client in TRANSACTION."""
        return self.login(user, password, **options)

    def try_login(self, user="alice@example.org", password=PASSWORD):
        """The answer to PASS."""
        with self.client() as client:
            client.command(f"USER {user}")
            return client.command(f"PASS {password}")

    def close(self):
        super().close()
        shutil.rmtree(self.secrets, ignore_errors=True)
