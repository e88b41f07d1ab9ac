r"""UPDATE in one round trip: what goes out before any answer, and that haste harms nobody."""

import contextlib
from itertools import pairwise

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure as Reason

from gateway.backend.imap.commit import Update
from gateway.backend.imap.connection import Connection
from gateway.backend.imap.encoder import uid_sets
from gateway.backend.imap.reader import Limits
from gateway.backend.imap.settings import ImapSettings
from gateway.errors import Unavailable
from gateway.maildrop import CommitPlan, Outcome
from gateway.telemetry import Emitter
from tests.support.fake_imap import FakeImap, after, answer, close, do, hang, reset

FULL = "IMAP4rev1 AUTH=PLAIN SASL-IR UIDPLUS MOVE"
UIDPLUS = "IMAP4rev1 AUTH=PLAIN SASL-IR UIDPLUS"
BARE = "IMAP4rev1 AUTH=PLAIN SASL-IR"
PLUS = rb"+FLAGS.SILENT (\Deleted)"
MINUS = rb"-FLAGS.SILENT (\Deleted)"


class Transport(StringTransport):
    aborted = False

    def setTcpNoDelay(self, enabled):
        pass

    setTcpKeepAlive = setTcpNoDelay

    def abortConnection(self):
        self.aborted = True


class Upstream:
    """The server's end, played by hand: `commands` are those not yet taken."""

    def __init__(self, capabilities):
        self.transport = Transport()
        self.events = []
        self.emit = Emitter(lambda event, context: self.events.append(event.name()))
        self.connection = Connection(Clock(), self.emit, Limits(), 60)
        self.connection.greeting.addErrback(lambda _: None)
        self.connection.makeConnection(self.transport)
        self.say(b"* OK [CAPABILITY %b] hello" % capabilities.encode())
        self.say(b"* 9 EXISTS", b"* OK [UIDVALIDITY 1000] x")

    def say(self, *lines):
        self.connection.dataReceived(b"".join(line + b"\r\n" for line in lines))

    def commands(self):
        """(tag, text) of what came since the last call."""
        octets = self.transport.value()
        self.transport.clear()
        return [tuple(line.split(b" ", 1)) for line in octets.split(b"\r\n")[:-1]]

    def texts(self, commands):
        return [text for _, text in commands]

    def ok(self, commands, found=()):
        """Answer all of these; searches find in turn what is in `found`."""
        found = list(found)
        for tag, text in commands:
            if b"SEARCH" in text:
                self.say(b"* SEARCH" + (found.pop(0) if found else b""))
            self.say(tag + b" OK done")

    def confirm(self, uid_set, *also, found=None):
        """Once more a search for what is still there, which finds all of it or `found`."""
        (command,) = self.commands()
        assert command[1] == b" ".join([b"UID SEARCH UID " + uid_set, *also])
        uids = b"".join(
            b" %d" % uid
            for text in uid_set.split(b",")
            for uid in range(int(text.split(b":")[0]), int(text.split(b":")[-1]) + 1)
        )
        self.ok([command], [uids if found is None else found])

    def update(self, *uids, **settings):
        update = Update(self.connection, ImapSettings(**settings), self.emit)
        result = []
        started = Deferred.fromCoroutine(update.run(CommitPlan("1000", uids)))
        started.addBoth(result.append)
        return result


DELETION = [
    b"UID SEARCH UID 1:2 DELETED",
    b"UID STORE 1:2 " + PLUS,
    b"UID EXPUNGE 1:2",
    *[b"NOOP"] * 3,
    b"UID SEARCH UID 1:2",
]
MOVING = [b'UID MOVE 1:2 "Trash"', *[b"NOOP"] * 3, b"UID SEARCH UID 1:2"]
FLAGGING = [b"UID STORE 1:2 " + PLUS, *[b"NOOP"] * 3, b"UID SEARCH UID 1:2 UNDELETED"]
WAYS = pytest.mark.parametrize(
    ("delete", "expected"), [("expunge", DELETION), ("move", MOVING), ("flag", FLAGGING)]
)


@WAYS
def test_one_round_trip(delete, expected):
    upstream = Upstream(FULL)
    result = upstream.update(1, 2, delete=delete)
    commands = upstream.commands()
    assert upstream.texts(commands) == expected
    assert result == []
    upstream.ok(commands)
    assert result == [Outcome((1, 2), ())]
    assert upstream.commands() == []


@WAYS
def test_the_answer_waits_for_the_last_command(delete, expected):
    upstream = Upstream(FULL)
    result = upstream.update(1, 2, delete=delete)
    commands = upstream.commands()
    upstream.ok(commands[:-1])
    assert result == []


def test_what_was_kept_loses_our_mark_and_no_other():
    upstream = Upstream(FULL)
    result = upstream.update(1, 2, 3, 4)
    upstream.ok(upstream.commands(), [b" 2", b" 1 2 3"])
    upstream.confirm(b"1:3")
    commands = upstream.commands()
    assert upstream.texts(commands) == [b"UID STORE 1,3 " + MINUS]
    assert result == []
    upstream.ok(commands)
    assert result == [Outcome((4,), (1, 2, 3))]


@WAYS
def test_found_because_the_search_came_too_early(delete, expected):
    upstream = Upstream(FULL)
    result = upstream.update(1, 2, delete=delete)
    searches = sum(b"SEARCH" in text for text in expected)
    upstream.ok(upstream.commands(), [b""] * (searches - 1) + [b" 1 2"])
    assert result == []
    also = [b"UNDELETED"] if delete == "flag" else []
    upstream.confirm(b"1:2", *also, found=b"")
    assert upstream.commands() == []
    assert result == [Outcome((1, 2), ())]


def test_found_without_having_been_asked_for():
    upstream = Upstream(FULL)
    result = upstream.update(1, 2)
    upstream.ok(upstream.commands(), [b" 9", b" 7 8 9"])
    assert upstream.commands() == []
    assert result == [Outcome((1, 2), ())]


@pytest.mark.parametrize("number", range(7))
def test_new_uidvalidity_at_any_answer(number):
    upstream = Upstream(FULL)
    result = upstream.update(1, 2)
    commands = upstream.commands()
    upstream.ok(commands[:number])
    upstream.say(b"* OK [UIDVALIDITY 1001] moved")
    upstream.ok(commands[number:], [b" 1 2", b" 1 2"])
    assert result[0].type is Unavailable
    assert upstream.commands() == []


@pytest.mark.parametrize("number", range(7))
def test_lost_at_any_answer(number):
    upstream = Upstream(FULL)
    result = upstream.update(1, 2)
    upstream.ok(upstream.commands()[:number])
    upstream.connection.connectionLost(Reason(ConnectionLost()))
    assert result[0].type is Unavailable
    assert upstream.commands() == []


@pytest.mark.parametrize("reply", [b"NO x", b"BAD x"])
@pytest.mark.parametrize("number", [0, 6])
def test_search_refused(number, reply):
    """Unknown is unknown; but no mark of ours stays for others to expunge."""
    upstream = Upstream(FULL)
    result = upstream.update(1, 2)
    commands = upstream.commands()
    refused = commands.pop(number)
    found = [b" 1 2"] if number == 0 else [b" 2"]
    upstream.ok(commands[:number], found)
    upstream.say(refused[0] + b" " + reply)
    upstream.ok(commands[number:], found)
    commands = upstream.commands()
    rest = b"1:2" if number == 0 else b"1"
    assert upstream.texts(commands) == [b"UID STORE %b " % rest + MINUS]
    upstream.ok(commands)
    assert result[0].type is Unavailable


# A server that does not keep to the order (RFC 3501 §5.5 forbids it).


def test_answers_in_another_order():
    upstream = Upstream(FULL)
    result = upstream.update(1, 2)
    search, store, expunge, *noops, look = upstream.commands()
    upstream.ok([search, expunge, *noops, look, store], [b" 1", b" 1 2"])
    marked, there = [b" 1 2"], [b" 2"]
    again = [text for text in DELETION if text != b"NOOP"]
    for expected, found in zip(again, (marked, (), (), there), strict=True):
        assert result == []
        commands = upstream.commands()
        assert upstream.texts(commands) == [expected]
        upstream.ok(commands, found)
    upstream.confirm(b"2")
    commands = upstream.commands()
    assert upstream.texts(commands) == [b"UID STORE 2 " + MINUS]  # whoever's it was
    upstream.ok(commands)
    assert result == [Outcome((1,), (2,))]


@WAYS
def test_another_order_is_not_trusted_again(delete, expected):
    upstream = Upstream(FULL)
    uids = tuple(range(1, 10_003))
    result = upstream.update(*uids, delete=delete)
    upstream.ok(reversed(upstream.commands()))
    while commands := upstream.commands():
        assert len(commands) == 1
        upstream.ok(commands)
    assert result == [Outcome(uids, ())]


def test_the_data_of_a_late_search_is_not_taken_for_that_of_another():
    upstream = Upstream(FULL)
    result = upstream.update(1, 2)
    search, store, expunge, *noops, look = upstream.commands()
    upstream.say(b"* SEARCH 1 2", look[0] + b" OK x", b"* SEARCH", search[0] + b" OK x")
    upstream.ok([store, expunge, *noops])
    found = iter([b"", b" 1 2", b" 1 2"])
    while commands := upstream.commands():
        upstream.ok(commands, [next(found)] if b"SEARCH" in commands[0][1] else ())
    assert result == [Outcome((), (1, 2))]


# Bounds.


@pytest.mark.parametrize("step", [1, 2, 7])
@pytest.mark.parametrize("delete", ["expunge", "move", "flag"])
def test_what_is_in_flight_is_bounded(delete, step):
    upstream = Upstream(FULL)
    uids = tuple(range(1, 100_001 * step, step))[:100_000]
    result = upstream.update(*uids, delete=delete)
    waves = 0
    while commands := upstream.commands():
        texts = upstream.texts(commands)
        assert sum(map(len, texts)) < 66_000
        assert max(map(len, texts)) < 8_000
        assert len(texts) > 1
        searches = [number for number, text in enumerate(texts) if b"SEARCH" in text]
        assert all(last - first > 3 for first, last in pairwise(searches))
        upstream.ok(commands)
        waves += 1
    assert result == [Outcome(uids, ())]
    assert waves >= 10


def test_ten_thousand_are_one_round_trip():
    upstream = Upstream(FULL)
    result = upstream.update(*range(1, 10_001))
    upstream.ok(upstream.commands())
    assert result == [Outcome(tuple(range(1, 10_001)), ())]


def test_after_a_failed_wave_nothing_more_is_sent():
    upstream = Upstream(FULL)
    result = upstream.update(*range(1, 30_001), delete="move")
    commands = upstream.commands()
    upstream.ok(commands[:-1])
    upstream.say(commands[-1][0] + b" NO x")
    assert upstream.commands() == []
    assert result[0].type is Unavailable


# Where order is safety, nothing is sent early.


def test_nothing_is_marked_before_its_copy_is_there():
    upstream = Upstream(UIDPLUS)
    result = upstream.update(1, 2, delete="move")
    (copy,) = upstream.commands()
    assert copy[1] == b'UID COPY 1:2 "Trash"'
    upstream.ok([copy])
    commands = upstream.commands()
    assert upstream.texts(commands) == DELETION
    upstream.ok(commands)
    assert result == [Outcome((1, 2), ())]


def test_without_uidplus_one_after_the_other():
    upstream = Upstream(BARE)
    result = upstream.update(1, 2)
    heard = []
    while commands := upstream.commands():
        assert len(commands) == 1
        heard += upstream.texts(commands)
        marked = {1: b" 5", 4: b" 1 2"}.get(len(heard), b"")
        upstream.ok(commands, [marked])
    assert heard == [
        b"UID SEARCH DELETED",
        b"UID STORE 1:2 " + PLUS,
        b"UID STORE 5 " + MINUS,
        b"UID SEARCH DELETED",
        b"EXPUNGE",
        b"UID STORE 5 " + PLUS,
        b"UID SEARCH UID 1:2",
    ]
    assert result == [Outcome((1, 2), ())]


def test_moving_makes_the_folder_once_for_all():
    upstream = Upstream(FULL)
    uids = range(1, 4001, 2)
    one, other = (uid_set for uid_set, _ in uid_sets(uids))
    result = upstream.update(*uids, delete="move")
    commands = upstream.commands()
    moves = [b'UID MOVE %b "Trash"' % uid_set for uid_set in (one, other)]
    looks = [b"UID SEARCH UID " + uid_set for uid_set in (one, other)]
    noops = [b"NOOP"] * 3
    texts = upstream.texts(commands)
    assert texts == [moves[0], *noops, looks[0], moves[1], *noops, looks[1]]
    for tag, text in commands:
        if text in moves:
            upstream.say(tag + b" NO [TRYCREATE] x")
        else:
            upstream.ok([(tag, text)], [b" 1 3 3999"])
    looks[1:1] = noops
    for expected in ([b'CREATE "Trash"'], moves, looks):
        commands = upstream.commands()
        assert upstream.texts(commands) == expected
        upstream.ok(commands, [b"", b" 3999"])
    upstream.confirm(b"3999")
    assert result == [Outcome(tuple(uids)[:-1], (3999,))]
    assert upstream.events == []


# Before a server that does what it is told.


def box(capabilities=FULL):
    """Six messages; others have marked 2, which is in the plan, and 6, which is not."""
    server = FakeImap([b"message %d" % n for n in range(6)], capabilities=capabilities)
    server.create("Trash")
    for message in server.inbox.messages:
        if message.uid in {2, 6}:
            message.flags.add("\\Deleted")
    return server


def judge(server, outcome, delete=None):
    """Nothing but ours is gone or marked; what was reported is the truth."""
    assert [uid for uid in server.inbox.uids if uid > 3] == [4, 5, 6]
    marked = {m.uid for m in server.inbox.messages if "\\Deleted" in m.flags}
    assert marked - {1, 2, 3} == {6}
    if outcome is not None:
        assert set(outcome.kept) == {1, 2, 3} & set(server.inbox.uids)
        assert set(outcome.removed) == {1, 2, 3} - set(server.inbox.uids)
        assert marked <= {2, 6}
        if delete == "move":
            there = {message.octets for message in server.folders["Trash"].messages}
            assert {b"message %d" % (uid - 1) for uid in outcome.removed} <= there


STAGES = ["SEARCH", "STORE", "EXPUNGE", "MOVE", "COPY"]


@pytest.mark.parametrize("capabilities", [FULL, UIDPLUS], ids=["full", "+"])
@pytest.mark.parametrize("delete", ["expunge", "move"])
@pytest.mark.parametrize("action", [answer("NO x"), answer("BAD x"), after("NO x")])
@pytest.mark.parametrize("skip", [0, 1])
@pytest.mark.parametrize("stage", STAGES)
@pytest_twisted.ensureDeferred
async def test_each_command_refused(gateway, capabilities, delete, stage, skip, action):
    with box(capabilities) as server:
        session, _ = await gateway.opened(server, delete=delete)
        server.fault(stage, action, times=1, skip=skip)
        outcome = None
        try:
            outcome = await session.commit(CommitPlan("1000", (1, 2, 3)))
        except Unavailable:
            assert stage == "SEARCH"
        judge(server, outcome, delete)


@pytest.mark.parametrize("capabilities", [FULL, UIDPLUS, BARE], ids=["full", "+", "bare"])
@pytest.mark.parametrize("delete", ["expunge", "move"])
@pytest.mark.parametrize("action", [reset, close, hang])
@pytest.mark.parametrize("number", range(7))
@pytest_twisted.ensureDeferred
async def test_lost_at_each_command(gateway, capabilities, delete, action, number):
    with box(capabilities) as server:
        session, _ = await gateway.opened(server, delete=delete, command_timeout=0.2)
        server.fault("*", action, times=1, skip=number)
        with contextlib.suppress(Unavailable):
            outcome = await session.commit(CommitPlan("1000", (1, 2, 3)))
            assert outcome == Outcome((1, 2, 3), ())
        assert [uid for uid in server.inbox.uids if uid > 3] == [4, 5, 6]
        if capabilities != BARE:  # there others' marks come off before EXPUNGE, by design
            judge(server, None)


@pytest_twisted.ensureDeferred
async def test_a_mark_that_comes_with_the_update_under_way(gateway):
    def mark(server):
        server.inbox.messages[4].flags.add("\\Deleted")

    with box() as server:
        session, _ = await gateway.opened(server)
        server.fault("EXPUNGE", do(mark))
        outcome = await session.commit(CommitPlan("1000", (1, 2, 3)))
        assert outcome == Outcome((1, 2, 3), ())
        assert server.inbox.uids == [4, 5, 6]
