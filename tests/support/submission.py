"""A server that takes mail by TLS and with a password: Nodemailer's, of MailDev's modules."""

import shutil
from email import message_from_bytes, policy
from pathlib import Path

from tests.support.http_server import SERVERS
from tests.support.ports import free_port, wait_for_port
from tests.support.server import Server

MODULE = SERVERS / "maildev" / "node_modules" / "smtp-server"
NODE = shutil.which("node") or "/usr/bin/node"


class Submission(Server):
    """Knows the user ``gateway``, and everybody but ``nobody`` gets mail.

    Args:
        way: ``starttls`` or ``implicit``.
        pair: The certificate.
        password: The user's.
    """

    name = "submission"
    programs = (NODE, MODULE)

    def __init__(self, way, pair, password):
        super().__init__()
        self.port = free_port()
        self._way, self._pair, self._password = way, pair, password

    def prepare(self):
        (self.directory / "mail").mkdir()

    def command(self):
        return [
            *(NODE, str(Path(__file__).with_suffix(".cjs")), str(self.directory / "mail")),
            *(str(self.port), self._way, str(self._pair.certificate), str(self._pair.key)),
            self._password,
        ]

    def environment(self):
        return {**super().environment(), "SMTP_SERVER": str(MODULE)}

    def wait_until_ready(self):
        wait_for_port(self.port, self.host, self.patience, alive=lambda: self.running)

    def mails(self):
        return [
            message_from_bytes(file.read_bytes(), policy=policy.default)
            for file in sorted((self.directory / "mail").glob("*.eml"))
        ]
