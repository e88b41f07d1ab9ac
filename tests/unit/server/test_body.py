"""The body pipe: what goes over the wire for one message, and what never does."""

import pytest

from gateway.errors import BodyBroken, Unavailable
from gateway.pop3.events import SendBody
from gateway.server.body import BodyPipe
from tests.support.mail import awkward, crlf_form
from tests.unit.server.doubles import ONE, FakeBody, FakeUpstream, unstuffed


class Bench:
    """A pipe with a body on one side and the octets for the client on the other."""

    def __init__(self, message, *, top=None, manual=False, chunk=1 << 16, announced=None):
        self.upstream = FakeUpstream()
        self.upstream.manual, self.upstream.chunk = manual, chunk
        self.body = FakeBody(self.upstream, message)
        self.wire = bytearray()
        effect = SendBody(1, len(message) if announced is None else announced, top)
        self.pipe = BodyPipe(effect, self.body, self.wire.extend)
        self.outcome = []

    def run(self):
        done = self.pipe.run()
        done.addCallbacks(
            lambda _: self.outcome.append("done"),
            lambda reason: self.outcome.append(reason.value),
        )
        return bytes(self.wire)


@pytest.mark.parametrize("name", awkward())
@pytest.mark.parametrize("chunk", [7, 4096])
def test_the_client_gets_the_message_octet_for_octet(name, chunk):
    message = crlf_form(awkward()[name])
    if chunk == 7:
        message = message[:5000]
    wire = Bench(message, chunk=chunk).run()
    assert wire.startswith(b"+OK %d octets\r\n" % len(message))
    ended = message if message.endswith(b"\r\n") or not message else message + b"\r\n"
    assert unstuffed(wire) == ended


def test_an_empty_message_is_a_status_line_and_a_terminator():
    assert Bench(b"").run() == b"+OK 0 octets\r\n.\r\n"


def test_top_is_cut_after_its_lines_and_the_upstream_is_stopped():
    bench = Bench(b"A: b\r\n\r\n1\r\n.2\r\n3\r\n", top=2)
    assert bench.run() == b"+OK Done\r\nA: b\r\n\r\n1\r\n..2\r\n.\r\n"
    assert bench.body.stopped


@pytest.mark.parametrize("chunk", range(1, 12))
def test_top_ends_in_order_wherever_the_chunks_are_cut(chunk):
    """A body that ends in the moment when it is stopped must not overtake its last lines."""
    bench = Bench(b"A: b\r\n\r\n1\r\n2\r\n3\r\n", top=1, chunk=chunk)
    assert bench.run() == b"+OK Done\r\nA: b\r\n\r\n1\r\n.\r\n"
    assert bench.outcome == ["done"]


def test_top_of_a_short_message_is_all_of_it():
    assert Bench(b"A: b\r\n\r\n1\r\n", top=9).run() == b"+OK Done\r\nA: b\r\n\r\n1\r\n.\r\n"


def test_top_zero_is_the_header_and_the_blank_line():
    assert Bench(ONE, top=0).run() == b"+OK Done\r\nSubject: one\r\n\r\n.\r\n"


def test_nothing_is_written_before_the_message_is_certain():
    bench = Bench(ONE, manual=True)
    assert bench.run() == b""
    assert not bench.pipe.begun


def test_a_failure_before_the_message_writes_nothing():
    bench = Bench(ONE, manual=True)
    bench.run()
    bench.body.fail(Unavailable("gone"))
    assert bench.wire == b""
    assert [type(outcome) for outcome in bench.outcome] == [Unavailable]


def test_a_failure_inside_the_message_writes_no_terminator():
    bench = Bench(ONE, manual=True)
    bench.run()
    bench.pipe.begin(len(ONE))
    bench.body.send(ONE)
    bench.body.fail(BodyBroken("cut"))
    assert bench.wire == b"+OK %d octets\r\n" % len(ONE) + ONE.replace(b"\n.", b"\n..")
    assert [type(outcome) for outcome in bench.outcome] == [BodyBroken]


def test_a_body_that_ends_without_a_beginning_is_no_message():
    bench = Bench(ONE, manual=True)
    bench.run()
    bench.body.finish()
    assert bench.wire == b""
    assert [type(outcome) for outcome in bench.outcome] == [Unavailable]


@pytest.mark.parametrize("length", [len(ONE) - 1, len(ONE) + 1])
def test_a_body_that_is_not_as_long_as_it_said_gets_no_terminator(length):
    bench = Bench(ONE, manual=True)
    bench.run()
    bench.pipe.begin(length)
    bench.body.send(ONE)
    bench.body.finish()
    assert not bench.wire.endswith(b"\r\n.\r\n")
    assert [type(outcome) for outcome in bench.outcome] == [BodyBroken]


def test_a_body_of_unknown_length_ends_when_it_says_so():
    bench = Bench(ONE, manual=True)
    bench.run()
    bench.pipe.begin(None)
    bench.body.send(ONE)
    bench.body.finish()
    assert bench.wire.startswith(b"+OK Done\r\n")
    assert unstuffed(bytes(bench.wire)) == ONE


def test_an_abandoned_pipe_writes_nothing_more_and_stops_the_upstream():
    bench = Bench(ONE, manual=True)
    bench.run()
    bench.pipe.begin(len(ONE))
    bench.body.send(ONE[:9])
    before = bytes(bench.wire)
    bench.pipe.abandon()
    bench.body.sink.write(b"late")
    assert bench.wire == before
    assert bench.body.stopped


def test_a_pipe_abandoned_before_the_message_announces_none():
    bench = Bench(ONE, manual=True)
    bench.run()
    bench.pipe.abandon()
    bench.pipe.begin(5)
    assert bench.wire == b""


def test_back_pressure_reaches_the_upstream():
    bench = Bench(ONE, manual=True)
    bench.run()
    bench.pipe.pause()
    assert bench.body.paused
    bench.pipe.resume()
    assert not bench.body.paused


def test_octets_count_the_message_and_not_its_stuffing():
    bench = Bench(ONE)
    bench.run()
    assert bench.pipe.octets == len(ONE)
