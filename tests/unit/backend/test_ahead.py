"""Delivering what was asked for ahead, the same for every protocol."""

import pytest
from twisted.internet.defer import Deferred, succeed

from gateway.backend.ahead import AT_ONCE, AheadBody, KeptBody
from tests.unit.backend.imap.reader import Sink

SMALL = [b"one", b"", b"two"]
LARGE = [b"x" * 65_536] * 4


class Claim:
    """A message that has come, will come, or did not."""

    def __init__(self, chunks, *, finished=True):
        self.chunks = chunks
        self.finished = finished
        self.waiting = Deferred()
        self.kept = True

    def when_finished(self):
        return self.waiting

    def come(self):
        self.finished = True
        self.waiting.callback(None)

    def lend(self):
        chunks, self.chunks = self.chunks, None
        return chunks

    def give_up(self):
        self.kept = False


class Row:
    """What one session has asked for ahead."""

    def __init__(self, claim):
        self.found = claim
        self.calls = []

    def claim(self, index):
        self.calls.append(("claim", index))
        return self.found

    def go_on(self, index):
        self.calls.append(("go on", index))


class Fetched:
    """A body that is fetched when it is asked for."""

    def __init__(self):
        self.calls = []

    def start(self, sink):
        self.calls.append("start")
        return succeed(7)

    def pause(self):
        self.calls.append("pause")

    def resume(self):
        self.calls.append("resume")

    def stop(self):
        self.calls.append("stop")


class Client:
    """One message and its reader; what it was delivered without fetching is in `delivered`."""

    def __init__(self, claim, on_write=lambda chunk: None):
        self.row = Row(claim)
        self.fetched = Fetched()
        self.delivered = []
        self.sink = Sink(on_write)
        self.body = AheadBody(self.row, 5, lambda: self.fetched, self.delivered.append)

    def start(self):
        """The octets told, or None as long as it goes on."""
        told = []
        self.body.start(self.sink).addCallback(told.append)
        return told


def test_what_was_not_asked_for_is_fetched():
    client = Client(None)
    assert client.start() == [7]
    assert client.row.calls == [("claim", 5), ("go on", 5)]
    client.body.pause()
    client.body.resume()
    client.body.stop()
    assert client.fetched.calls == ["start", "pause", "resume", "stop"]
    assert client.delivered == []


def test_what_has_come_is_written_at_once_and_given_back():
    claim = Claim(SMALL)
    client = Client(claim)
    client.body.pause()
    assert client.start() == [6]
    assert (client.sink.announced, client.sink.octets) == (6, b"onetwo")
    assert not claim.kept
    assert client.delivered == [6]
    assert client.fetched.calls == []


def test_an_empty_message_is_a_message():
    client = Client(Claim([]))
    assert client.start() == [0]
    assert client.sink.announced == 0


def test_what_is_on_its_way_is_waited_for():
    claim = Claim(SMALL, finished=False)
    client = Client(claim)
    told = client.start()
    assert client.row.calls == [("claim", 5), ("go on", 5)]
    assert told == client.sink.chunks == []
    claim.come()
    assert told == [6]
    assert client.sink.octets == b"onetwo"


def test_what_did_not_come_is_fetched_and_a_pause_holds():
    claim = Claim(None, finished=False)
    client = Client(claim)
    told = client.start()
    client.body.pause()
    claim.come()
    assert told == [7]
    assert client.fetched.calls == ["start", "pause"]
    assert not claim.kept
    assert client.delivered == []


def test_stopped_before_anything():
    claim = Claim(SMALL)
    client = Client(claim)
    client.body.stop()
    assert client.start() == [0]
    assert client.row.calls == []


def test_stopped_while_it_is_on_its_way():
    claim = Claim(SMALL, finished=False)
    client = Client(claim)
    told = client.start()
    client.body.stop()
    assert not claim.kept
    claim.come()
    assert told == [0]
    assert client.sink.announced == "never"


@pytest.mark.parametrize("chunks", [SMALL, LARGE])
def test_a_sink_that_stops_it_gets_no_more(chunks):
    claim = Claim(chunks)
    client = Client(claim, lambda chunk: client.body.stop())
    assert client.start() == [sum(map(len, chunks))]
    assert len(client.sink.chunks) == 1
    assert not claim.kept
    assert client.delivered == []


def test_a_large_message_comes_as_it_is_taken_and_counts_until_it_is_written():
    claim = Claim(LARGE)
    client = Client(claim, lambda chunk: client.body.pause())
    told = client.start()
    for written in range(1, 4):
        assert (len(client.sink.chunks), told, claim.kept) == (written, [], True)
        client.body.resume()
    assert client.sink.chunks == LARGE
    assert not claim.kept
    assert told == client.delivered == [4 * 65_536]
    client.body.resume()
    client.body.stop()
    assert told == client.delivered == [4 * 65_536]


def test_a_large_message_that_comes_to_a_full_sink_waits():
    claim = Claim(LARGE, finished=False)
    client = Client(claim)
    told = client.start()
    client.body.pause()
    claim.come()
    assert (told, client.sink.chunks, claim.kept) == ([], [], True)
    client.body.resume()
    assert told == [4 * 65_536]


@pytest.mark.parametrize(("octets", "at_once"), [(AT_ONCE, True), (AT_ONCE + 1, False)])
def test_what_is_small(octets, at_once):
    settled = []
    body = KeptBody([b"x", b"y" * (octets - 1)], settled=lambda: settled.append(1), paused=True)
    sink = Sink()
    body.start(sink)
    assert bool(sink.chunks) is at_once
    body.stop()
    body.stop()
    assert settled == [1]
