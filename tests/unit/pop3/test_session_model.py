"""A session against the whole reference there is: a list, and a set of marks."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from gateway import errors
from gateway.maildrop import Outcome
from gateway.pop3 import replies
from gateway.pop3.events import (
    BodyDone,
    BodyFailed,
    Close,
    Commit,
    CommitDone,
    CommitFailed,
    Draining,
    Gone,
    Release,
    Send,
    SendBody,
    TimedOut,
)
from tests.unit.pop3.playbook import Playbook, kinds

NUMBERS = st.integers(0, 9)


class SessionModel(RuleBasedStateMachine):
    """Every answer is worked out from `self.octets` and `self.marks` alone."""

    @initialize(octets=st.lists(st.integers(0, 2**33), max_size=8))
    def log_in(self, octets):
        self.octets, self.marks = octets, set()
        self.book = Playbook(*octets, max_bad_commands=1000).login()

    @precondition(lambda self: self.book.session.closed)
    @rule(octets=st.lists(st.integers(0, 2**33), max_size=8))
    def log_in_again(self, octets):
        self.book.check_end()
        self.log_in(octets)

    def teardown(self):
        if hasattr(self, "book"):
            self.book.lose()
            self.book.check_end()

    @property
    def shown(self):
        return [n for n in range(1, len(self.octets) + 1) if n not in self.marks]

    @property
    def total(self):
        return sum(self.octets[n - 1] for n in self.shown)

    def refusal(self, number):
        if number in self.marks:
            return replies.MARKED
        return None if number in self.shown else replies.NO_SUCH_MESSAGE

    in_session = precondition(lambda self: not self.book.session.closed)

    @in_session
    @rule()
    def stat(self):
        assert self.book.ask(b"STAT") == b"+OK %d %d\r\n" % (len(self.shown), self.total)

    @in_session
    @rule()
    def list_all(self):
        status, *rows = self.book.ask(b"LIST").split(b"\r\n")
        assert status.startswith(b"+OK %d message" % len(self.shown))
        wanted = [b"%d %d" % (n, self.octets[n - 1]) for n in self.shown]
        assert rows == [*wanted, b".", b""]

    @in_session
    @rule()
    def uidl_all(self):
        _, *rows = self.book.ask(b"UIDL").split(b"\r\n")
        assert rows == [*(b"%d 7.%d" % (n, n) for n in self.shown), b".", b""]

    @in_session
    @rule(number=NUMBERS)
    def list_one(self, number):
        answer = self.refusal(number) or b"+OK %d %d\r\n" % (number, self.octets[number - 1])
        assert self.book.ask(b"LIST %d" % number) == answer

    @in_session
    @rule(number=NUMBERS)
    def uidl_one(self, number):
        answer = self.refusal(number) or b"+OK %d 7.%d\r\n" % (number, number)
        assert self.book.ask(b"UIDL %d" % number) == answer

    @in_session
    @rule(number=NUMBERS)
    def dele(self, number):
        refused = self.refusal(number)
        answer = self.book.ask(b"DELE %d" % number)
        assert answer == (refused or replies.marked(number))
        if not refused:
            self.marks.add(number)

    @in_session
    @rule()
    def rset(self):
        self.marks.clear()
        assert self.book.ask(b"RSET") == replies.reset(len(self.octets), sum(self.octets))

    @in_session
    @rule(number=NUMBERS, top=st.one_of(st.none(), st.integers(0, 5)), fails=st.booleans())
    def body(self, number, top, fails):
        line = b"RETR %d" % number if top is None else b"TOP %d %d" % (number, top)
        effects = self.book.say(line)
        if refused := self.refusal(number):
            assert effects == [Send(refused)]
            return
        ref = f"ref-{number}"
        assert effects == [SendBody(ref, self.octets[number - 1], top)]
        answer = BodyFailed(ref, errors.Unavailable()) if fails else BodyDone()
        assert kinds(self.book.tell(answer)) == ([Send] if fails else [])

    @in_session
    @rule(line=st.sampled_from([b"NOOP", b"CAPA", b"FOO", b"USER a", b"RETR x", b"DELE"]))
    def what_changes_nothing(self, line):
        assert kinds(self.book.say(line)) == [Send]

    @in_session
    @rule(event=st.sampled_from([Gone(), TimedOut(), Draining()]))
    def end_without_quit(self, event):
        assert Release in kinds(self.book.tell(event))
        assert not self.book.count(Commit)

    @in_session
    @rule(fails=st.booleans(), kept=st.booleans())
    def quit(self, fails, kept):
        effects = self.book.say(b"QUIT")
        if not self.marks:
            assert effects == [Send(replies.GOODBYE), Release(), Close()]
            return
        refs = tuple(f"ref-{n}" for n in sorted(self.marks))
        assert [effect.plan.remove for effect in effects] == [refs]
        outcome = Outcome(refs[1:], refs[:1]) if kept else Outcome(refs, ())
        event = CommitFailed(errors.Unavailable()) if fails else CommitDone(outcome)
        answer, *rest = self.book.tell(event)
        assert answer.data.startswith(b"-ERR [SYS/TEMP]" if fails or kept else b"+OK")
        assert rest == [Release(), Close()]


TestSessionModel = SessionModel.TestCase
TestSessionModel.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
