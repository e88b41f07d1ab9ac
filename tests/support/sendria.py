"""Sendria as an upstream with pages, newest first, and row numbers for ids."""

from tests.support.gateway import wait_until
from tests.support.http_server import SERVERS, HttpServer, send
from tests.support.ports import free_port, wait_for_port

PROGRAM = SERVERS / "sendria" / "bin" / "sendria"


class Sendria(HttpServer):
    """Sendria 2.2 on loopback: one mailbox for everybody, in a file."""

    name = "sendria"
    programs = (PROGRAM,)

    def __init__(self):
        super().__init__()
        self.smtp_port = free_port()

    def prepare(self):
        """Nothing is configured but ports."""

    def command(self):
        return [
            *(str(PROGRAM), "--foreground", "--no-quit"),
            *("--db", str(self.directory / "mail.sqlite")),
            *("--smtp-ip", self.host, "--smtp-port", str(self.smtp_port)),
            *("--http-ip", self.host, "--http-port", str(self.http_port)),
        ]

    def environment(self):
        # It would read the settings of whoever runs the tests.
        return {**super().environment(), "HOME": str(self.directory)}

    def wait_until_ready(self):
        super().wait_until_ready()
        wait_for_port(self.smtp_port, self.host, self.patience, b"220", lambda: self.running)

    def deliver(self, message):
        """Until it is listed: it is stored a moment after it was taken."""
        before = len(self.list())
        send(self.host, self.smtp_port, message)
        wait_until(lambda: len(self.list()) > before, what="the message to be stored")

    def list(self):
        """Each message's row, oldest first."""
        rows, page = [], 1
        while found := self.json("GET", f"/api/messages/?page={page}")["data"]:
            rows += found
            page += 1
        return sorted(rows, key=lambda row: (row["created_at"], row["id"]))

    def raw(self, row):
        return self.request("GET", f"/api/messages/{row['id']}.eml")[1]

    def remove(self, row):
        """The status of DELETE."""
        return self.request("DELETE", f"/api/messages/{row['id']}")[0]

    def clear(self):
        self.json("DELETE", "/api/messages/")
