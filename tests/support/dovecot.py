"""Dovecot as upstream IMAP server and, by its POP3 side, as an oracle for the gateway."""

import base64
import grp
import hashlib
import os
import signal

from tests.support.certificates import make_certificates
from tests.support.dovecot_conf import CAPABILITIES, NO_DELAY, NO_PENALTY, TEMPLATE
from tests.support.maildir import Maildir
from tests.support.oracle import open_imap
from tests.support.ports import free_port, wait_for_port
from tests.support.server import Server, mail_owner, octets

PROGRAM = "/usr/sbin/dovecot"


class Dovecot(Server):
    """Dovecot 2.3 on loopback: IMAP with STARTTLS, IMAPS and POP3.

    Args:
        plaintext: False refuses passwords outside TLS (LOGINDISABLED). The server then is
            at 127.0.0.2, as Dovecot trusts a peer that has its own address.
        without: capabilities left out of the announcement; the commands still work.
        trusted: networks whose clients may say where they come from (and need no TLS).
        delays: True keeps the waits after a wrong password.
        ssl: ``yes``, ``no`` or ``required``.
        mechanisms: what AUTHENTICATE offers.
        certificates: where from; made anew when None.
        present: which of them the server shows (``server``, ``wrong_name``, ``stranger``).
        extra: configuration lines that are added at the end.
    """

    name = "dovecot"
    programs = (PROGRAM, "/usr/lib/dovecot/imap", "/usr/lib/dovecot/pop3")

    def __init__(
        self,
        *,
        plaintext=True,
        without=(),
        trusted="",
        delays=False,
        ssl="yes",
        mechanisms="plain login",
        certificates=None,
        present="server",
        extra="",
    ):
        super().__init__()
        self.plaintext = plaintext
        self.host = "127.0.0.1" if plaintext else "127.0.0.2"
        self.port, self.tls_port, self.pop3_port = (free_port(self.host) for _ in range(3))
        self.certificates = certificates
        self._without = {name.upper() for name in without}
        self._present = present
        self._trusted, self._delays, self._ssl = trusted, delays, ssl
        self._mechanisms, self._extra = mechanisms, extra
        self._boxes = {}

    @property
    def authority(self):
        """The PEM file of the CA that signed this server's certificate."""
        return self.certificates.authority

    def prepare(self):
        if self.certificates is None:
            self.certificates = make_certificates(self.directory)
        owner = mail_owner()
        (self.directory / "mail").mkdir()
        os.chown(self.directory / "mail", owner.pw_uid, owner.pw_gid)
        (self.directory / "users").mkdir(mode=0o755)
        (self.directory / "dovecot.conf").write_text(self._configuration(owner))

    def _configuration(self, owner):
        root = os.geteuid() == 0
        pair = getattr(self.certificates, self._present)
        left = [name for name in CAPABILITIES if name not in self._without]
        return TEMPLATE.format(
            base=self.directory,
            host=self.host,
            port=self.port,
            tls_port=self.tls_port,
            pop3_port=self.pop3_port,
            certificate=pair.certificate,
            key=pair.key,
            ssl=self._ssl,
            internal="dovecot" if root else owner.pw_name,
            internal_group="dovecot" if root else grp.getgrgid(owner.pw_gid).gr_name,
            login="dovenull" if root else owner.pw_name,
            uid=owner.pw_uid,
            gid=owner.pw_gid,
            mechanisms=self._mechanisms,
            disable_plaintext="no" if self.plaintext else "yes",
            failure_delay="2 secs" if self._delays else "0",
            nodelay="" if self._delays else NO_DELAY,
            penalty="" if self._delays else NO_PENALTY,
            trusted=self._trusted,
            capability=f"imap_capability = {' '.join(left)}" if self._without else "",
            extra=self._extra,
        )

    def command(self):
        return [PROGRAM, "-F", "-c", str(self.directory / "dovecot.conf")]

    def wait_until_ready(self):
        def alive():
            return self.running

        wait_for_port(self.port, self.host, self.patience, b"* OK", alive)
        wait_for_port(self.pop3_port, self.host, self.patience, b"+OK", alive)

    # Users and their mail.

    def add_user(self, name, password):
        """A user with an empty INBOX.

        Name and password may hold any octets but NUL, TAB and line ends, which Dovecot
        refuses by itself. A user who was asked for before is known after a second only.
        """
        name, password = octets(name), octets(password)
        # The password is not kept in the clear only because ':' would end it.
        secret = base64.b64encode(password).decode()
        (self.directory / "users" / _key(name)).write_text(f"{_key(name)}:{secret}\n")
        self.passwords[name] = password
        self._boxes[name] = Maildir(self.directory / "mail" / _key(name), mail_owner())
        return self._boxes[name]

    def maildir(self, user):
        """The directory whose ``cur`` and ``new`` hold the user's INBOX."""
        return self._boxes[octets(user)].path

    def deliver(self, user, message, *, seen=False):
        """Put the octets as they are into ``new``, or into ``cur`` when seen."""
        self._boxes[octets(user)].deliver(message, seen=seen)

    def deliver_many(self, user, messages):
        for message in messages:
            self.deliver(user, message)

    def messages_left(self, user):
        """The stored octets of every message, in the order of delivery."""
        return self._boxes[octets(user)].messages()

    # Looking at it and meddling with it.

    def imap(self, user, password=None):
        """A logged-in IMAPClient (a context manager), as the oracle."""
        name = octets(user)
        secret = self.passwords[name] if password is None else octets(password)
        context = None if self.plaintext else self.certificates.client_context()
        return open_imap(self.host, self.port, name, secret, starttls=context)

    def session_processes(self):
        return self.processes("imap", "pop3")

    def kill_sessions(self):
        """SIGKILL the processes behind logged-in connections; returns how many."""
        sessions = self.session_processes()
        for pid in sessions:
            os.kill(pid, signal.SIGKILL)
        return len(sessions)

    def stop_accepting(self):
        """SIGSTOP all but the sessions: they go on, new connections hang without greeting.

        A session under TLS passes through the login process, and hangs as well.
        ``resume`` ends it.
        """
        sessions = set(self.session_processes())
        for pid in set(self.processes()) - sessions:
            os.kill(pid, signal.SIGSTOP)


def _key(name: bytes) -> str:
    return hashlib.md5(name, usedforsecurity=False).hexdigest()
