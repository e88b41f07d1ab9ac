"""One fuzzing target for each invariant; each takes any octets and raises if it is broken.

As a program: `python tests/fuzz/target.py NAME [FILE ...]`, or from standard input. The status
of a broken invariant is 1, with a traceback, so that a coverage-guided fuzzer can drive it.
"""

import re
import sys
from pathlib import Path

# To be run as a program from anywhere.
sys.path.insert(0, str(Path(__file__).parents[2]))

from pydantic import SecretBytes

from gateway import errors
from gateway.accounts.sasl_scram import make_verifier
from gateway.accounts.sasl_table import MECHANISMS
from gateway.maildrop import Maildrop, Outcome, ScramVerifier
from gateway.pop3 import events, replies
from gateway.pop3.multiline import Stuffer, TopCutter
from gateway.pop3.offer import Offer
from gateway.pop3.session import Session
from gateway.pop3.settings import Pop3Settings

RULES = Pop3Settings(failed_login_delay=1, max_credentials_line=512)
MAILDROP = Maildrop("7", [1, 2, 3], [0, 120, 2**33], [b"7.1", b"7.2", b"7.3"])
PASSWORD = b"secret"
COMMIT_ENDS = (
    events.CommitDone(Outcome((1, 2, 3), ())),
    events.CommitDone(Outcome((), (1, 2, 3))),
    events.CommitFailed(errors.EpochChanged()),
    events.CommitFailed(errors.Unavailable()),
)
OFFER = Offer(tuple(MECHANISMS), apop=True)
VERIFIERS = (
    events.VerifierTold(make_verifier("d", SecretBytes(PASSWORD), b"sixteen octets..")),
    events.VerifierTold(ScramVerifier("", b"short", 1, b"", b"")),
    events.VerifierFailed(errors.Unavailable()),
    events.VerifierFailed(errors.BadCredentials("upstream text")),
)
BODY_ENDS = (
    None,
    errors.Unavailable(),
    errors.MessageGone(),
    errors.EpochChanged(),
    errors.BodyBroken(),
)


class Host:
    """Answers every effect at once, and checks what must never happen.

    Args:
        choices: Octets that decide how bodies and commits end.
        tls: Whether STLS is offered.
    """

    def __init__(self, choices=b"", *, tls=True):
        self.session = Session(RULES, fresh=lambda: b"fresh", offer=OFFER, tls_available=tls)
        self.choices = iter(choices)
        self.seen, self.written = [], b""
        self.opened = self.released = 0
        self.take(self.session.greet())

    def choose(self, options):
        return options[next(self.choices, 0) % len(options)]

    def feed(self, data):
        self.session.feed(data)
        self.work()

    def work(self):
        while True:
            pending = self.session.pending
            if pending is not None and not self.session.closed:
                self.tell(self.answer(pending))
            elif (effects := self.session.step()) is not None:
                self.take(effects)
            else:
                break
        assert self.session.buffered <= RULES.max_credentials_line or self.session.closed

    def answer(self, effect):
        if isinstance(effect, events.Open):
            return self.login(effect)
        if isinstance(effect, events.AskVerifier):
            return self.choose(VERIFIERS)
        if isinstance(effect, events.SendBody):
            failure = self.choose(BODY_ENDS)
            return events.BodyFailed(effect.ref, failure) if failure else events.BodyDone()
        if isinstance(effect, events.Commit):
            return self.choose(COMMIT_ENDS)
        if isinstance(effect, events.SendListing):
            self.written += b"".join(effect.pieces)
            return events.ListingDone()
        return events.TlsStarted() if isinstance(effect, events.StartTls) else events.Waited()

    def login(self, effect):
        if isinstance(effect.proof, SecretBytes):
            right = effect.proof.get_secret_value() == PASSWORD
        else:
            right = self.choose((True, False))
        if not right:
            return events.OpenFailed(errors.BadCredentials("upstream text"))
        self.opened += 1
        return events.Opened(MAILDROP)

    def tell(self, event):
        self.take(self.session.handle(event))

    def take(self, effects):
        for effect in effects:
            self.seen.append(effect)
            if isinstance(effect, events.Send):
                self.send(effect.data)
            self.released += isinstance(effect, events.Release)
            assert self.released <= self.opened

    def send(self, data):
        assert data.startswith((b"+OK", b"-ERR ", b"+ ")), data
        assert data.endswith(b"\r\n"), data
        assert b"upstream text" not in data
        self.written += data

    def lose(self):
        self.tell(events.Gone())
        while self.session.pending is not None:
            self.tell(self.answer(self.session.pending))
        assert self.session.closed
        assert self.released == self.opened
        assert self.session.step() is None


def any_octets(data):
    """Any octets are replies or counted bad commands, and the memory stays bounded."""
    host = Host(data[:8])
    host.feed(data[8:])
    host.lose()


def whole_is_octet_by_octet(data):
    """Where packets are cut changes nothing, as long as nothing is forgotten at STLS."""
    whole, single = Host(data[:8], tls=False), Host(data[:8], tls=False)
    whole.feed(data[8:])
    for n in range(8, len(data)):
        single.feed(data[n : n + 1])
    assert whole.written == single.written
    assert [type(effect) for effect in whole.seen] == [type(effect) for effect in single.seen]
    assert whole.session.closed == single.session.closed


def no_commit_without_quit(data):
    """Only QUIT commits."""
    host = Host(data[:8])
    host.feed(re.sub(rb"(?i)quit", b"NOOP", data[8:]))
    host.lose()
    assert not any(isinstance(effect, events.Commit) for effect in host.seen)


def unstuffed_is_the_message(data):
    """What a client makes of the wire is the message; its chunks are as the data cuts them."""
    size, message = (data[0] % 7 + 1 if data else 1), data[1:]
    stuffer = Stuffer()
    chunks = [message[n : n + size] for n in range(0, len(message), size)]
    wire = b"".join([*map(stuffer.feed, chunks), stuffer.finish()])
    assert wire.endswith(replies.TERMINATOR)
    lines = wire.removesuffix(replies.TERMINATOR).split(b"\n")
    assert not any(line.rstrip(b"\r") == b"." for line in lines)
    body = b"\n".join(line[1:] if line[:1] == b"." else line for line in lines)
    assert body in {message, message + b"\r\n"}


def top_is_a_beginning(data):
    """TOP is a beginning of the message, ends with a line, and has lines enough."""
    size, count, message = *(data[:2].ljust(2, b"\1")), data[2:]
    cutter, size = TopCutter(count), size % 7 + 1
    chunks = [message[n : n + size] for n in range(0, len(message), size)]
    top = b"".join(map(cutter.feed, chunks))
    assert message.startswith(top)
    assert cutter.finished or top == message
    assert top == message or top.endswith(b"\n")


TARGETS = {
    target.__name__: target
    for target in (
        any_octets,
        whole_is_octet_by_octet,
        no_commit_without_quit,
        unstuffed_is_the_message,
        top_is_a_beginning,
    )
}


def main(arguments):
    if not arguments or arguments[0] not in TARGETS:
        sys.exit(f"usage: target.py {'|'.join(TARGETS)} [FILE ...]")
    name, *files = arguments
    for data in map(Path.read_bytes, map(Path, files)) if files else [sys.stdin.buffer.read()]:
        TARGETS[name](data)


if __name__ == "__main__":
    main(sys.argv[1:])
