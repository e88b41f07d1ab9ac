"""The octets of one response on their way: pausing, silence, a truthful end."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.web.client import ResponseDone

from gateway.errors import Unavailable

# For a rest that nobody waits for: a connection is not worth more.
_HURRY = 5.0


class Stream(Protocol):
    """Takes the body of a response; see `Response.deliver`.

    Args:
        write: Takes each chunk.
        idle_timeout: Seconds without an octet while not paused, after which it fails.
        reactor: Tells the time.

    Attributes:
        done: Fires with None when the body is complete, by its own account; fails if
            it is not, or if nobody knows.
        received: Octets that came.
    """

    def __init__(
        self, write: Callable[[bytes], None], idle_timeout: float, reactor: Any
    ) -> None:
        self.done: Deferred[None] = Deferred(lambda _: self.abort())
        self.received = 0
        self._write = write
        self._idle_timeout = idle_timeout
        self._reactor = reactor
        self._timer: Any = None
        self._heard = 0.0
        self._paused = False
        self._aborted = False

    def connectionMade(self) -> None:
        """The body begins."""
        self._heard = self._reactor.seconds()
        if not self._paused:
            self._timer = self._reactor.callLater(self._idle_timeout, self._look)

    def delivering(self) -> None:
        """The body comes from now on; Twisted has resumed the transport whatever was told."""
        if self._paused:
            self._transport("pauseProducing")
        if self._aborted:
            self._hang_up()

    def dataReceived(self, data: bytes) -> None:
        """The next octets."""
        self._heard = self._reactor.seconds()
        self.received += len(data)
        if not self._aborted:
            self._write(data)

    def connectionLost(self, reason: Any = None) -> None:
        """The body ends, one way or the other."""
        self._stop_timer()
        if self.done.called:
            return
        if reason.check(ResponseDone):
            self.done.callback(None)
        else:
            self.done.errback(reason)

    def pause(self) -> None:
        """Read no more from the upstream for now; silence is then no fault of its."""
        if not self._paused:
            self._paused = True
            self._stop_timer()
            self._transport("pauseProducing")

    def resume(self) -> None:
        """Read on."""
        if self._paused:
            self._paused = False
            self._heard = self._reactor.seconds()
            if self.transport is not None and not self.done.called:
                self._timer = self._reactor.callLater(self._idle_timeout, self._look)
            self._transport("resumeProducing")

    def let_pass(self) -> None:
        """Nobody waits for the rest, but its end keeps the connection, if it comes soon."""
        self.resume()
        if self.done.called:
            return
        late = self._reactor.callLater(_HURRY, self.abort)

        def over(result: Any) -> Any:
            if late.active():
                late.cancel()
            return result

        self.done.addBoth(over)

    def abort(self, cause: Exception | None = None) -> None:
        """Nobody wants the rest: hang up. `done` fails with the cause."""
        if self._aborted:
            return
        self._aborted = True
        self._stop_timer()
        if not self.done.called:
            self.done.errback(cause or Unavailable("nobody wants the rest of the answer"))
        self._hang_up()

    def _hang_up(self) -> None:
        """At once: a peer that does not answer must not keep the socket open."""
        transport: Any = self.transport
        producer = getattr(transport, "_producer", None)
        abort = getattr(producer, "abortConnection", None)
        if abort is not None:
            abort()
        elif transport is not None:
            transport.loseConnection()

    def _look(self) -> None:
        """One timer that is set anew when it is over costs less than one for each chunk."""
        self._timer = None
        left = self._heard + self._idle_timeout - self._reactor.seconds()
        if left > 0:
            self._timer = self._reactor.callLater(left, self._look)
        else:
            self.abort(Unavailable("the upstream fell silent in the middle of its answer"))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _transport(self, deed: str) -> None:
        if self.transport is not None and not self.done.called:
            getattr(self.transport, deed)()
