"""WildDuck, with SecantusDB in MongoDB's place, as an upstream with logins and cursors."""

import json
import re
import secrets
import shutil
from pathlib import Path

from tests.support.http_server import SERVERS, HttpServer, send
from tests.support.oracle import open_imap
from tests.support.ports import free_port, wait_for_port
from tests.support.server import octets

PACKAGE = SERVERS / "wildduck" / "node_modules" / "wildduck"
MONGO = SERVERS / "secantus" / "bin" / "secantusd-py"
NODE = shutil.which("node") or "/usr/bin/node"
REDIS = "/usr/bin/redis-server"

START = """\
{mongo} --host {host} --port {mongo_port} --storage-path {base}/mongo --standalone \\
    --cache-size 256M &
{redis} --bind {host} --port {redis_port} --save '' --dir {base} &
for port in {mongo_port} {redis_port}; do
    until (echo >/dev/tcp/{host}/$port) 2>/dev/null; do sleep 0.1; done
done
cd {package}
exec {node} server.js --config={base}/config/default.toml
"""


class WildDuck(HttpServer):
    """WildDuck 1.46 on loopback: HTTP, IMAP and LMTP.

    Every HTTP call needs a token: the service's own, ``service_token``, or one that a
    login has given.
    """

    name = "wildduck"
    programs = (NODE, REDIS, PACKAGE, MONGO)
    patience = 60.0

    def __init__(self):
        super().__init__()
        self.port, self.lmtp_port = free_port(), free_port()
        self.mongo_port, self.redis_port = free_port(), free_port()
        self.service_token = secrets.token_hex(20)
        self._accounts = {}

    def prepare(self):
        base = self.directory
        config = base / "config"
        shutil.copytree(PACKAGE / "config", config)
        listen = {"host": self.host, "secure": False}
        _set(config / "dbs.toml", mongo=f"mongodb://{self.host}:{self.mongo_port}/wildduck")
        _set(config / "dbs.toml", port=self.redis_port)
        _set(config / "imap.toml", port=self.port, disableSTARTTLS=True, **listen)
        _set(config / "pop3.toml", enabled=False)
        _set(config / "api.toml", port=self.http_port, accessToken=self.service_token)
        _set(config / "api.toml", enabled=True, under="accessControl")
        _set(config / "lmtp.toml", enabled=True, port=self.lmtp_port)
        _set(config / "default.toml", level="info")
        (base / "start.sh").write_text(
            START.format(
                base=base,
                host=self.host,
                mongo=MONGO,
                mongo_port=self.mongo_port,
                node=NODE,
                package=PACKAGE,
                redis=REDIS,
                redis_port=self.redis_port,
            )
        )

    def command(self):
        return ["/bin/bash", str(self.directory / "start.sh")]

    def wait_until_ready(self):
        for port in (self.http_port, self.port, self.lmtp_port):
            wait_for_port(port, self.host, self.patience, alive=lambda: self.running)

    def request(self, method, path, body=None, headers=()):
        """See `HttpServer`; with the service's token unless another is given."""
        headers = {"X-Access-Token": self.service_token, **dict(headers)}
        return super().request(method, path, body, headers)

    # Users and their mail.

    def add_user(self, name, password):
        """A user with an empty INBOX."""
        account = {
            "username": name,
            "password": password,
            "address": f"{name}@localhost.test",
            "allowUnsafe": True,
        }
        user = self.json("POST", "/users", account)["id"]
        inbox = self.json("GET", f"/users/{user}/mailboxes/resolve?path=INBOX")["id"]
        self.passwords[octets(name)] = octets(password)
        self._accounts[name] = f"/users/{user}/mailboxes/{inbox}/messages"

    def deliver(self, name, message):
        self.deliver_many(name, [message])

    def deliver_many(self, name, messages):
        """By IMAP, so that nothing is added to them."""
        user = octets(name)
        with open_imap(self.host, self.port, user, self.passwords[user]) as client:
            for message in messages:
                client.append("INBOX", message)

    def deliver_by_lmtp(self, name, message):
        send(self.host, self.lmtp_port, message, f"{name}@localhost.test", lmtp=True)

    def list(self, name):
        """Each message's row, oldest first; no more than one page."""
        place = self._accounts[name]
        return self.json("GET", f"{place}?limit=250&order=asc")["results"]

    def raw(self, name, row):
        return self.request("GET", f"{self._accounts[name]}/{row['id']}/message.eml")[1]

    def remove(self, name, row):
        """The status of DELETE."""
        return self.request("DELETE", f"{self._accounts[name]}/{row['id']}")[0]


def _set(file: Path, *, under="", **values):
    """Give keys of a TOML file other values, where they first stand in or below a table."""
    text = file.read_text()
    start = text.index(f"[{under}]") if under else 0
    head, rest = text[:start], text[start:]
    for key, value in values.items():
        shown = json.dumps(value)
        rest, found = re.subn(rf"(?m)^#?{key} *=.*$", f"{key}={shown}", rest, count=1)
        if not found:
            raise RuntimeError(f"{file.name} has no {key}")
    file.write_text(head + rest)
