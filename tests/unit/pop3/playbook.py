"""Drives a session by lines and events, and keeps what came out of it."""

import itertools

from gateway.maildrop import Maildrop
from gateway.pop3.events import (
    Abort,
    Close,
    Commit,
    Gone,
    ListingDone,
    Opened,
    Release,
    Send,
    SendListing,
    TlsStarted,
)
from gateway.pop3.offer import Offer
from gateway.pop3.session import Session
from gateway.pop3.settings import Pop3Settings

USER, PASSWORD = b"mrose", b"secret"
USUAL = Offer()


def maildrop(*octets):
    count = len(octets)
    return Maildrop(
        "7",
        [f"ref-{n + 1}" for n in range(count)],
        list(octets),
        [b"7.%d" % (n + 1) for n in range(count)],
    )


def kinds(effects):
    return [type(effect) for effect in effects]


def sent(effects):
    """All octets of the effects, listings read to their end."""
    found = b""
    for effect in effects:
        if isinstance(effect, Send):
            found += effect.data
        elif isinstance(effect, SendListing):
            found += b"".join(effect.pieces)
    return found


class Playbook:
    """One session; `seen` has every effect since the start.

    Args:
        octets: Sizes of the messages that `login` finds.
        tls: Passed on to the session as `tls_available`.
        secure: Passed on to the session.
        offer: Passed on to the session; its challenges have `fresh-1`, `fresh-2` in them.
        settings: Changes to the defaults; a failed login is answered without delay.
    """

    def __init__(self, *octets, tls=False, secure=False, offer=USUAL, **settings):
        settings.setdefault("failed_login_delay", 0)
        numbers = itertools.count(1)
        self.session = Session(
            Pop3Settings(**settings),
            fresh=lambda: b"fresh-%d" % next(numbers),
            offer=offer,
            secure=secure,
            tls_available=tls,
        )
        self.maildrop = maildrop(*octets)
        self.seen = list(self.session.greet())
        self.opened = 0

    def feed(self, data):
        """Give octets, and return what they cause until an event is needed."""
        self.session.feed(data)
        return self.go_on()

    def go_on(self):
        found = []
        while (effects := self.session.step()) is not None:
            found += effects
        self.seen += found
        return found

    def say(self, *lines):
        return self.feed(b"".join(line + b"\r\n" for line in lines))

    def tell(self, event):
        """Give an event, and return its own effects without what is pipelined behind it."""
        self.opened += isinstance(event, Opened)
        effects = self.session.handle(event)
        self.seen += effects
        return effects

    def login(self):
        self.say(b"USER " + USER, b"PASS " + PASSWORD)
        self.tell(Opened(self.maildrop))
        return self

    def ask(self, line):
        """The octets that answer a command which needs nobody else."""
        effects = self.say(line)
        if effects and isinstance(effects[-1], SendListing):
            self.tell(ListingDone())
        return sent(effects)

    def start_tls(self):
        self.say(b"STLS")
        return self.tell(TlsStarted())

    def count(self, kind):
        return kinds(self.seen).count(kind)

    def check_end(self):
        """What holds for every session once it is over and every answer has come."""
        assert self.session.closed
        assert self.count(Release) == self.opened
        assert self.count(Close) + self.count(Abort) <= 1
        assert self.count(Commit) <= 1
        order = [kind for kind in kinds(self.seen) if kind in {Release, Close, Abort, Send}]
        for end in (Release, Close, Abort):
            assert Send not in order[order.index(end) :] if end in order else True

    def lose(self):
        return self.tell(Gone())
