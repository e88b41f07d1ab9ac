"""A message that was asked for ahead of its client, or is the first of a row that will be.

What is asked for, and how it is kept, each protocol knows for itself. How it is delivered is
the same: small messages at once, others as the client takes them.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from twisted.internet.defer import Deferred, succeed

from gateway.backend.port import Body, Sink

# What may be written without asking whether the client takes it: more would wait in the
# client's buffer, where no budget counts it, and look like a client that takes nothing.
AT_ONCE = 1 << 17


class Claim(Protocol):
    """One message that was asked for ahead, and is now its client's."""

    @property
    def finished(self) -> bool:
        """Whether it has come, or will not."""

    def when_finished(self) -> "Deferred[None]":
        """Fires when it has."""

    def lend(self) -> list[bytes] | None:
        """Its octets, once, kept until `give_up`; None if they did not come whole."""

    def give_up(self) -> None:
        """Nobody wants it any more; may be repeated."""


class ReadingAhead(Protocol):
    """What one session has asked for ahead of its client."""

    def claim(self, index: int) -> Claim | None:
        """What was asked for of the message that stands here, if anything."""

    def go_on(self, index: int) -> None:
        """The client reads this message: see to the ones behind it."""


class DeferredBody(Body, Protocol):
    """A body that needs no coroutine around it."""

    def start(self, sink: Sink) -> "Deferred[int]":
        """See `gateway.backend.port.Body.start`."""


class KeptBody:
    """Delivers octets that are kept in memory.

    Args:
        chunks: They, cut anywhere.
        settled: Called once, when they are written or nobody wants them any more.
        delivered: Called with their number when all are written.
        paused: Whether the sink is full already.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        *,
        settled: Callable[[], None],
        delivered: Callable[[int], None] | None = None,
        paused: bool = False,
    ) -> None:
        self._left = deque(chunks)
        self._octets = sum(map(len, self._left))
        self._settled = settled
        self._delivered = delivered
        self._paused = paused
        self._stopped = False
        self._sink: Sink | None = None
        self._done: Deferred[int] = Deferred()

    def start(self, sink: Sink) -> "Deferred[int]":
        """See `gateway.backend.port.Body.start`."""
        self._sink = sink
        sink.begin(self._octets)
        self._write_on(sink)
        return self._done

    def pause(self) -> None:
        """Write no more; a small message is written at once all the same."""
        self._paused = True

    def resume(self) -> None:
        """Let it go on."""
        self._paused = False
        if self._sink is not None:
            self._write_on(self._sink)

    def stop(self) -> None:
        """Nobody wants the rest."""
        self._stopped = True
        if self._sink is not None:
            self._write_on(self._sink)

    def _write_on(self, sink: Sink) -> None:
        left, at_once = self._left, self._octets <= AT_ONCE
        while left and not self._stopped and (at_once or not self._paused):
            sink.write(left.popleft())
        if self._done.called or (left and not self._stopped):
            return
        left.clear()
        self._settled()
        if self._delivered is not None and not self._stopped:
            self._delivered(self._octets)
        self._done.callback(self._octets)


class AheadBody:
    """Delivers what was asked for ahead; what was not is fetched like any other.

    Args:
        ahead: The session's.
        index: Where the message stands in the maildrop.
        fetch: Makes the body that fetches it.
        delivered: Called with its octets when it was delivered without `fetch`.
    """

    def __init__(
        self,
        ahead: ReadingAhead,
        index: int,
        fetch: Callable[[], DeferredBody],
        delivered: Callable[[int], None] | None = None,
    ) -> None:
        self._ahead = ahead
        self._index = index
        self._fetch = fetch
        self._delivered = delivered
        self._claim: Claim | None = None
        self._body: DeferredBody | None = None
        self._paused = False
        self._stopped = False

    def start(self, sink: Sink) -> "Deferred[int]":
        """See `gateway.backend.port.Body.start`."""
        if self._stopped:
            return succeed(0)
        self._claim = claim = self._ahead.claim(self._index)
        if claim is None:
            running = self._fetch_alone(sink)
        elif claim.finished:
            running = self._deliver(claim, sink)
        else:
            running = claim.when_finished().addCallback(lambda _: self._deliver(claim, sink))
        self._ahead.go_on(self._index)
        return running

    def pause(self) -> None:
        """Write no more, but see `KeptBody.pause`."""
        self._paused = True
        if self._body is not None:
            self._body.pause()

    def resume(self) -> None:
        """Let it go on."""
        self._paused = False
        if self._body is not None:
            self._body.resume()

    def stop(self) -> None:
        """Nobody wants it any more."""
        self._stopped = True
        if self._claim is not None:
            self._claim.give_up()
        if self._body is not None:
            self._body.stop()

    def _deliver(self, claim: Claim, sink: Sink) -> "Deferred[int]":
        if self._stopped:
            return succeed(0)
        chunks = claim.lend()
        if chunks is None:
            claim.give_up()
            return self._fetch_alone(sink)
        self._body = KeptBody(
            chunks, settled=claim.give_up, delivered=self._delivered, paused=self._paused
        )
        return self._body.start(sink)

    def _fetch_alone(self, sink: Sink) -> "Deferred[int]":
        self._body = self._fetch()
        running = self._body.start(sink)
        if self._paused:
            self._body.pause()
        return running
