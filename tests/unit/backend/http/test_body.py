"""One message over HTTP: whole or not at all, however the upstream behaves."""

from dataclasses import replace
from time import monotonic

import pytest
import pytest_twisted
from twisted.internet.task import deferLater

from gateway.backend.http.decode import LineFeeds
from gateway.errors import BodyBroken, ConsentMissing, Unavailable
from tests.support.fake_http import Reply
from tests.unit.backend.http.shelf import INEXACT, Sink, failure, message, read

LARGE = message(7, 300_000)
QUICK = {"idle_timeout": 0.4, "response_timeout": 0.4, "prefetch": False}


def sleep(seconds):
    from twisted.internet import reactor

    return deferLater(reactor, seconds)


@pytest.fixture
def large(shelf):
    shelf.messages["large"] = LARGE
    return shelf


def with_cut(at):
    """The right answer, reset in the middle."""

    def reply(_, right):
        right.cut = at
        return right

    return reply


def without_ranges(shelf):
    shelf.ranges = False


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("how", [None, "chunked"])
async def test_a_large_message_comes_whole(large, desk, how):
    def reply(_, right):
        right.length = how
        return right

    large.spoil("/raw/", reply)
    session, _ = await desk(prefetch=False).opened()
    sink = Sink()
    assert await session.body("large").start(sink) == len(LARGE)
    assert sink.octets == LARGE
    assert sink.announced == (None if how else len(LARGE))


@pytest_twisted.ensureDeferred
async def test_a_reset_in_the_middle_is_continued_by_range(large, desk):
    large.spoil("/raw/large", with_cut(100_000), times=2)
    session, _ = await desk(prefetch=False).opened()
    assert await read(session, "large") == LARGE
    asked = [request.headers.get("range") for request in large.heard if "raw" in request.path]
    assert asked == [None, "bytes=100000-", "bytes=200000-"]


@pytest_twisted.ensureDeferred
async def test_tries_are_bounded(large, desk):
    large.spoil("/raw/large", with_cut(1000), times=99)
    session, _ = await desk(prefetch=False, resume=2).opened()
    assert isinstance(await failure(session.body("large").start(Sink())), BodyBroken)
    assert large.count("/raw/") == 3


@pytest_twisted.ensureDeferred
async def test_a_reset_without_range_breaks_the_message(large, desk):
    without_ranges(large)
    large.spoil("/raw/large", with_cut(100_000))
    session, _ = await desk(prefetch=False).opened()
    sink = Sink()
    assert isinstance(await failure(session.body("large").start(sink)), BodyBroken)
    assert sink.octets == LARGE[:100_000]


@pytest_twisted.ensureDeferred
async def test_a_reset_before_the_first_octet_is_tried_again(large, desk):
    without_ranges(large)
    large.spoil("/raw/large", with_cut(0))
    large.spoil("/raw/large", None)
    session, _ = await desk(prefetch=False).opened()
    assert await read(session, "large") == LARGE


@pytest_twisted.ensureDeferred
async def test_a_message_that_has_changed_is_not_continued(large, desk):
    large.spoil("/raw/large", with_cut(100_000))
    large.spoil("/raw/large", Reply(200, LARGE))
    session, _ = await desk(prefetch=False).opened()
    assert isinstance(await failure(session.body("large").start(Sink())), BodyBroken)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    "content_range", ["bytes 1-9/300000", "bytes 100000-9/7", "nonsense", ""]
)
async def test_another_part_than_was_asked_for_breaks_the_message(large, desk, content_range):
    large.spoil("/raw/large", with_cut(100_000))
    large.spoil("/raw/large", Reply(206, LARGE[1:9], {"Content-Range": content_range}))
    session, _ = await desk(prefetch=False).opened()
    sink = Sink()
    assert isinstance(await failure(session.body("large").start(sink)), BodyBroken)
    assert sink.octets == LARGE[:100_000]


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, LARGE, length=len(LARGE) + 1000),
        Reply(200, LARGE, length=len(LARGE) - 1000),
        Reply(200, LARGE, length="close"),
        Reply(200, LARGE, hang=5000),
        Reply(200, LARGE, cut=5000, length="chunked"),
        Reply(200, LARGE[:-1]),
    ],
    ids=["longer", "shorter", "unframed", "hang", "cut chunk", "cut"],
)
async def test_a_message_that_does_not_come_whole_is_broken(large, desk, reply):
    large.spoil("/raw/large", reply)
    session, _ = await desk(**QUICK).opened()
    assert isinstance(await failure(session.body("large").start(Sink())), BodyBroken)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b""),
        Reply(500, b"oops"),
        Reply(403, b"no"),
        Reply(429, b"", {"Retry-After": "999"}),
        Reply(200, LARGE, delay=3),
        Reply(200, LARGE, {"Content-Encoding": "gzip"}),
        Reply(401, b"who?"),
        Reply(302, b"", {"Location": "http://127.0.0.2/elsewhere"}),
        Reply(200, b"\n<!DOCTYPE html>" + LARGE, {"Content-Type": "text/html; charset=x"}),
    ],
    ids=["empty", "500", "403", "429", "late", "gzip", "401", "elsewhere", "page"],
)
async def test_what_fails_before_the_first_octet_is_unavailable(large, desk, reply):
    large.spoil("/raw/large", reply, times=9)
    session, _ = await desk(**QUICK).opened()
    sink = Sink()
    assert isinstance(await failure(session.body("large").start(sink)), Unavailable)
    assert sink.announced == "never"


@pytest_twisted.ensureDeferred
async def test_a_message_about_pages_is_a_message(shelf, desk):
    """Servers call messages what they like; only what is a page is none."""
    shelf.messages["odd"] = octets = b"X: <html>\r\n\r\n<html></html>\r\n"
    shelf.spoil("/raw/odd", Reply(200, octets, {"Content-Type": "text/html"}))
    session, _ = await desk(prefetch=False).opened()
    assert await read(session, "odd") == octets


@pytest_twisted.ensureDeferred
async def test_a_new_token_is_tried_once_in_the_middle_of_a_session(large, desk, tmp_path):
    token = tmp_path / "token"
    token.write_text("first\n")
    large.tokens = {"first"}
    session, _ = await desk(token_file=token, prefetch=False).opened()
    large.tokens = {"second"}
    refused = await failure(session.body("large").start(Sink()))
    assert isinstance(refused, Unavailable)
    assert isinstance(await failure(session.snapshot()), ConsentMissing)
    token.write_text("second\n")
    assert await read(session, "large") == LARGE


@pytest_twisted.ensureDeferred
async def test_a_paused_message_does_not_come_and_is_not_silent(large, desk):
    large.messages["large"] = octets = LARGE * 40
    session, _ = await desk(**QUICK).opened()
    body = session.body("large")
    sink = Sink(lambda _: body.pause() if len(sink.chunks) == 1 else None)
    done = body.start(sink)
    await sleep(0.3)
    before = len(sink.octets)
    await sleep(1.0)  # more than the time-out for silence
    assert len(sink.octets) == before
    assert before < len(octets) // 2
    body.resume()
    assert await done == len(octets)
    assert sink.octets == octets


@pytest_twisted.ensureDeferred
async def test_a_message_paused_before_it_comes_waits(large, desk):
    session, _ = await desk(prefetch=False).opened()
    sink = Sink()
    body = session.body("large")
    done = body.start(sink)
    body.pause()
    await sleep(0.2)
    assert not done.called
    body.resume()
    await done
    assert sink.octets == LARGE


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("when", ["before", "at once", "in the middle"])
async def test_stop_ends_a_message_as_if_it_were_complete(large, desk, when):
    session, _ = await desk(prefetch=False).opened()
    body = session.body("large", 3)
    sink = Sink(lambda _: body.stop() if when == "in the middle" else None)
    if when == "before":
        body.stop()
    done = body.start(sink)
    if when == "at once":
        body.stop()
    octets = await done
    assert octets == len(sink.octets) < len(LARGE)
    body.stop()
    assert await read(session, "large") == LARGE


@pytest_twisted.ensureDeferred
async def test_cancelling_is_stopping(large, desk):
    large.delay = 0.3
    session, _ = await desk(prefetch=False).opened()
    done = session.body("large").start(Sink())
    done.cancel()
    assert await done == 0


@pytest_twisted.ensureDeferred
async def test_line_feeds_become_line_ends_before_they_are_counted(shelf, desk):
    shelf.newline = b"\n"
    shelf.lies = dict.fromkeys(shelf.messages, 1)
    session, maildrop = await desk(INEXACT, decoder=LineFeeds).opened()
    assert list(maildrop.octets) == [len(octets) for octets in shelf.messages.values()]
    for ref, octets in shelf.messages.items():
        assert await read(session, ref) == octets


@pytest_twisted.ensureDeferred
async def test_a_message_beyond_the_limit_is_not_delivered(large, desk):
    session, _ = await desk(prefetch=False, max_message=65_536).opened()
    assert isinstance(await failure(session.body("large").start(Sink())), BodyBroken)


@pytest_twisted.ensureDeferred
async def test_a_stale_connection_is_replaced(large, desk):
    session, maildrop = await desk(prefetch=False).opened()
    assert await read(session, "large") == LARGE
    large.close_idle()
    assert await read(session, "large") == LARGE
    large.close_idle()
    from gateway.maildrop import CommitPlan

    outcome = await session.commit(CommitPlan(maildrop.epoch, ("large",)))
    assert outcome.removed == ("large",)


@pytest_twisted.ensureDeferred
async def test_two_versions_of_a_message_are_not_joined(large, desk):
    """A server that does not know If-Range gives the rest of what is there by now."""
    headers = {"Content-Range": f"bytes 100000-{len(LARGE) - 1}/{len(LARGE)}", "ETag": '"new"'}
    large.spoil("/raw/large", with_cut(100_000))
    large.spoil("/raw/large", Reply(206, LARGE[100_000:].upper(), headers))
    session, _ = await desk(prefetch=False).opened()
    sink = Sink()
    assert isinstance(await failure(session.body("large").start(sink)), BodyBroken)
    assert sink.octets == LARGE[:100_000]


@pytest_twisted.ensureDeferred
async def test_a_part_is_not_the_rest_where_nobody_told_the_length(large, desk):
    def cut(_, right):
        right.length, right.cut = "chunked", 100_000
        return right

    large.spoil("/raw/large", cut)
    tag = {"ETag": f'"{hash(LARGE)}"', "Content-Range": "bytes 100000-100099/*"}
    large.spoil("/raw/large", Reply(206, LARGE[100_000:100_100], tag))
    shown = {"sizes": "estimate", "learn_behind": False, "prefetch": False}
    session, _ = await desk(INEXACT, **shown).opened()
    assert isinstance(await failure(session.body("large").start(Sink())), BodyBroken)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("left", [0, 1, 200])
async def test_octets_behind_the_end_say_that_it_is_none(shelf, desk, left):
    """As of a server that counts characters: a part is no message, where sizes are learned."""

    def short(_, right):
        right.length = left
        return right

    shelf.spoil("/raw/m00001", short, times=9)
    shown = {"sizes": "estimate", "learn_behind": False, "prefetch": False}
    session, _ = await desk(INEXACT, **shown).opened()
    assert isinstance(
        await failure(session.body("m00001").start(Sink())), (BodyBroken, Unavailable)
    )
    assert await read(session, "m00002") == shelf.messages["m00002"]


@pytest_twisted.ensureDeferred
async def test_an_empty_line_behind_the_end_does_no_harm(shelf, desk):
    octets = shelf.messages["m00001"]
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(octets)
    shelf.spoil("/raw/m00001", Reply(raw=head + octets + b"\r\n"))
    session, _ = await desk(prefetch=False).opened()
    assert await read(session, "m00001") == octets


def chunked(head, *pieces):
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))
    return Reply(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + head + body)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("cut", [1, 3, 9])
async def test_a_web_page_in_small_pieces_is_no_message_either(large, desk, cut):
    page = b"\n\n<!DOCTYPE html><title>Log in</title>" + b"<p>please</p>" * 50_000
    reply = chunked(b"Content-Type: text/html\r\n\r\n", page[:cut], page[cut:])
    large.spoil("/raw/large", reply, times=9)
    session, _ = await desk(prefetch=False).opened()
    assert isinstance(await failure(session.body("large").start(Sink())), BodyBroken)


@pytest_twisted.ensureDeferred
async def test_a_compressed_message_is_refused_wherever_that_is_told(large, desk):
    twice = b"Content-Encoding: gzip\r\nContent-Encoding: identity\r\n\r\n"
    large.spoil("/raw/large", chunked(twice, LARGE), times=9)
    session, _ = await desk(prefetch=False).opened()
    assert isinstance(await failure(session.body("large").start(Sink())), Unavailable)


@pytest_twisted.ensureDeferred
async def test_a_rest_that_drips_does_not_hold_up_what_comes_next(shelf, desk, monkeypatch):
    monkeypatch.setattr("gateway.backend.http.stream._HURRY", 0.3)
    shelf.messages["drips"] = message(7, 60_000)
    shelf.spoil("/raw/drips", lambda _, right: replace(right, pace=0.3))
    session, _ = await desk(prefetch=False, concurrency=1).opened()
    body = session.body("drips", 0)
    began = monotonic()
    await body.start(Sink(lambda _: body.stop()))
    assert await read(session, "m00001") == shelf.messages["m00001"]
    assert monotonic() - began < 2
