"""MailDump as an upstream with LF line ends and row numbers for ids."""

from tests.support.http_server import SERVERS, HttpServer, send
from tests.support.ports import free_port, wait_for_port

PROGRAM = SERVERS / "maildump" / "bin" / "maildump"


class MailDump(HttpServer):
    """MailDump 1.0 on loopback: one mailbox for everybody, in memory."""

    name = "maildump"
    programs = (PROGRAM,)

    def __init__(self):
        super().__init__()
        self.smtp_port = free_port()

    def prepare(self):
        """Nothing is configured but ports."""

    def command(self):
        return [
            *(str(PROGRAM), "--foreground", "--no-quit"),
            *("--smtp-ip", self.host, "--smtp-port", str(self.smtp_port)),
            *("--http-ip", self.host, "--http-port", str(self.http_port)),
        ]

    def wait_until_ready(self):
        super().wait_until_ready()
        wait_for_port(self.smtp_port, self.host, self.patience, b"220", lambda: self.running)

    def deliver(self, message):
        send(self.host, self.smtp_port, message)

    def list(self):
        """Each message's row, oldest first."""
        return self.json("GET", "/messages/")["messages"]

    def raw(self, row):
        return self.request("GET", f"/messages/{row['id']}.eml")[1]

    def remove(self, row):
        """The status of DELETE."""
        return self.request("DELETE", f"/messages/{row['id']}")[0]

    def clear(self):
        self.json("DELETE", "/messages/")
