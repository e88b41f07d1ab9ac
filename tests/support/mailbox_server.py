"""The reference server of the REST mailbox contract over a Maildir of its own."""

import base64
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

from tests.support.maildir import Maildir
from tests.support.ports import free_port, wait_for_port
from tests.support.server import Server, mail_owner

PROGRAM = Path(sys.executable).with_name("pop3-gateway")


class MailboxServer(Server):
    """``pop3-gateway mailbox-server`` on loopback, with one account.

    Args:
        flags: more of the command line.
    """

    name = "mailbox"
    programs = (PROGRAM,)
    user = "alice"
    password = "correct horse"
    token = "a-token-of-alice"

    def __init__(self, *flags):
        super().__init__()
        self.flags = flags
        self.port = free_port()

    def prepare(self):
        self.mail = Maildir(self.directory / "Maildir", mail_owner())
        (self.directory / "password").write_text(f"{self.password}\n")
        (self.directory / "tokens").write_text(f"{self.token}\n")

    def command(self):
        return [
            *(str(PROGRAM), "mailbox-server", "--maildir", str(self.mail.path)),
            *("--listen", f"{self.host}:{self.port}", "--user", self.user),
            *("--password-file", str(self.directory / "password")),
            *("--token-file", str(self.directory / "tokens"), *self.flags),
        ]

    def wait_until_ready(self):
        wait_for_port(self.port, self.host, self.patience, alive=lambda: self.running)

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    @property
    def authorization(self):
        pair = base64.b64encode(f"{self.user}:{self.password}".encode())
        return f"Basic {pair.decode()}"

    def request(self, method, path, body=None, **headers):
        """(status, header fields, octets) of a request; `If_None_Match` is a header field."""
        fields = {"Authorization": self.authorization}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            fields.setdefault("Content-Type", "application/json")
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, body, fields, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def get(self, path, **headers):
        """The JSON of a request that must succeed."""
        status, _, octets = self.request("GET", path, **headers)
        assert status == 200, (status, octets)
        return json.loads(octets)

    def listed(self):
        """All messages of all pages."""
        messages, cursor = [], ""
        while cursor is not None:
            page = self.get(f"/messages{cursor and '?cursor='}{cursor}")
            messages += page["messages"]
            cursor = page["next"]
        return messages

    def raw(self, message):
        return self.request("GET", f"/messages/{message['id']}/raw")[2]
