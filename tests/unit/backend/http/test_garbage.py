"""Whatever octets a server sends: the closed set, in bounded time, and no message of them."""

import pytest
import pytest_twisted

from gateway.errors import BodyBroken, Unavailable
from tests.support.fake_http import Reply
from tests.unit.backend.http.shelf import Sink, failure

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GARBAGE = {
    "nothing": b"",
    "one line end": b"\r\n",
    "no HTTP": b"220 mail.example.org ESMTP\r\n",
    "zeros": bytes(1000),
    "high octets": b"\xff" * 1000,
    "no status": b"HTTP/1.1\r\n\r\n",
    "odd status": b"HTTP/1.1 abc OK\r\n\r\n",
    "a version of the future": b"HTTP/9 200 OK\r\n\r\n",
    "half a header": OK + b"Content-Le",
    "no colon": OK + b"nonsense\r\n\r\n",
    "length no number": OK + b"Content-Length: x\r\n\r\n",
    "negative length": OK + b"Content-Length: -1\r\n\r\n",
    "two lengths": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "huge length": OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nab",
    "unknown coding": OK + b"Transfer-Encoding: rot13\r\n\r\nab",
    "chunk no number": CHUNKED + b"zz\r\nab\r\n0\r\n\r\n",
    "chunk negative": CHUNKED + b"-2\r\nab\r\n0\r\n\r\n",
    "chunk too long": CHUNKED + b"5\r\nab\r\n0\r\n\r\n",
    "chunk too short": CHUNKED + b"1\r\nab\r\n0\r\n\r\n",
    "chunk size without end": CHUNKED + b"1" * 100_000,
    "no last chunk": CHUNKED + b"2\r\nab\r\n",
    "endless trailers": CHUNKED + b"2\r\nab\r\n0\r\n" + b"X: y\r\n" * 30_000,
    "a header without end": OK + b"X: " + b"y" * 1_000_000,
    "headers without end": OK + b"X: y\r\n" * 200_000,
    "interim answers without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 50_000,
    "an empty answer": OK + b"Content-Length: 0\r\n\r\n",
    "no body at all": b"HTTP/1.1 204 No Content\r\n\r\n",
}


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("octets", GARBAGE.values(), ids=GARBAGE)
async def test_garbage_for_a_listing(shelf, desk, octets):
    if octets in {GARBAGE["an empty answer"], GARBAGE["no body at all"]}:
        pytest.skip("for a driver to judge")
    shelf.spoil("/list", Reply(raw=octets), times=99)
    met = await failure(desk(response_timeout=1.0, idle_timeout=1.0).opened())
    assert isinstance(met, Unavailable)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("octets", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("prefetch", [True, False])
async def test_garbage_for_a_message(shelf, desk, octets, prefetch):
    d = desk(response_timeout=1.0, idle_timeout=1.0, prefetch=prefetch)
    session, _ = await d.opened()
    shelf.spoil("/raw/m00000", Reply(raw=octets), times=99)
    sink = Sink()
    met = await failure(session.body("m00000").start(sink))
    assert isinstance(met, BodyBroken if sink.announced != "never" else Unavailable), met
