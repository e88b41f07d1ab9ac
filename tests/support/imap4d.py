"""GNU imap4d as an upstream without UIDPLUS and MOVE: UID EXPUNGE is BAD there."""

import os
import subprocess
from email.utils import formatdate

from tests.support.maildir import EPOCH, Maildir
from tests.support.oracle import open_imap
from tests.support.ports import free_port, wait_for_port
from tests.support.server import Server, mail_owner, octets

PROGRAM = "/usr/sbin/imap4d"

TEMPLATE = """\
mode daemon;
foreground yes;
login-disabled no;
server {host}:{port} {{ }};
auth {{
  authentication clear;
  authentication "generic:virtdomain";
  authorization clear;
  authorization "virtdomain";
}};
virtdomain {{
  passwd-dir "{directory}/passwd";
}};
mailbox {{
  mailbox-type {storage};
}};
logging {{
  syslog no;
}};
"""


class Imap4d(Server):
    """GNU mailutils' imap4d on loopback, with users of a virtual domain of its own.

    Args:
        storage: ``maildir`` or ``mbox``. In an mbox a message must end with a newline and
            what it holds of CRLF and "From " lines is changed by the format.
    """

    name = "imap4d"
    programs = (PROGRAM,)
    domain = "localhost"

    def __init__(self, *, storage="maildir"):
        super().__init__()
        self.port = free_port()
        self.storage = storage
        self._boxes = {}

    def prepare(self):
        (self.directory / "passwd").mkdir()
        (self.directory / "home").mkdir()
        self._passwd.write_text("")
        (self.directory / "imap4d.conf").write_text(
            TEMPLATE.format(
                host=self.host, port=self.port, directory=self.directory, storage=self.storage
            )
        )

    @property
    def _passwd(self):
        return self.directory / "passwd" / self.domain

    def command(self):
        configuration = self.directory / "imap4d.conf"
        return [PROGRAM, f"--config-file={configuration}", "--no-site-config"]

    def wait_until_ready(self):
        wait_for_port(self.port, self.host, self.patience, b"* OK", lambda: self.running)

    def login(self, user):
        """The name to log in with: the server looks for users by domain."""
        return octets(user) + b"@" + self.domain.encode()

    # Users and their mail.

    def add_user(self, name, password):
        """A user with an empty INBOX; the name goes into a passwd file and a path."""
        name, password = octets(name), octets(password)
        owner = mail_owner()
        home = self.directory / "home" / name.decode()
        home.mkdir()
        os.chown(home, owner.pw_uid, owner.pw_gid)
        ids = f"{owner.pw_uid}:{owner.pw_gid}"
        with self._passwd.open("a") as users:
            users.write(f"{name.decode()}:{_crypt(password)}:{ids}:test:{home}:/bin/sh\n")
        kind = Mbox if self.storage == "mbox" else Maildir
        self.passwords[name] = password
        self._boxes[name] = kind(home / "INBOX", owner)
        return self._boxes[name]

    def maildir(self, user):
        """Where the user's INBOX is: a directory, or the file of an mbox."""
        return self._boxes[octets(user)].path

    def deliver(self, user, message):
        self._boxes[octets(user)].deliver(message)

    def deliver_many(self, user, messages):
        for message in messages:
            self.deliver(user, message)

    def messages_left(self, user):
        """The messages left, in order; from an mbox with the headers the server added."""
        return self._boxes[octets(user)].messages()

    def imap(self, user, password=None):
        """A logged-in IMAPClient (a context manager), as the oracle."""
        secret = self.passwords[octets(user)] if password is None else octets(password)
        return open_imap(self.host, self.port, self.login(user), secret, mechanism="LOGIN")


class Mbox:
    """One mbox file, in the form of RFC 4155 with ">From " quoting."""

    def __init__(self, path, owner):
        self.path = path
        path.touch()
        os.chown(path, owner.pw_uid, owner.pw_gid)

    def deliver(self, message):
        quoted = b"\n".join(
            b">" + line if line.startswith(b"From ") else line for line in message.split(b"\n")
        )
        day = formatdate(EPOCH).encode()
        with self.path.open("ab") as mbox:
            mbox.write(b"From test@localhost %s\n%s\n" % (_asctime(day), quoted))

    def messages(self):
        parts = (b"\n" + self.path.read_bytes()).split(b"\nFrom ")[1:]
        return [part.partition(b"\n")[2] for part in parts]


def _asctime(day):
    """Make "Tue Nov 14 22:13:20 2023" of a mail date, as an mbox has it in that form."""
    weekday, date, month, year, time, _ = day.split()
    return b" ".join([weekday.rstrip(b","), month, date, time, year])


def _crypt(password):
    made = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=password, capture_output=True, check=True
    )
    return made.stdout.decode().strip()
