"""The harness notices what it is there to notice."""

import pytest
from pydantic import SecretBytes
from twisted.internet.defer import Deferred

from gateway import errors
from gateway.maildrop import CommitPlan, Login, Outcome
from tests.protocol.dialog import Mismatch, Player, octets, pattern, read
from tests.protocol.memory_runner import MemoryRunner
from tests.protocol.pure_runner import PureRunner
from tests.support.fake_backend import FakeBackend


@pytest.fixture(params=[PureRunner, MemoryRunner])
def play(request, tmp_path):
    def play(text):
        path = tmp_path / "rfc0-test.pop3"
        path.write_text(text)
        dialog = read(path)
        Player(dialog, request.param(dialog)).play()

    return play


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", b""),
        (r"\x00\xff\r\n\t\0\\", b"\0\xff\r\n\t\0\\"),
        (r"a\{b*3}c", b"abbbc"),
        (r"\{\x00*2}", b"\0\0"),
        ("ü*", b"\xc3\xbc*"),
        (r"\*", b"*"),
    ],
)
def test_octets(text, found):
    assert octets(text) == found


@pytest.mark.parametrize(
    ("text", "line", "matches"),
    [
        ("+OK *", b"+OK 2 320", True),
        ("+OK *", b"+OK ", True),
        ("+OK *", b"+OK\r\n", False),
        ("+OK", b"+OK more", False),
        ("a.c", b"abc", False),
        (r"\*", b"*", True),
        (r"\*", b"x", False),
        ("1 *.*", b"1 7.9", True),
    ],
)
def test_patterns(text, line, matches):
    assert bool(pattern(text).match(line)) is matches


def test_good_dialog(play):
    play("# all is well\n@greeting\n@login\nC: NOOP\nS: +OK Done\n")


@pytest.mark.parametrize(
    "text",
    [
        "@greeting\nC: NOOP\nS: +OK *\n",
        "@greeting\nC: NOOP\n",
        "@greeting\nS: +OK\n",
        "@greeting\n@closed\n",
        "@greeting\n@reset\n",
        "@greeting\nC: QUIT\nS: +OK *\n",
        "@greeting\n@login\nC: DELE 1\nC: QUIT\nS: +OK *\nS: +OK *\n@closed\n@left 1 2 3\n",
        "@greeting\n@login\nC: LIST\nS: ...\n",
        "@greeting\n@login\nC*2: NOOP\nS*3: +OK *\n",
    ],
)
def test_wrong_dialog_is_a_mismatch(play, text):
    with pytest.raises(AssertionError):
        play(text)


def test_mismatch_names_file_and_line(play):
    with pytest.raises(Mismatch, match=r"rfc0-test.pop3:3: .*line 3"):
        play("@greeting\nC: STAT\nS: +OK *\n")


@pytest.mark.parametrize("text", ["X: what\n", "@greeting\n@backend dances\n"])
def test_what_the_language_does_not_know_is_an_error(play, text):
    with pytest.raises(ValueError):
        play(text)


# ---- the fake upstream keeps the contract of the port


class Sink:
    def __init__(self):
        self.begun, self.chunks = [], []

    def begin(self, octets):
        self.begun.append(octets)

    def write(self, chunk):
        assert self.begun
        self.chunks.append(chunk)


def result(coroutine):
    found = []
    Deferred.fromCoroutine(coroutine).addBoth(found.append)
    return found[0] if found else "waits"


async def started(body, sink):
    return await body.start(sink)


def session_of(backend):
    session = result(backend.open(Login(backend.user, SecretBytes(backend.password))))
    assert list(result(session.snapshot()).refs) == sorted(backend.messages)
    return session


def test_bodies_are_cut_where_told_and_announced():
    backend = FakeBackend([b"abcdef"])
    backend.faults.chunks = (1, 3)
    sink = Sink()
    assert result(started(session_of(backend).body(1), sink)) == 6
    assert (sink.begun, sink.chunks) == ([6], [b"a", b"bcd", b"e", b"f"])


def test_body_waits_while_paused_and_ends_when_stopped():
    backend = FakeBackend([b"abcdef"])
    backend.faults.chunks = (2,)
    sink, body = Sink(), session_of(backend).body(1)
    sink.write = lambda chunk: (sink.chunks.append(chunk), body.pause())
    ended = []
    Deferred.fromCoroutine(started(body, sink)).addBoth(ended.append)
    assert (sink.chunks, ended) == ([b"ab"], [])
    body.resume()
    assert (sink.chunks, ended) == ([b"ab", b"cd"], [])
    body.stop()
    assert (sink.chunks, ended) == ([b"ab", b"cd"], [4])


def test_body_breaks_only_after_begin_and_fails_only_before():
    backend = FakeBackend([b"abcdef"])
    session = session_of(backend)
    backend.faults.body_after = 4
    sink = Sink()
    assert result(started(session.body(1), sink)).type is errors.BodyBroken
    assert b"".join(sink.chunks) == b"abcd"
    backend.faults.body_after, backend.faults.body = None, errors.Unavailable()
    sink = Sink()
    assert result(started(session.body(1), sink)).type is errors.Unavailable
    assert sink.begun == []
    backend.faults.body = None
    backend.remove(1)
    assert result(started(session.body(1), sink)).type is errors.MessageGone


def test_commit_removes_the_plan_and_counts_what_is_gone_already_as_removed():
    backend = FakeBackend([b"a", b"b", b"c"])
    session = session_of(backend)
    backend.remove(1)
    backend.faults.commit_keeps = frozenset({3})
    assert result(session.commit(CommitPlan("", (1, 2, 3)))) == Outcome((1, 2), (3,))
    assert sorted(backend.messages) == [3]


def test_epoch_that_moved_is_noticed_at_bodies_and_commits():
    backend = FakeBackend([b"a"])
    session = session_of(backend)
    backend.change_epoch()
    assert result(session.commit(CommitPlan("", (1,)))).type is errors.EpochChanged
    assert result(started(session.body(1), Sink())).type is errors.EpochChanged
    assert sorted(backend.messages) == [1]


def test_hanging_steps_wait_until_told():
    backend = FakeBackend([b"a"])
    backend.faults.hang = {"snapshot"}
    session = result(backend.open(Login(backend.user, SecretBytes(backend.password))))
    ended = []
    Deferred.fromCoroutine(session.snapshot()).addBoth(ended.append)
    assert (ended, backend.waiting) == ([], ["snapshot"])
    backend.go_on()
    assert len(ended[0]) == 1
    result(session.close())
    assert (backend.counts["snapshot"], backend.counts["close"], backend.left_open) == (
        1,
        1,
        [],
    )
