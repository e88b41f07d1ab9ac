"""One message file on its way to a sink: a push producer, one slice per reactor turn."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from gateway.backend.embedded.crlf import CrlfConverter
from gateway.backend.embedded.maildir import CHUNK
from gateway.backend.port import Sink
from gateway.errors import BodyBroken, Unavailable


@dataclass(frozen=True, slots=True)
class Opened:
    """A message file, open.

    Attributes:
        descriptor: The body closes it.
        size: Its length on disk when it was opened: no more and no less is delivered.
        octets: The length in CRLF form that the client was told; None if the file is
            not the one that was counted.
        learn: Is told the true count when it turns out to be another.
    """

    descriptor: int
    size: int
    octets: int | None
    learn: Callable[[int], None]


class MaildirBody:
    """Implements `gateway.backend.port.Body`."""

    def __init__(self, opener: Callable[[], Awaitable[Opened]], clock: IReactorTime) -> None:
        self._opener = opener
        self._clock = clock
        self._room: Deferred[None] | None = None
        self._stopped = False
        self._abandoned = False
        self._written = 0
        self.done = False

    async def start(self, sink: Sink) -> int:
        """Deliver the message; see the port."""
        opened = await self._opener()
        try:
            # The first slice is read before `begin`, while a failure can still be told.
            first = _read(opened, opened.size, Unavailable)
            sink.begin(opened.octets)
            await self._deliver(opened, first, sink)
        finally:
            self.done = True
            os.close(opened.descriptor)
        return self._written

    async def _deliver(self, opened: Opened, first: bytes, sink: Sink) -> None:
        converter = CrlfConverter()
        chunk, left = first, opened.size
        while left and await self._may_write():
            if not chunk:
                raise BodyBroken(f"the file lost its last {left} octets on the way")
            self._write(converter.convert(chunk), sink)
            left -= len(chunk)
            if left:
                await deferLater(self._clock, 0)
                if await self._may_write():
                    chunk = _read(opened, left, BodyBroken)
        if not left:
            self._compare(opened)

    def _write(self, octets: bytes, sink: Sink) -> None:
        self._written += len(octets)
        sink.write(octets)

    async def _may_write(self) -> bool:
        while self._room is not None:
            await self._room
        if self._abandoned:
            raise BodyBroken("the session was closed")
        return not self._stopped

    def _compare(self, opened: Opened) -> None:
        told, count = opened.octets, self._written
        if told in {None, count}:
            return
        opened.learn(count)
        if not self._stopped:  # otherwise the sink has what it wanted
            raise BodyBroken(f"announced {told} octets, the file has {count}")

    def pause(self) -> None:
        """Write nothing until `resume`."""
        if self._room is None:
            self._room = Deferred()

    def resume(self) -> None:
        """Go on."""
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)

    def stop(self) -> None:
        """Finish as if complete."""
        self._stopped = True
        self.resume()

    def abandon(self) -> None:
        """The session ends: a body still on its way is broken."""
        self._abandoned = True
        self.resume()


def _read(opened: Opened, left: int, failure: type[Unavailable | BodyBroken]) -> bytes:
    try:
        return os.read(opened.descriptor, min(CHUNK, left))
    except OSError as error:
        raise failure(f"reading a message: {error.strerror}") from error
