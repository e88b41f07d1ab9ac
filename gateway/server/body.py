"""The pipe of one message: upstream body → cut of TOP → byte-stuffing → client."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred

from gateway.backend.port import Body
from gateway.errors import BodyBroken, Unavailable
from gateway.pop3 import replies
from gateway.pop3.events import SendBody
from gateway.pop3.multiline import Stuffer, TopCutter


class BodyPipe:
    """Takes one message as the sink of a body and writes it as a POP3 answer.

    Args:
        effect: What the session asked for.
        body: The message.
        write: Takes octets for the client.
    """

    __slots__ = (
        "_abandoned",
        "_body",
        "_cutter",
        "_head",
        "_left",
        "_stuffer",
        "_write",
        "begun",
        "complete",
        "octets",
    )

    def __init__(self, effect: SendBody, body: Body, write: Callable[[bytes], None]) -> None:
        self._body = body
        self._write = write
        self._stuffer = Stuffer()
        self._cutter = None if effect.top is None else TopCutter(effect.top)
        self._abandoned = False
        self._left: int | None = None
        self._head = b""
        self.begun = False
        self.complete = False
        self.octets = 0

    def run(self) -> Deferred[None]:
        """Write the status line, the message and the terminator.

        No coroutine: a message that was asked for ahead is through when this returns, and
        a coroutine would cost more than all the rest of it.

        Raises:
            Failure: As `Body.start`; nothing is written after it.
        """
        running: Any = self._body.start(self)
        if not isinstance(running, Deferred):
            running = ensureDeferred(running)
        ended: Deferred[None] = running.addCallback(self._end)
        return ended

    def _end(self, _: int) -> None:
        if not self._abandoned:
            self._check()
            self._write(self._head + self._stuffer.finish())
            self.complete = True

    def _check(self) -> None:
        """The terminator says that all is here: a driver's word alone is not enough."""
        if not self.begun:
            raise Unavailable("the driver ended a message that it had not begun")
        if self._left and not (self._cutter and self._cutter.finished):
            raise BodyBroken(f"the driver announced {self._left} octets more than it sent")

    def begin(self, octets: int | None) -> None:
        """See `Sink`: only now is it certain that there is a message to announce."""
        self.begun = True
        self._left = octets
        # Kept for the first octets: one write, and one segment for a small message.
        self._head = replies.body(octets if self._cutter is None else None)

    def write(self, chunk: bytes) -> None:
        """See `Sink`."""
        if self._abandoned:
            return
        if self._left is not None:
            self._left -= len(chunk)
        if self._cutter is not None:
            chunk = self._cutter.feed(chunk)
        self.octets += len(chunk)
        if self._head:
            head, self._head = self._head, b""
            self._write(head)
        self._write(self._stuffer.feed(chunk))
        if self._cutter is not None and self._cutter.finished:
            # Not before the write: a body may end in the moment when it is stopped.
            self._body.stop()

    def pause(self) -> None:
        """The client takes no more for now."""
        self._body.pause()

    def resume(self) -> None:
        """The client takes octets again."""
        self._body.resume()

    def abandon(self) -> None:
        """The client is gone."""
        self._abandoned = True
        self._body.stop()
