"""One message on its way from an HTTP response into a sink."""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure as Reason

from gateway.backend.http import faults
from gateway.backend.http.api import Raw
from gateway.backend.http.client import Caller, NeverReceived
from gateway.backend.http.decode import Undecodable
from gateway.backend.http.response import PAGE, Response
from gateway.backend.http.stream import Stream
from gateway.backend.port import Sink
from gateway.errors import BodyBroken, EpochChanged, Failure, MessageGone, Unavailable

# A rest that is so short is let pass: its connection is worth more.
_SHORT_REST = 1 << 16
_PAGE_HEAD = 1024
# With a part already here any other answer only says that the rest cannot be had.
_REST = frozenset(range(200, 600)) - {301, 302, 303, 307, 308, 401, 429, 503}
_OF_BODIES = (BodyBroken, EpochChanged, MessageGone, Unavailable)


class HttpBody:
    """A message that is fetched by GET, and continued where it broke off if that is possible.

    Args:
        caller: Sends the requests.
        raw: Which.
        least: Fewer octets than these are not the message, however well the response ends.
        delivered: Called once, with its octets, when it was delivered whole.
    """

    def __init__(
        self,
        caller: Caller,
        raw: Raw,
        *,
        least: int,
        delivered: Callable[[int], None],
    ) -> None:
        self._caller = caller
        self._raw = raw
        self._least = least
        self._delivered = delivered
        self._decoder = raw.decoder()
        self._sink: Sink | None = None
        self._done: Deferred[int] = Deferred(lambda _: self.stop())
        self._running: Deferred[None] | None = None
        self._stream: Stream | None = None
        self._response: Response | None = None
        self._length: int | None = None
        self._etag: str | None = None
        self._received = 0
        self._written = 0
        self._answered = False
        self._head: bytes | None = None  # how it begins, while it may be a web page
        self._begun = False
        self._stopped = False
        self._paused = False
        self._in_sink = False  # a sink that stops us has its own call to finish first

    # The port's side.

    def start(self, sink: Sink) -> "Deferred[int]":
        """See `gateway.backend.port.Body.start`."""
        self._sink = sink
        self._running = Deferred.fromCoroutine(self._run())
        self._running.addCallbacks(self._finish, self._break)
        return self._done

    def pause(self) -> None:
        """Hold the upstream up."""
        self._paused = True
        if self._stream is not None:
            self._stream.pause()

    def resume(self) -> None:
        """Let it go on."""
        self._paused = False
        if self._stream is not None:
            self._stream.resume()

    def stop(self) -> None:
        """Finish now; what the upstream still has of the message is not waited for."""
        self._stopped = True
        if not self._in_sink:
            self._settle()

    def _settle(self) -> None:
        if not self._done.called:
            self._done.callback(self._written)
        if self._stream is None:
            if self._running is not None and not self._running.called:
                self._running.cancel()  # before there is an answer
        elif self._rest_is_short():
            self._stream.let_pass()
        else:
            self._stream.abort()

    def _rest_is_short(self) -> bool:
        stream, response = self._stream, self._response
        if stream is None or response is None or response.length is None:
            return False
        return response.length - stream.received <= _SHORT_REST

    # How it ends.

    def _finish(self, _: None) -> None:
        if self._done.called:
            return
        self._delivered(self._written)
        if not self._done.called:
            self._done.callback(self._written)

    def _break(self, reason: Reason) -> None:
        if self._done.called:
            return
        cause = reason.value
        if not isinstance(cause, Failure):
            self._done.errback(reason)
        elif self._begun:
            self._done.errback(BodyBroken(cause.detail))
        else:
            failure = faults.plain(cause)
            kept = isinstance(failure, _OF_BODIES)
            self._done.errback(failure if kept else Unavailable(failure.detail))

    # How it runs.

    async def _run(self) -> None:
        """Ask, and ask again as long as that helps."""
        left = self._caller.settings.resume
        while not self._stopped:
            try:
                response = await self._ask()
                await self._take(response)
            except Unavailable as failure:
                if self._stopped or left == 0 or not self._may_go_on(failure):
                    raise
                left -= 1
            else:
                break
        if not self._stopped:
            self._complete()

    def _may_go_on(self, failure: Unavailable) -> bool:
        """Whether another request can bring what is missing."""
        if isinstance(failure, _Final):
            return False
        if self._received == 0:
            # Nothing of it came, so it can begin anew; what got no answer had its tries.
            return self._answered or isinstance(failure, NeverReceived)
        return self._etag is not None

    async def _ask(self) -> Response:
        headers = dict(self._raw.headers)
        expect: frozenset[int] = frozenset({200, *self._raw.gone})
        if self._received:
            headers |= {"Range": f"bytes={self._received}-", "If-Range": self._etag or ""}
            expect = _REST
        response = await self._caller.request(
            "GET", self._raw.target, headers=headers, expect=expect
        )
        if self._received:
            self._check_rest(response)
        elif response.status in self._raw.gone:
            response.discard()
            raise MessageGone(f"the upstream has no such message any more ({response.status})")
        else:
            self._note(response)
        return response

    def _note(self, response: Response) -> None:
        """What is to come, and whether the rest of it can be asked for."""
        self._answered = True
        page = (response.header("Content-Type") or "").lower().startswith("text/html")
        self._head = b"" if page else None
        self._length = response.length
        tag = response.header("ETag") or ""
        ranges = (response.header("Accept-Ranges") or "").lower() == "bytes"
        # Only a strong tag says that the octets are the same (RFC 9110 §13.1.5), and only
        # with the length it is known when the rest is all of it.
        strong = ranges and tag.startswith('"') and self._length is not None
        self._etag = tag if strong else None

    def _check_rest(self, response: Response) -> None:
        rest = response.range
        fits = (
            response.status == 206
            and rest is not None
            and rest[0] == self._received
            and rest[1] in {None, self._length}
            # Not every server that has Range has If-Range, too.
            and response.header("ETag") in {None, self._etag}
        )
        if not fits:
            response.discard()
            raise _Final("the rest of the message cannot be had any more")

    async def _take(self, response: Response) -> None:
        before = self._received
        stream = Stream(self._feed, self._caller.settings.idle_timeout, self._caller.reactor)
        done: Deferred[None] = stream.done
        self._stream, self._response = stream, response
        if self._paused:
            stream.pause()
        response.deliver_to(stream)
        try:
            await done
        except Exception as error:  # noqa: BLE001 - Twisted raises many kinds
            raise faults.of_error(error) from None
        finally:
            self._stream = self._response = None
        missing = (self._length or 0) - self._received
        if before and missing > 0:
            raise Unavailable("the rest of the message was not all of it")

    def _feed(self, chunk: bytes) -> None:
        if self._is_page(chunk):
            self._fail(_Final("the upstream shows a web page instead of the message"))
            return
        self._received += len(chunk)
        if self._received > self._caller.settings.max_message:
            self._fail(_Final("the message is too large (max_message)"))
            return
        try:
            octets = self._decoder.feed(chunk)
        except Undecodable as error:
            self._fail(_Final(f"the upstream's message cannot be read: {error}"))
            return
        if octets:
            self._write(octets)

    def _is_page(self, chunk: bytes) -> bool:
        """Whether it is a web page by what has come, in however small pieces."""
        if self._head is None:
            return False
        self._head += chunk[:_PAGE_HEAD]
        page = PAGE.match(self._head) is not None
        if len(self._head) >= _PAGE_HEAD:
            self._head = None
        return page

    def _fail(self, failure: Failure) -> None:
        if self._stream is not None:
            self._stream.abort(failure)

    def _complete(self) -> None:
        try:
            rest = self._decoder.finish()
        except Undecodable as error:
            raise Unavailable(f"the upstream's message is not complete: {error}") from None
        octets = self._written + len(rest)
        if octets < self._least:
            raise Unavailable(
                f"the upstream ends the message after {octets} of {self._least} octets"
            )
        self._write(rest)

    def _write(self, octets: bytes) -> None:
        if not self._begun:
            self._begun = True
            length = self._length if self._decoder.same_length else None
            self._call_sink(lambda sink: sink.begin(length))
        if octets and not self._stopped:
            self._written += len(octets)
            self._call_sink(lambda sink: sink.write(octets))

    def _call_sink(self, call: Callable[[Sink], None]) -> None:
        if self._sink is None or self._stopped:
            return
        self._in_sink = True
        try:
            call(self._sink)
        finally:
            self._in_sink = False
        self._settle_if_stopped()

    def _settle_if_stopped(self) -> None:
        if self._stopped:
            self._settle()


class _Final(Unavailable):
    """No further request can help."""
