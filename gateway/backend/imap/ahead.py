"""A message that was asked for ahead of its client, or is the first of a row that will be."""

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed

from gateway.backend.imap.body import ImapBody
from gateway.backend.imap.prefetch import AT_ONCE, Batch, Prefetch
from gateway.backend.port import Sink


class AheadBody:
    """Delivers what a batch has brought; what none has brought is fetched like any other.

    Args:
        prefetch: The session's.
        index: Where the message stands in the maildrop.
        uid: The message.
        fetch: Makes the body that fetches it.
        delivered: Called with its octets when a message of a batch was delivered.
    """

    def __init__(
        self,
        prefetch: Prefetch,
        *,
        index: int,
        uid: int,
        fetch: Callable[[], ImapBody],
        delivered: Callable[[int], None],
    ) -> None:
        self._prefetch = prefetch
        self._index = index
        self._uid = uid
        self._fetch = fetch
        self._delivered = delivered
        self._batch: Batch | None = None
        self._body: ImapBody | None = None
        self._paused = False
        self._stopped = False
        self._write_on: Callable[[], None] | None = None

    def start(self, sink: Sink) -> Deferred[int]:
        """See `gateway.backend.port.Body.start`."""
        if self._stopped:
            return succeed(0)
        self._batch = batch = self._prefetch.claim(self._index)
        if batch is None:
            running = self._fetch_alone(sink)
        elif batch.finished:
            running = self._deliver(batch, sink)
        else:
            running = batch.when_finished().addCallback(lambda _: self._deliver(batch, sink))
        self._prefetch.go_on(self._index)
        return running

    def pause(self) -> None:
        """Write no more; a small message that a batch brought is written at once."""
        self._paused = True
        if self._body is not None:
            self._body.pause()

    def resume(self) -> None:
        """Let it go on."""
        self._paused = False
        if self._body is not None:
            self._body.resume()
        if self._write_on is not None:
            self._write_on()

    def stop(self) -> None:
        """Nobody wants it any more."""
        self._stopped = True
        if self._batch is not None:
            self._batch.give_up(self._uid)
        if self._body is not None:
            self._body.stop()
        if self._write_on is not None:
            self._write_on()

    def _deliver(self, batch: Batch, sink: Sink) -> Deferred[int]:
        if self._stopped:
            return succeed(0)
        chunks = batch.lend(self._uid)
        if chunks is None or self._prefetch.moved:
            batch.give_up(self._uid)
            return self._fetch_alone(sink)
        octets = sum(map(len, chunks))
        sink.begin(octets)
        if octets > AT_ONCE:
            return self._deliver_slowly(batch, chunks, sink)
        batch.give_up(self._uid)
        for chunk in chunks:
            if not self._stopped:
                sink.write(chunk)
        if not self._stopped:
            self._delivered(octets)
        return succeed(octets)

    def _deliver_slowly(self, batch: Batch, chunks: list[bytes], sink: Sink) -> Deferred[int]:
        """As the sink takes it; the budget gets it back when all is written."""
        done: Deferred[int] = Deferred()
        left, octets = deque(chunks), sum(map(len, chunks))

        def write_on() -> None:
            while left and not (self._paused or self._stopped):
                sink.write(left.popleft())
            if done.called or (left and not self._stopped):
                return
            left.clear()
            batch.give_up(self._uid)
            if not self._stopped:
                self._delivered(octets)
            done.callback(octets)

        self._write_on = write_on
        write_on()
        return done

    def _fetch_alone(self, sink: Sink) -> Deferred[int]:
        self._body = self._fetch()
        running = self._body.start(sink)
        if self._paused:
            self._body.pause()
        return running
