"""Random faults, random clients: the whole gateway in memory, and what must hold throughout.

A script is a list of steps: clients send, pause, half-close and vanish, time passes, the
upstream hangs, fails, loses messages and changes its epoch. Whatever the script:

- every command has one reply, in order, and nothing gets inside a message;
- a message that looks complete is the message;
- without QUIT nothing reaches commit, and a plan is exactly what was marked;
- QUIT says +OK only if the marked messages are gone, and no other is ever lost;
- each lease is released exactly once, each upstream session is closed, no timer is left;
- a client that has become silent, or takes nothing any more, does not stay;
- octet by octet is the same as whole;
- no defect shows.
"""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import errors
from gateway.pop3 import replies
from tests.support.fake_backend import FakeBackend, FakeSession
from tests.unit.server.doubles import World

MESSAGES = [
    b"Subject: 1\r\n\r\n.\r\n..\r\n.\r\nbody\r\n",
    b".first\r\n\r\n" + b"x" * 300 + b"\r\n.\r\n",
    b"Subject: 3\r\n\r\nno end",
    b"",
]
USER, PASSWORD = b"user", b"pass word"
LOGIN = (b"USER " + USER, b"PASS " + PASSWORD)
MULTILINE = (b"LIST", b"UIDL", b"CAPA", b"RETR", b"TOP")
FAILURES = [
    errors.Unavailable,
    errors.Misconfigured,
    errors.BadCredentials,
    errors.ConsentMissing,
    errors.Throttled,
    errors.MaildropBusy,
    errors.MessageGone,
    errors.EpochChanged,
    errors.PartialCommit,
]

# ---- scripts

numbers = st.integers(0, 6).map(lambda n: b"%d" % n)
commands = st.one_of(
    st.sampled_from(
        [
            b"STAT",
            b"LIST",
            b"UIDL",
            b"NOOP",
            b"RSET",
            b"QUIT",
            b"CAPA",
            b"",
            b"BOGUS",
            b"PASS x",
        ]
    ),
    st.tuples(st.sampled_from([b"RETR", b"DELE", b"LIST", b"UIDL"]), numbers).map(b" ".join),
    st.tuples(numbers, numbers).map(lambda pair: b"TOP " + b" ".join(pair)),
)
packets = st.one_of(
    st.just(LOGIN),
    st.lists(commands, min_size=1, max_size=6),
    st.tuples(numbers, commands).map(
        lambda pair: (b"RETR " + pair[0], b"DELE " + pair[0], pair[1], b"QUIT")
    ),
)
clients = st.integers(0, 1)
steps_of_upstream = st.sampled_from(["open", "snapshot", "body", "commit", "close"])
steps = st.one_of(
    st.tuples(st.just("send"), clients, packets),
    st.tuples(st.just("send"), clients, packets),
    st.tuples(st.just("half_close"), clients),
    st.tuples(st.just("lose"), clients),
    st.tuples(st.just("take"), clients, st.integers(1, 400)),
    st.tuples(st.just("advance"), st.sampled_from([0.5, 3, 61, 601])),
    st.tuples(st.just("hang"), steps_of_upstream),
    st.tuples(st.just("go_on")),
    st.tuples(st.just("fail"), steps_of_upstream, st.sampled_from(FAILURES)),
    st.tuples(st.just("body_after"), st.integers(0, 40)),
    st.tuples(st.just("heal")),
    st.tuples(st.just("remove"), st.integers(1, 4)),
    st.tuples(st.just("epoch")),
    st.tuples(st.just("keeps"), st.frozensets(st.integers(1, 4))),
)
beginnings = st.sampled_from(
    [
        [("send", 0, LOGIN)],
        [("send", 0, LOGIN), ("send", 1, LOGIN)],
        [("send", 0, LOGIN), ("take", 0, 400), ("send", 0, (b"RETR 2",)), ("take", 0, 400)],
    ]
)
scripts = st.tuples(beginnings, st.lists(steps, max_size=25)).map(lambda two: two[0] + two[1])
chunkings = st.lists(st.integers(1, 40), min_size=1, max_size=3).map(tuple)


# ---- playing one


class Upstream(FakeBackend):
    """As the world expects it; a session remembers its maildrop and its plan."""

    def __init__(self, chunks):
        super().__init__(MESSAGES, USER, PASSWORD)
        self.chunks = self.faults.chunks = chunks
        self.removed_by_others = set()

    async def open(self, login):
        await super().open(login)
        self.sessions[-1] = _Session(self)
        return self.sessions[-1]

    def heal(self):
        self.faults = type(self.faults)(hang=self.faults.hang, chunks=self.chunks)


class _Session(FakeSession):
    maildrop = plan = None

    @property
    def closed(self):
        return self.closes

    async def snapshot(self):
        self.maildrop = await super().snapshot()
        return self.maildrop

    async def commit(self, plan):
        assert self.plan is None, "two commits in one session"
        self.plan = plan
        return await super().commit(plan)


class Play:
    def __init__(self, directory, chunks, room=None, piecewise=False):
        self.upstream = Upstream(chunks)
        self.world = World(
            directory,
            upstream=self.upstream,
            rules={
                "failed_login_delay": 2,
                "max_failed_logins": 1000,
                "max_bad_commands": 1000,
                "max_bad_commands_before_login": 1000,
                "max_commands_before_login": 1000,
            },
        )
        self.piecewise = piecewise
        self.clients = [self.world.client(room=room) for _ in range(2)]
        self.sent = [[], []]
        self.halved = set()

    def run(self, script):
        for name, *details in script:
            getattr(self, f"do_{name}")(*details)
        return self

    def do_send(self, number, lines):
        client = self.clients[number]
        if client.wire.lost or client.wire.aborted or number in self.halved:
            return
        self.sent[number].extend(lines)
        octets = b"".join(line + b"\r\n" for line in lines)
        for piece in (
            [octets[n : n + 1] for n in range(len(octets))] if self.piecewise else [octets]
        ):
            client.push(piece)

    def do_half_close(self, number):
        client = self.clients[number]
        if not client.wire.lost and number not in self.halved:
            self.halved.add(number)
            client.half_close()

    def do_lose(self, number):
        self.clients[number].lose()

    def do_take(self, number, octets):
        self.clients[number].wire.take(octets)

    def do_advance(self, seconds):
        self.world.clock.advance(seconds)

    def do_hang(self, step):
        self.upstream.faults.hang.add(step)

    def do_go_on(self):
        self.upstream.go_on()

    def do_fail(self, step, failure):
        if hasattr(self.upstream.faults, step):
            setattr(self.upstream.faults, step, failure("said the upstream"))

    def do_body_after(self, octets):
        self.upstream.faults.body_after = octets

    def do_heal(self):
        self.upstream.heal()

    def do_remove(self, ref):
        if ref in self.upstream.messages:
            self.upstream.removed_by_others.add(ref)
            self.upstream.remove(ref)

    def do_epoch(self):
        self.upstream.change_epoch()

    def do_keeps(self, refs):
        self.upstream.faults.commit_keeps = refs

    def end(self):
        """Whatever still runs comes to its end; then nothing may be left."""
        self.upstream.heal()
        self.upstream.go_on()
        # Clients that say nothing and take nothing are all sent away in the end.
        for _ in range(6):
            self.world.clock.advance(601)
        self.world.clock.advance(0)
        assert all(client.wire.lost for client in self.clients)
        self.world.everything_is_given_back()
        assert not self.world.named("internal_error")
        planned = {ref for s in self.upstream.sessions if s.plan for ref in s.plan.remove}
        gone = set(range(1, len(MESSAGES) + 1)) - set(self.upstream.messages)
        assert gone <= planned | self.upstream.removed_by_others
        self.world.journal.close()


# ---- judging it


class Transcript:
    """One client's wire, read command by command."""

    def __init__(self, commands, wire):
        assert wire.startswith(replies.GREETING)
        self.rest = wire[len(replies.GREETING) :]
        self.marks, self.quits = set(), []
        self.logged_in = False
        for command in commands:
            if not self.rest:
                break
            self.read(command)
        assert not self.rest, f"octets that nobody asked for: {self.rest!r}"

    def read(self, command):
        verb, _, argument = command.partition(b" ")
        status, end, self.rest = self.rest.partition(b"\r\n")
        assert end, f"half a line: {status!r}"
        assert status.startswith((b"+OK", b"-ERR")), status
        if status.startswith(b"-ERR"):
            if verb == b"QUIT":
                self.quits.append((status, frozenset(self.marks)))
            return
        if verb in MULTILINE and (verb in {b"RETR", b"TOP", b"CAPA"} or not argument):
            self.multiline(verb, argument, status)
        elif verb == b"PASS":
            self.logged_in = True
        elif verb == b"DELE":
            self.marks.add(int(argument))
        elif verb == b"RSET":
            self.marks.clear()
        elif verb == b"QUIT":
            self.quits.append((status, frozenset(self.marks)))

    def multiline(self, verb, argument, status):
        whole = b"\r\n" + self.rest
        end = whole.find(b"\r\n.\r\n")
        body, self.rest = (
            (whole[2:], b"") if end < 0 else (whole[2 : end + 2], whole[end + 5 :])
        )
        if verb != b"RETR":
            return
        message = body.replace(b"\r\n.", b"\r\n").removeprefix(b".")
        candidates = [m for m in MESSAGES if status == b"+OK %d octets" % len(m)]
        if end < 0:
            assert any(m.startswith(message) for m in candidates), "no message begins so"
        else:
            ended = [m if m.endswith(b"\r\n") or not m else m + b"\r\n" for m in candidates]
            assert message in ended, "it looks complete and is not the message"


def judge(play):
    """What the wires say, against what the upstream was asked to do."""
    told = []
    for client, commands in zip(play.clients, play.sent, strict=True):
        transcript = Transcript(commands, bytes(client.wire.sent))
        told.extend(transcript.quits)
    committed = [session for session in play.upstream.sessions if session.plan]
    quits = [lines.count(b"QUIT") for lines in play.sent]
    assert len(committed) <= sum(quits)
    for session in committed:
        positions = [list(session.maildrop.refs).index(ref) + 1 for ref in session.plan.remove]
        assert positions, "an empty plan"
        assert session.plan.epoch == session.maildrop.epoch
        answered = [status for status, marks in told if marks == set(positions)]
        if any(b"removed, goodbye" in status for status in answered) and len(committed) == 1:
            assert not set(session.plan.remove) & set(play.upstream.messages)
    for status, marks in told:
        if b"removed, goodbye" in status:
            assert status.split()[1] == b"%d" % len(marks)
            assert committed


def played(script, chunks, **options):
    with tempfile.TemporaryDirectory(prefix="fuzz-") as directory:
        play = Play(Path(directory), chunks, **options).run(script)
        wires = [bytes(client.wire.sent) for client in play.clients]
        play.end()
        judge(play)
        return wires


few = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@few
@given(scripts, chunkings, st.sampled_from([None, 10, 200]))
def test_whatever_fails_nothing_is_lost_faked_or_left_hanging(script, chunks, room):
    played(script, chunks, room=room)


@few
@given(scripts, chunkings)
def test_octet_by_octet_is_the_same_as_whole(script, chunks):
    assert played(script, chunks) == played(script, chunks, piecewise=True)
