"""One message on its way."""

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from gateway.errors import BodyBroken, EpochChanged, MessageGone, Unavailable
from tests.support.fake_imap import (
    FakeImap,
    after,
    answer,
    change,
    close,
    cut,
    do,
    hang,
    raw,
    reset,
    say,
    say_after,
    slow,
    then,
)
from tests.unit.backend.imap.conftest import Sink

HEAD = b"Subject: x\r\n\r\n"
LARGE = HEAD + b"a line of text, and that is all\r\n" * 40_000
MESSAGES = [HEAD + b"one\r\n", LARGE, b"", b"\r\n)* 1 FETCH {5}\r\n.\r\n\0\xff\r"]


@pytest.mark.parametrize("top", [None, 0, 10, 100_000])
@pytest.mark.parametrize("number", range(4))
@pytest_twisted.ensureDeferred
async def test_octets_arrive_as_they_are(gateway, sink, number, top):
    with FakeImap(MESSAGES) as server:
        session, maildrop = await gateway.opened(server)
        count = await session.body(maildrop.refs[number], top).start(sink)
        assert sink.octets == MESSAGES[number]
        assert count == len(sink.octets)
        assert sink.announced == (count if top is None else None)
        assert not server.said("STORE")
        assert gateway.events == []
        assert all(b"PEEK" in line for line in server.said("BODY"))


@pytest_twisted.ensureDeferred
async def test_octet_by_octet(gateway, sink):
    with FakeImap(MESSAGES) as server:
        session, maildrop = await gateway.opened(server)
        server.fault("BODY", slow(1, 0))
        await session.body(maildrop.refs[3]).start(sink)
        assert sink.octets == MESSAGES[3]


@pytest_twisted.ensureDeferred
async def test_top_asks_for_no_more_than_needed(gateway):
    with FakeImap(MESSAGES) as server:
        session, maildrop = await gateway.opened(server)
        sink = Sink(lambda chunk: len(sink.octets) > 100_000 and body.stop())
        body = session.body(maildrop.refs[1], 5)
        count = await body.start(sink)
        assert count == len(sink.octets) < 130_000
        assert sink.octets == LARGE[:count]
        asked = [line.split(b"<")[1].split(b">")[0] for line in server.said("BODY")]
        assert asked == [b"0.8592", b"8592.17184", b"25776.34368", b"60144.68736"]


@pytest_twisted.ensureDeferred
async def test_server_that_sends_all_instead_of_a_part(gateway, sink):
    with FakeImap(MESSAGES) as server:
        session, maildrop = await gateway.opened(server)
        server.fault(
            "BODY",
            raw(b"* 2 FETCH (UID 2 BODY[] {%d}\r\n%b)\r\nG4 OK done\r\n" % (len(LARGE), LARGE)),
        )
        await session.body(maildrop.refs[1], 0).start(sink)
        assert sink.octets == LARGE
        assert sink.announced == len(LARGE)


@pytest.mark.parametrize("top", [None, 0])
@pytest_twisted.ensureDeferred
async def test_stop_lets_the_session_go_on(gateway, top):
    with FakeImap(MESSAGES) as server:
        session, maildrop = await gateway.opened(server)
        first = Sink(lambda chunk: body.stop())
        body = session.body(maildrop.refs[1], top)
        count = await body.start(first)
        assert count == len(first.octets) == len(first.chunks[0])
        second = Sink()
        await session.body(maildrop.refs[0]).start(second)
        assert second.octets == MESSAGES[0]
        assert len(first.chunks) == 1


@pytest_twisted.ensureDeferred
async def test_stop_finishes_after_the_sink_has_returned(gateway):
    order = []

    def write(chunk):
        body.stop()
        order.append("written")

    with FakeImap(MESSAGES) as server:
        session, maildrop = await gateway.opened(server)
        body = session.body(maildrop.refs[1], 0)
        done = body.start(Sink(write))
        done.addCallback(lambda _: order.append("done"))
        await done
        assert order == ["written", "done"]


@pytest_twisted.ensureDeferred
async def test_stop_before_start(gateway, sink):
    with FakeImap(MESSAGES) as server:
        session, maildrop = await gateway.opened(server)
        body = session.body(maildrop.refs[1])
        body.stop()
        assert await body.start(sink) == 0
        assert sink.announced == "never"


@pytest_twisted.ensureDeferred
async def test_cancelled(gateway, sink):
    with FakeImap(MESSAGES) as server:
        session, maildrop = await gateway.opened(server)
        server.fault("BODY", hang)
        done = session.body(maildrop.refs[1]).start(sink)
        done.cancel()
        assert await done == 0


@pytest_twisted.ensureDeferred
async def test_pause_holds_the_upstream_up_and_no_time_runs(gateway):
    with FakeImap([b"x" * 9_000_000]) as server:
        session, maildrop = await gateway.opened(server, command_timeout=0.6)
        sink = Sink(lambda chunk: len(sink.chunks) == 3 and body.pause())
        body = session.body(maildrop.refs[0])
        done = body.start(sink)
        await gateway.until(lambda: len(sink.chunks) >= 3)
        before = len(sink.octets)
        await deferLater(gateway.reactor, 0.8)
        assert len(sink.octets) - before <= 1 << 17
        body.resume()
        body.resume()
        assert await done == 9_000_000


@pytest_twisted.ensureDeferred
async def test_paused_to_the_end_and_forgotten(gateway):
    # Whoever paused us is gone (unregisterProducer): the next command must not hang.
    with FakeImap(MESSAGES) as server:
        session, maildrop = await gateway.opened(server)
        body = session.body(maildrop.refs[0])
        sink = Sink(lambda chunk: body.pause())
        assert await body.start(sink) == len(MESSAGES[0])
        body.pause()
        assert await session.body(maildrop.refs[1]).start(Sink()) == len(LARGE)


@pytest_twisted.ensureDeferred
async def test_stop_while_paused(gateway):
    with FakeImap(MESSAGES) as server:
        session, maildrop = await gateway.opened(server)
        body = session.body(maildrop.refs[1])
        sink = Sink(lambda chunk: body.pause())
        done = body.start(sink)
        await gateway.until(lambda: sink.chunks)
        body.stop()
        assert await done == len(sink.octets)
        assert await session.body(maildrop.refs[0]).start(Sink()) == len(MESSAGES[0])


@pytest_twisted.ensureDeferred
async def test_several_at_once(gateway):
    with FakeImap(MESSAGES) as server:
        session, maildrop = await gateway.opened(server)
        sinks = [Sink() for _ in MESSAGES]
        pairs = zip(maildrop.refs, sinks, strict=True)
        await gatherResults([session.body(ref).start(each) for ref, each in pairs])
        assert [sink.octets for sink in sinks] == MESSAGES


@pytest_twisted.ensureDeferred
async def test_interleaved_answers_are_told_apart_by_uid(gateway):
    with FakeImap(MESSAGES) as server:
        session, _ = await gateway.opened(server)
        server.fault("BODY", raw(b""), times=1)
        server.fault(
            "BODY",
            raw(
                b"* 4 FETCH (UID 4 BODY[] {1}\r\nd)\r\n* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n"
                b"G4 OK done\r\nG5 OK done\r\n"
            ),
        )
        one, four = Sink(), Sink()
        await gatherResults([session.body(1).start(one), session.body(4).start(four)])
        assert (one.octets, four.octets) == (b"a", b"d")


ODD = {
    "UID last": b"* 1 FETCH (BODY[] {5}\r\nhello UID 1)\r\nG4 OK done\r\n",
    "more items": b"* 1 FETCH (FLAGS (\\Seen) UID 1 BODY[] {5}\r\nhello X {1}\r\ny)\r\nG4 OK x\r\n",
    "quoted": b'* 1 FETCH (UID 1 BODY[] "hello")\r\nG4 OK done\r\n',
    "lower case": b"* 1 fetch (uid 1 body[] {5}\r\nhello)\r\ng4 ok done\r\n".replace(
        b"g4", b"G4"
    ),
    "noise": b"* 1 FETCH (FLAGS ())\r\n* 9 EXISTS\r\n* 1 FETCH (UID 1 FLAGS ())\r\n"
    b"* 1 FETCH (UID 1 BODY[] {5}\r\nhello)\r\n* 3 EXPUNGE\r\n* 1 FETCH (FLAGS ())\r\nG4 OK x\r\n",
    "another message too": b"* 2 FETCH (UID 2 BODY[] {3}\r\nbad)\r\n"
    b"* 1 FETCH (UID 1 BODY[] {5}\r\nhello)\r\nG4 OK done\r\n",
}


@pytest.mark.parametrize("shape", ODD)
@pytest_twisted.ensureDeferred
async def test_odd_but_right(gateway, sink, shape):
    with FakeImap([b"12345", b"123"]) as server:
        session, maildrop = await gateway.opened(server)
        server.fault("BODY", raw(ODD[shape]))
        assert await session.body(1).start(sink) == 5
        assert (sink.announced, sink.octets) == (5, b"hello")
        assert list(maildrop.refs) == [1, 2]


@pytest.mark.parametrize("top", [None, 1])
@pytest_twisted.ensureDeferred
async def test_another_length_than_announced_is_delivered(gateway, sink, top):
    with FakeImap() as server:
        server.inbox.add(b"long", size=10)
        session, _ = await gateway.opened(server)
        assert await session.body(1, top).start(sink) == 4
        (event,) = gateway.events
        assert (event.name(), event.uid) == ("octets_differ", 1)
        assert (event.announced, event.delivered) == (10, 4)


# Failures.

EARLY = {
    "gone": (do(lambda server: server.inbox.remove(1)), MessageGone),
    "NIL": (raw("* 1 FETCH (UID 1 BODY[] NIL)\r\nG4 OK done\r\n"), MessageGone),
    "no data": (answer("OK done"), MessageGone),
    "EXPUNGEISSUED": (answer("NO [EXPUNGEISSUED] x"), MessageGone),
    "NONEXISTENT": (answer("NO [NONEXISTENT] x"), MessageGone),
    "NO": (answer("NO x"), Unavailable),
    "NO [SERVERBUG]": (answer("NO [SERVERBUG] x"), Unavailable),
    "BAD": (answer("BAD [NONEXISTENT] x"), Unavailable),
    "empty": (raw("* 1 FETCH (UID 1 BODY[] {0}\r\n)\r\nG4 OK done\r\n"), Unavailable),
    "empty string": (raw('* 1 FETCH (UID 1 BODY[] "")\r\nG4 OK done\r\n'), Unavailable),
    "close": (close, Unavailable),
    "reset": (reset, Unavailable),
    "hang": (hang, Unavailable),
    "BYE": (raw("* BYE x\r\n"), Unavailable),
    "garbage": (raw("junk\r\n"), Unavailable),
    "cut head": (cut(20), Unavailable),
    "UIDVALIDITY": (say("* OK [UIDVALIDITY 1001] x"), None),
}


@pytest.mark.parametrize("top", [None, 3])
@pytest.mark.parametrize("fault", EARLY)
@pytest_twisted.ensureDeferred
async def test_failure_before_the_first_octet(gateway, sink, fault, top):
    action, failure = EARLY[fault]
    with FakeImap(MESSAGES) as server:
        session, _ = await gateway.opened(server, command_timeout=0.3)
        server.fault("BODY", action, times=1)
        if failure is None:
            await session.body(4).start(Sink())
            failure = EpochChanged
        with pytest.raises(failure) as caught:
            await session.body(1, top).start(sink)
        assert type(caught.value) is failure
        assert sink.announced == "never"


LATE = {
    "cut, close": cut(1000, close),
    "cut, reset": cut(1000, reset),
    "cut, hang": cut(1000, hang),
    "cut after the literal": change(lambda o: o[: o.index(b")\r\nG4")]),
    "NO behind": after("NO [SERVERBUG] x"),
    "NO gone behind": after("NO [EXPUNGEISSUED] x"),
    "BAD behind": after("BAD x"),
    "BYE behind": say_after("* BYE x"),
    "no end": change(lambda o: o[: o.index(b"G4 OK")]),
    "wrong UID behind": change(
        lambda o: o.replace(b"UID 2 ", b"").replace(b")\r\nG4", b" UID 1)\r\nG4")
    ),
    "no UID": change(lambda o: o.replace(b"UID 2 ", b"")),
    "junk behind": say_after("junk"),
    "junk inside": change(lambda o: o.replace(b")\r\nG4", b" (((\r\nG4")),
    "twice": change(lambda o: o[: o.index(b"G4 OK")] + o),
}


@pytest.mark.parametrize("fault", LATE)
@pytest_twisted.ensureDeferred
async def test_failure_after_the_first_octet(gateway, sink, fault):
    with FakeImap(MESSAGES) as server:
        session, _ = await gateway.opened(server, command_timeout=0.3)
        server.fault("BODY", LATE[fault])
        with pytest.raises(BodyBroken):
            await session.body(2).start(sink)
        assert LARGE.startswith(sink.octets)
        assert sink.announced == len(LARGE)


PARTS = {
    "gone": do(lambda server: server.inbox.remove(2)),
    "NO": answer("NO x"),
    "close": close,
    "other part": change(lambda o: o.replace(b"BODY[]<8192>", b"BODY[]<0>")),
    "whole": change(lambda o: o.replace(b"BODY[]<8192>", b"BODY[]")),
}


@pytest.mark.parametrize("fault", PARTS)
@pytest_twisted.ensureDeferred
async def test_failure_between_two_parts(gateway, sink, fault):
    with FakeImap(MESSAGES) as server:
        session, _ = await gateway.opened(server)
        server.fault("BODY", PARTS[fault], skip=1)
        with pytest.raises(BodyBroken):
            await session.body(2, 0).start(sink)
        assert sink.octets == LARGE[:8192]


@pytest_twisted.ensureDeferred
async def test_failure_after_stop_is_nobodys(gateway):
    with FakeImap(MESSAGES) as server:
        session, _ = await gateway.opened(server)
        server.fault("BODY", cut(100_000, reset))
        sink = Sink(lambda chunk: body.stop())
        body = session.body(2)
        assert await body.start(sink) == len(sink.octets)
        with pytest.raises(Unavailable):
            await session.body(1).start(Sink())


@pytest_twisted.ensureDeferred
async def test_ref_of_no_snapshot(gateway):
    with FakeImap(MESSAGES) as server:
        session, _ = await gateway.opened(server)
        with pytest.raises(KeyError):
            session.body(77)


@pytest_twisted.ensureDeferred
async def test_expunge_noise_changes_no_number(gateway, sink):
    with FakeImap(MESSAGES) as server:
        session, maildrop = await gateway.opened(server)
        server.fault(
            "BODY",
            then(
                do(lambda server: server.inbox.remove(1)),
                say("* 1 EXPUNGE", "* 3 EXISTS", "* VANISHED 1"),
            ),
            times=1,
        )
        await session.body(maildrop.refs[3]).start(sink)
        again = Sink()
        await session.body(maildrop.refs[1]).start(again)
        assert (sink.octets, again.octets) == (MESSAGES[3], LARGE)
        with pytest.raises(MessageGone):
            await session.body(maildrop.refs[0]).start(Sink())


# Marks.


@pytest_twisted.ensureDeferred
async def test_seen_after_a_whole_delivery_only(gateway):
    with FakeImap(MESSAGES) as server:
        session, _ = await gateway.opened(server, mark_seen=True)
        await session.body(1, 10).start(Sink())
        stopped = Sink(lambda chunk: body.stop())
        body = session.body(2)
        await body.start(stopped)
        server.fault("BODY", after("NO x"), times=1)
        with pytest.raises(BodyBroken):
            await session.body(4).start(Sink())
        assert not server.said("STORE")
        await session.body(1).start(Sink())
        await session.close()
        assert [message.uid for message in server.inbox.messages if message.flags] == [1]
        assert server.said("STORE") == [b"UID STORE 1 +FLAGS.SILENT (\\Seen)"]


@pytest.mark.parametrize("action", [answer("NO no"), close])
@pytest_twisted.ensureDeferred
async def test_seen_that_fails_is_an_event(gateway, sink, action):
    with FakeImap(MESSAGES) as server:
        session, _ = await gateway.opened(server, mark_seen=True)
        server.fault("STORE", action)
        await session.body(1).start(sink)
        await gateway.until(lambda: "seen_not_stored" in gateway.names())


@pytest_twisted.ensureDeferred
async def test_close_in_the_middle(gateway):
    with FakeImap(MESSAGES) as server:
        session, _ = await gateway.opened(server)
        server.fault("BODY", cut(1000, hang))
        sink = Sink()
        done = session.body(2).start(sink)
        await gateway.until(lambda: sink.chunks)
        await session.close()
        with pytest.raises(BodyBroken):
            await done
        assert isinstance(done, Deferred)
