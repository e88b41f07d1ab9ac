"""Learns how many octets messages have, by reading each once.

A message that cannot be read fails the login that meets it, as the fault may pass. At the next
login it may fail alone: one message that the upstream cannot give must not keep the others.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from twisted.internet.defer import Deferred, gatherResults

from gateway.backend.http.body import HttpBody
from gateway.backend.http.keep import Keeper, Keeping
from gateway.errors import Failure, MessageGone, Unavailable
from gateway.telemetry import Emitter, Event, Level

_SAVE_EVERY = 250


@dataclass(frozen=True, slots=True)
class SizesLearned(Event):
    """A login had to read messages to know how many octets they have."""

    level: ClassVar[Level] = "info"
    learned: int
    left: int


class Lesson:
    """Reads messages until all are read, one fails, or the time is up.

    Args:
        indexes: Which, in the maildrop.
        fetch: Makes the body that reads one, and notes its octets.
        keeper: Keeps what was read, if it is small.
        troubled: Called when one could not be read; whether that is so for the second time.
        save: Keeps what was noted so far.
        timeout: Seconds for all.
        reactor: Tells the time.
        emit: Takes the events.
    """

    def __init__(
        self,
        indexes: Sequence[int],
        *,
        fetch: Callable[[int], HttpBody],
        keeper: Keeper,
        troubled: Callable[[int], bool],
        save: Callable[[], None],
        timeout: float,
        reactor: Any,
        emit: Emitter,
    ) -> None:
        self._left = len(indexes)
        self._queue: Iterator[int] = iter(indexes)
        self._fetch = fetch
        self._keeper = keeper
        self._troubled = troubled
        self._save = save
        self._timeout = timeout
        self._reactor = reactor
        self._emit = emit
        self._learned = 0
        self._bodies: set[HttpBody] = set()
        self._failure: Failure | None = None

    async def run(self, concurrency: int) -> None:
        """Learn all of them.

        Raises:
            Failure: Some are still unknown; what was learned is saved, and next time the rest
                is less.
        """
        late = self._reactor.callLater(self._timeout, self._fail, None)
        readers = [Deferred.fromCoroutine(self._read()) for _ in range(concurrency)]
        try:
            await gatherResults(readers)
        finally:
            if late.active():
                late.cancel()
            self._save()
            self._emit(SizesLearned(self._learned, self._left))
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Learn no more; what was learned is saved."""
        self._fail(Unavailable("nobody waits for the sizes any more"))

    async def _read(self) -> None:
        for index in self._queue:
            if self._failure is not None:
                return
            body, sink = self._fetch(index), self._keeper.sink(index)
            self._bodies.add(body)
            try:
                await body.start(sink)
            except MessageGone:
                pass  # it will not be missed
            except Failure as failure:
                # With a failure already there, it was only told to stop.
                if self._failure is None and not self._troubled(index):
                    self._fail(failure)
            else:
                self._note(sink)
            finally:
                sink.drop()
                self._bodies.discard(body)

    def _note(self, sink: Keeping) -> None:
        if self._failure is not None:
            return  # it was stopped, perhaps in the middle
        sink.whole()
        self._learned += 1
        self._left -= 1
        if self._learned % _SAVE_EVERY == 0:
            self._save()

    def _fail(self, failure: Failure | None) -> None:
        """None: the time is up."""
        if self._failure is not None:
            return
        self._failure = failure or Unavailable(
            f"the sizes of {self._left} messages are still to be learned (learn_timeout); the "
            "next login goes on with them"
        )
        for body in list(self._bodies):
            body.stop()
