"""A response whose header has come, and a small answer that has come whole."""

import contextlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred

from gateway.backend.http import faults
from gateway.backend.http.settings import HttpSettings
from gateway.backend.http.stream import Stream
from gateway.errors import Unavailable

_TOLD = 2048
_TOLD_SECONDS = 5.0
# What a proxy or a log-in page says with status 200, and no message begins with.
PAGE = re.compile(rb"\s*<(!doctype|html)\b", re.IGNORECASE)
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)\Z")


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """A whole answer.

    Attributes:
        status: Of the response.
        headers: By name in lower case; of several only the last.
        octets: The body.
        url: Whence it came, after redirects.
    """

    status: int
    headers: Mapping[str, str]
    octets: bytes
    url: str

    def refuse_page(self) -> None:
        """Let nobody take the page of a proxy or a log-in for "done".

        Raises:
            Unavailable: The body begins as a web page does.
        """
        if PAGE.match(self.octets):
            raise Unavailable("a web page in the place of an answer: nobody knows what is done")

    def json(self) -> Any:
        """What the body holds; None if it is empty.

        Raises:
            Unavailable: It is not JSON. No part of it is quoted: it may be mail.
        """
        if not self.octets.strip():
            return None
        try:
            return json.loads(self.octets)
        except (ValueError, RecursionError):
            raise Unavailable("the upstream's answer is not JSON") from None


class Response:
    """One response; its body comes when somebody takes it.

    Args:
        response: Twisted's.
        url: Whence it comes.
        settings: Time-outs and limits.
        reactor: Tells the time.
    """

    def __init__(self, response: Any, url: str, settings: HttpSettings, reactor: Any) -> None:
        self.status: int = response.code
        self.url = url
        self._response = response
        self._settings = settings
        self._reactor = reactor
        self._taken = False
        self._ended: Callable[[], None] | None = None
        self._over = False

    @property
    def length(self) -> int | None:
        """Octets that will come, if the upstream says so."""
        return self._response.length if isinstance(self._response.length, int) else None

    def header(self, name: str) -> str | None:
        """A header's value, of several the last."""
        values = self._response.headers.getRawHeaders(name.encode("ascii"))
        return values[-1].decode("latin-1") if values else None

    @property
    def range(self) -> tuple[int, int | None] | None:
        """Of a 206: where its octets begin, and how many the whole has, if told."""
        match = _RANGE.match(self.header("Content-Range") or "")
        if match is None:
            return None
        return int(match[1]), None if match[3] == "*" else int(match[3])

    def checked(self) -> "Response":
        """This response, if its octets are what they are.

        Raises:
            Unavailable: They are compressed, which nobody asked for.
        """
        fields = self._response.headers.getRawHeaders(b"content-encoding") or []
        codings = b",".join(fields).lower().split(b",")
        if {coding.strip() for coding in codings} - {b"identity", b""}:
            self.discard()
            raise Unavailable("the upstream's answer is compressed, which nobody asked for")
        return self

    def when_ended(self, call: Callable[[], None]) -> None:
        """Call it once the body has come, was broken off or was given up."""
        if self._over:
            call()
        else:
            self._ended = call

    def deliver(self, write: Callable[[bytes], None]) -> Stream:
        """Let the body come, now; once.

        Returns:
            The stream, whose `done` tells the end.
        """
        return self.deliver_to(self._stream(write))

    def deliver_to(self, stream: Stream) -> Stream:
        """The same into a stream that is already there."""
        self._taken = True
        stream.done.addBoth(self._end)
        self._response.deliverBody(stream)
        stream.delivering()
        return stream

    def discard(self) -> None:
        """Nobody wants the body. A short one is let pass, so that its connection is kept."""
        if self._taken:
            return
        short = self.length is not None and self.length <= 1 << 16
        stream = self.deliver(_nothing)
        stream.done.addErrback(_nothing)
        if short:
            stream.let_pass()
        elif not stream.done.called:
            stream.abort()

    async def read(self, limit: int | None = None) -> Answer:
        """The whole body.

        Raises:
            Unavailable: It is too large, broken off, or takes too long.
        """
        limit = self._settings.max_answer if limit is None else limit
        chunks: list[bytes] = []
        room = limit
        if (self.length or 0) > limit:
            self.discard()
            raise _too_large(limit)

        def write(chunk: bytes) -> None:
            nonlocal room
            room -= len(chunk)
            if room < 0:
                stream.abort(_too_large(limit))
            else:
                chunks.append(chunk)

        stream = self._stream(write)
        done: Deferred[None] = stream.done
        self.deliver_to(stream)
        late = self._reactor.callLater(
            self._settings.answer_timeout,
            stream.abort,
            Unavailable("the upstream's answer takes too long"),
        )
        try:
            await done
        except Exception as error:  # noqa: BLE001 - Twisted raises many kinds
            raise faults.of_error(error) from None
        finally:
            if late.active():
                late.cancel()
        return Answer(self.status, self._headers(), b"".join(chunks), self.url)

    async def told(self) -> bytes:
        """The beginning of an error's body, for the log; empty if it does not come quickly."""
        if self._taken:
            return b""
        came = bytearray()

        def write(chunk: bytes) -> None:
            came.extend(chunk[: _TOLD - len(came)])
            if len(came) == _TOLD:
                stream.abort()

        stream = self._stream(write)
        done: Deferred[None] = stream.done
        self.deliver_to(stream)
        late = self._reactor.callLater(_TOLD_SECONDS, stream.abort)
        # Whatever it is, the status is what counts.
        with contextlib.suppress(Exception):
            await done
        if late.active():
            late.cancel()
        return bytes(came)

    def _stream(self, write: Callable[[bytes], None]) -> Stream:
        return Stream(write, self._settings.idle_timeout, self._reactor)

    def _headers(self) -> Mapping[str, str]:
        return {
            name.decode("latin-1").lower(): values[-1].decode("latin-1")
            for name, values in self._response.headers.getAllRawHeaders()
        }

    def _end(self, result: Any) -> Any:
        self._over = True
        ended, self._ended = self._ended, None
        if ended is not None:
            ended()
        return result


def _too_large(limit: int) -> Unavailable:
    return Unavailable(f"the upstream's answer has more than {limit} octets (max_answer)")


def _nothing(_: object) -> None:
    """Do nothing."""
