"""MailDev as an upstream with a REST API and sizes that are at times wrong."""

import base64
import shutil

from tests.support.http_server import SERVERS, HttpServer, send
from tests.support.ports import free_port, wait_for_port

PACKAGE = SERVERS / "maildev" / "node_modules" / "maildev"
NODE = shutil.which("node") or "/usr/bin/node"


class MailDev(HttpServer):
    """MailDev 2.2 on loopback: one mailbox for everybody, kept in memory and files.

    Args:
        password: For HTTP Basic, with the user ``alice``; None lets everybody in.
    """

    name = "maildev"
    programs = (NODE, PACKAGE)

    def __init__(self, *, password=None):
        super().__init__()
        self.smtp_port = free_port()
        self.password = password

    def prepare(self):
        (self.directory / "mail").mkdir()

    def command(self):
        protected = ["--web-user", "alice", "--web-pass", self.password]
        return [
            *(NODE, str(PACKAGE / "bin" / "maildev"), "--silent"),
            *("--smtp", str(self.smtp_port), "--web", str(self.http_port)),
            *("--ip", self.host, "--web-ip", self.host),
            *("--mail-directory", str(self.directory / "mail")),
            *(protected if self.password else []),
        ]

    def wait_until_ready(self):
        super().wait_until_ready()
        wait_for_port(self.smtp_port, self.host, self.patience, b"220", lambda: self.running)

    def deliver(self, message):
        send(self.host, self.smtp_port, message)

    def list(self):
        """Each message's row, oldest first."""
        return self.json("GET", "/email", headers=self._headers())

    def raw(self, row):
        return self.request("GET", f"/email/{row['id']}/source", headers=self._headers())[1]

    def remove(self, row):
        """The status of DELETE."""
        return self.request("DELETE", f"/email/{row['id']}", headers=self._headers())[0]

    def clear(self):
        """One by one: asked to delete all at once, it may trip over its own files and end."""
        for row in self.list():
            self.remove(row)

    def _headers(self):
        if self.password is None:
            return {}
        token = base64.b64encode(f"alice:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {token}"}
