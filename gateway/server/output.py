"""Back-pressure from the client's transport, told to whoever writes at the moment."""

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer


class Writer(Protocol):
    """Something that writes much and can wait."""

    def pause(self) -> None:
        """The client takes no more for now."""

    def resume(self) -> None:
        """The client takes octets again."""


@implementer(IPushProducer)
class OutputGate:
    """The transport's one producer for the life of a connection.

    Being registered throughout, it also sees a client that sends commands without
    reading the replies; and no paused producer is ever left behind by
    `unregisterProducer`, which does not resume it.

    Args:
        opened: Called when there is room again.
        closed: Called when the transport's buffer is full.
    """

    __slots__ = ("_closed", "_opened", "_writer", "full")

    def __init__(self, closed: Callable[[], None], opened: Callable[[], None]) -> None:
        self._closed = closed
        self._opened = opened
        self._writer: Writer | None = None
        self.full = False

    def attach(self, writer: Writer) -> None:
        """Let this writer know from now on; at once if the buffer is full already."""
        self._writer = writer
        if self.full:
            writer.pause()

    def detach(self) -> None:
        """The writer is done."""
        self._writer = None

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        self.full = True
        self._closed()
        if self._writer is not None:
            self._writer.pause()

    def resumeProducing(self) -> None:
        """The transport's buffer is empty."""
        self.full = False
        writer = self._writer
        self._opened()
        # Last, because a writer may fill the buffer again before it returns.
        if writer is not None and writer is self._writer and not self.full:
            writer.resume()

    def stopProducing(self) -> None:
        """The transport is gone; `connectionLost` follows."""
