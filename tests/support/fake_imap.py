r"""A scripted IMAP server on loopback, for faults that real servers show too rarely.

It runs in threads of its own, so that it serves tests with a reactor and without. Left
alone it is a small, correct IMAP4rev1 server with one INBOX::

    with FakeImap([b"Subject: a\r\n\r\none\r\n", b"..."]) as server:
        server.address                    # ("127.0.0.1", port)
        server.inbox.messages             # what is there: Message(uid, octets, flags)
        server.inbox.uidvalidity = 7
        server.folders                    # {"Trash": Folder, ...}; see ``create``
        server.heard                      # every command of all sessions, without its strings
        server.bodies                     # the UIDs of which BODY[] was asked

Users: any name and password, or ``passwords={b"name": b"password"}``, and with OAUTHBEARER
and XOAUTH2 ``tokens={b"name": b"token"}``; what was shown is in ``logins``. Capabilities:
``capabilities=`` (a string); what is left out is answered with BAD. ``tls=`` takes an
``ssl.SSLContext`` for STARTTLS, and with ``implicit=True`` for TLS from the start.

Faults are laid at *stages*::

    server.fault("LOGIN", answer("NO [UNAVAILABLE] later"))
    server.fault("BODY", cut(100, reset), skip=1)            # from the second body on
    server.fault("SELECT", say("* 9 EXISTS"), times=1)       # then goes on as always

A stage is GREETING, CONNECT (before anything, also before TLS), a command's name (LOGIN,
AUTHENTICATE, CAPABILITY, STARTTLS, ID, SELECT, NOOP, SEARCH, STORE, COPY, MOVE, EXPUNGE,
CREATE, LOGOUT; UID is left out), LIST for a FETCH with RFC822.SIZE, BODY for a FETCH with
BODY[], or ``*`` for any command. ``times`` is how often (None: always), ``skip`` how many
times not before. Faults of one stage are used up in order; each session counts in.

Actions:

======================  ==============================================================
``answer(text)``        the tagged reply is this, and nothing is done
``after(text)``         all is done, but the tagged reply is this
``say(*lines)``         untagged lines before the reply; all else as always
``say_after(*lines)``   untagged lines between the data and the tagged reply
``raw(octets)``         exactly these octets instead of the reply, nothing is done
``change(function)``    the reply's octets go through ``function(octets) -> octets``
``cut(count, end)``     the first octets of the reply, then ``end``
``hang``                nothing, ever; the connection stays open
``close``               FIN, without a reply
``reset``               RST, without a reply
``slow(count, delay)``  the reply in pieces of ``count`` octets, ``delay`` seconds apart
``do(function)``        call ``function(server)``, then as always: changes behind the back
``then(*actions)``      several, in this order, e.g. ``then(do(f), say("* 1 EXPUNGE"))``
======================  ==============================================================
"""

import contextlib
import socket
import ssl
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field

from tests.support.fake_imap_actions import (
    End,
    after,
    answer,
    change,
    close,
    cut,
    do,
    hang,
    octets_of,
    raw,
    reset,
    say,
    say_after,
    slow,
    then,
)
from tests.support.fake_imap_session import Session

__all__ = [
    "DEFAULT",
    "FakeImap",
    "Folder",
    "Message",
    "after",
    "answer",
    "change",
    "close",
    "cut",
    "do",
    "hang",
    "raw",
    "reset",
    "say",
    "say_after",
    "slow",
    "then",
]

DEFAULT = "IMAP4rev1 LITERAL+ SASL-IR ID UIDPLUS MOVE AUTH=PLAIN"


@dataclass
class Message:
    uid: int
    octets: bytes
    flags: set = field(default_factory=set)
    size: int | None = None  # what RFC822.SIZE says, if not the truth

    @property
    def announced(self):
        return len(self.octets) if self.size is None else self.size


@dataclass
class Folder:
    messages: list = field(default_factory=list)
    uidvalidity: int = 1000
    uidnext: int = 1

    def add(self, octets, *flags, uid=None, size=None):
        uid = self.uidnext if uid is None else uid
        self.messages.append(Message(uid, octets, set(flags), size))
        self.uidnext = uid + 1
        return uid

    def remove(self, uid):
        """Take a message away, as another client would."""
        self.messages = [message for message in self.messages if message.uid != uid]

    @property
    def uids(self):
        return [message.uid for message in self.messages]


@dataclass
class _Fault:
    action: object
    times: int | None
    skip: int

    def due(self):
        if self.skip:
            self.skip -= 1
            return False
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


class FakeImap:
    """See the module's docstring."""

    def __init__(
        self,
        messages=(),
        *,
        capabilities=DEFAULT,
        passwords=None,
        tokens=None,
        tls=None,
        implicit=False,
        greeting=None,
        host="127.0.0.1",
    ):
        self.inbox = Folder()
        for octets in messages:
            self.inbox.add(octets)
        self.folders = {}
        self.capabilities = capabilities
        self.passwords, self.tokens = passwords, tokens
        self.tls, self.implicit = tls, implicit
        self.greeting = greeting
        self.read_only = False
        self.heard = []
        self.bodies = []
        self.logins = []
        self.sessions = 0
        self.stopping = threading.Event()
        self.lock = threading.RLock()
        self.era = 0
        self._faults = defaultdict(list)
        self._listener = socket.create_server((host, 0))
        self.address = self._listener.getsockname()[:2]
        self.host, self.port = self.address
        self._threads = []
        self._sockets = set()

    def fault(self, stage, action, *, times=None, skip=0):
        with self.lock:
            self._faults[stage].append(_Fault(action, times, skip))
        return self

    def heal(self):
        """Take all faults back."""
        with self.lock:
            self._faults.clear()

    def begin_era(self):
        """Another test begins: what is left of earlier sessions meets none of its faults.

        Commands that were sent before their client hung up may still be carried out.
        """
        with self.lock:
            self.era += 1

    def create(self, name):
        with self.lock:
            return self.folders.setdefault(name, Folder(uidvalidity=2000 + len(self.folders)))

    def action(self, *stages):
        with self.lock:
            for stage in stages:
                for fault in self._faults[stage]:
                    if fault.due():
                        return fault.action
        return None

    def said(self, word):
        """The commands heard that hold this word."""
        return [line for line in self.heard if octets_of(word) in line]

    def wait_for(self, condition, seconds=5):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(0.005)

    @property
    def open_connections(self):
        with self.lock:
            return len(self._sockets)

    # Life.

    def __enter__(self):
        self._start(self._accept)
        return self

    def __exit__(self, *_):
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self.lock:
            sockets = list(self._sockets)
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive(), "a thread of the fake IMAP server hangs"

    def _start(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while not self.stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self.lock:
                self._sockets.add(connection)
                self.sessions += 1
            self._start(self._serve, connection)

    def _serve(self, connection):
        session = Session(self, connection)
        try:
            session.run()
        except (End, OSError, ssl.SSLError):
            pass
        finally:
            with self.lock:
                self._sockets.discard(connection)
            session.end()
            connection.close()
