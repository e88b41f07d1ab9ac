"""A gateway and the fake IMAP server behind it, seen from a POP3 client's chair."""

import contextlib
import itertools
import time

from gateway.errors import EpochChanged, Failure, Misconfigured, Unavailable
from gateway.pop3 import replies
from tests.support.fake_imap import DEFAULT, Folder
from tests.support.pop3_client import unstuffed

PASSWORD = "open sesame"
CORPUS = [
    b"Subject: one\r\n\r\n.\r\n..dots\r\n.\r\nend\r\n",
    b"Subject: two\r\n\r\n" + b"%s\r\n" % (b"x" * 70) * 3000,
    b"Subject: three\r\n\r\nno line end",
]
BOUND = 20.0
"""Seconds in which everything must be over: the time-outs add up to three."""

# Time-outs that a busy machine keeps to as long as nothing hangs on purpose.
QUICK = {
    "upstream": {
        # Each session meets the fault at the stage where it was laid; connections that
        # are kept have tests of their own.
        "warm": {"seconds": 0},
        "imap": {
            "command_timeout": 0.8,
            "connect_timeout": 1.0,
            "logout_timeout": 0.3,
            "max_line": 8192,
            "max_literal": 8192,
            "max_response": 65_536,
        },
    }
}
SYS_TEMP = replies.FAILURES[Unavailable].reply
SYS_PERM = replies.FAILURES[Misconfigured].reply
REPLACED = replies.FAILURES[EpochChanged].reply
_users = itertools.count(1)


def reply_of(failure: type[Failure]):
    return replies.FAILURES[failure].reply


class Scene:
    """One test's view: a fresh INBOX, and users of whom nobody has heard."""

    def __init__(self, imap, gateway):
        self.imap = imap
        self.gateway = gateway
        self.user = f"user{next(_users)}"
        self._clients = []
        self.reset()

    def reset(self):
        imap = self.imap
        imap.heal()
        imap.begin_era()
        imap.inbox = Folder()
        for message in CORPUS:
            imap.inbox.add(message)
        imap.folders = {}
        imap.capabilities, imap.greeting = DEFAULT, None
        imap.passwords, imap.read_only = None, False
        for heard in (imap.heard, imap.bodies, imap.logins):
            heard.clear()

    def client(self):
        client = self.gateway.client(timeout=BOUND)
        self._clients.append(client)
        return client

    def try_login(self, client=None, user=None):
        """The answer to PASS."""
        client = client or self.client()
        assert client.command(f"USER {user or self.user}") == replies.SEND_PASSWORD
        return client.command(f"PASS {PASSWORD}")

    def login(self, user=None):
        client = self.client()
        reply = self.try_login(client, user)
        assert reply.startswith(b"+OK"), reply
        return client

    def another_session_goes_on(self, user="bystander"):
        """Somebody else logs in, reads and leaves, whatever the first one waits for."""
        client = self.login(f"{user}{next(_users)}")
        messages = self.imap.inbox.messages
        assert client.stat()[0] == len(messages)
        for number, message in enumerate(messages[:1], 1):
            assert retrieve(client, number) == ("whole", message.octets)
        assert client.quit().startswith(b"+OK")

    def lease_is_free(self):
        """The same user can log in, as soon as the upstream is well again."""
        self.imap.heal()
        self.imap.capabilities, self.imap.greeting = DEFAULT, None
        client = self.login()
        assert client.quit().startswith(b"+OK")

    @property
    def uids(self):
        return self.imap.inbox.uids

    def close(self):
        for client in self._clients:
            client.close()
        self.imap.heal()


@contextlib.contextmanager
def bounded():
    start = time.monotonic()
    yield
    assert time.monotonic() - start < BOUND


def wire_form(message):
    """What a client can know of a message: the last line always ends."""
    return message if message.endswith(b"\r\n") else message + b"\r\n"


def retrieve(client, number, command="RETR"):
    """What one RETR comes to: ("whole", message), ("error", line) or ("cut", octets).

    Whatever looks complete must be the message: that is what the corpus is for.
    """
    status = client.command(f"{command} {number}")
    if not status:  # a reset takes what was not read yet with it
        return "cut", b""
    if not status.startswith(b"+OK"):
        return "error", status
    pieces = []
    try:
        pieces.extend(client.raw_body())
    except EOFError:
        return "cut", status + b"".join(pieces)
    message = unstuffed(b"".join(pieces))
    found = [known for known in CORPUS if wire_form(known) == message]
    return "whole", found[0] if found else message


def is_over(client):
    """Nothing more comes, not even a terminator."""
    return client.rest() == b""
