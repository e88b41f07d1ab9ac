"""A message that was asked for ahead of its client, or is the first of a row that will be."""

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed

from gateway.backend.imap.body import ImapBody
from gateway.backend.imap.prefetch import Batch, Prefetch
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
        """What a batch brought is written at once; it is no more than its window."""
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
        if self._batch is not None:
            self._batch.give_up(self._uid)
        if self._body is not None:
            self._body.stop()

    def _deliver(self, batch: Batch, sink: Sink) -> Deferred[int]:
        if self._stopped:
            return succeed(0)
        chunks = batch.take(self._uid)
        if chunks is None or self._prefetch.moved:
            return self._fetch_alone(sink)
        octets = sum(map(len, chunks))
        sink.begin(octets)
        for chunk in chunks:
            if not self._stopped:
                sink.write(chunk)
        if not self._stopped:
            self._delivered(octets)
        return succeed(octets)

    def _fetch_alone(self, sink: Sink) -> Deferred[int]:
        self._body = self._fetch()
        running = self._body.start(sink)
        if self._paused:
            self._body.pause()
        return running
