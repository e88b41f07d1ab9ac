"""Asks for the next messages while a client reads one, as clients read 1..n in order.

HTTP has a request for each message, so several are under way at once. What comes is kept
until the client asks for it, bounded for each session and for all together.
"""

from collections.abc import Callable

from twisted.internet.defer import Deferred

from gateway.backend.budget import Budget
from gateway.backend.http.body import HttpBody
from gateway.errors import Failure

# Finished ones wait for the client while as many again are on their way.
_WINDOW = 2
_SLACK = 1024


class Kept:
    """One message asked for ahead: its octets as they come, if they are not too many.

    See `gateway.backend.ahead.Claim`.

    Args:
        body: Fetches it.
        room: Octets that it may have.
        settled: Called once, when nothing of it is kept any more.
    """

    def __init__(self, body: HttpBody, room: int, settled: Callable[[], None]) -> None:
        self.finished = False
        self._body = body
        self._room = room
        self._settled: Callable[[], None] | None = settled
        self._chunks: list[bytes] | None = []
        self._waiting: list[Deferred[None]] = []

    def run(self, failed: Callable[[], None]) -> None:
        """Begin; `failed` is called if it did not come."""

        def lost(_: object) -> None:
            self._chunks = None
            failed()

        self._body.start(self).addErrback(lost).addBoth(self._end)

    def begin(self, octets: int | None) -> None:
        """See `Sink`."""
        if octets is not None and octets > self._room:
            self._let_go()

    def write(self, chunk: bytes) -> None:
        """See `Sink`."""
        self._room -= len(chunk)
        if self._room < 0:
            self._let_go()
        elif self._chunks is not None:
            self._chunks.append(chunk)

    def when_finished(self) -> "Deferred[None]":
        """Fires when it has come, or will not."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def lend(self) -> list[bytes] | None:
        """The octets, once; None if they did not come whole."""
        chunks, self._chunks = self._chunks, None
        return chunks

    def give_up(self) -> None:
        """Nobody wants it any more."""
        self._let_go()
        settled, self._settled = self._settled, None
        if settled is not None:
            settled()

    def _let_go(self) -> None:
        self._chunks = None
        self._body.stop()

    def _end(self, _: object) -> None:
        self.finished = True
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)


class Ahead:
    """What one session has asked for ahead of its client.

    Args:
        octets: What each message has, by what is known, in message-number order.
        certain: Whether that is certain.
        fetch: Makes the body that fetches a message.
        concurrency: How many requests may be under way.
        limit: Octets that this session may keep.
        budget: Octets that all sessions may keep.
    """

    def __init__(
        self,
        octets: "Callable[[int], int]",
        count: int,
        *,
        certain: Callable[[int], bool],
        fetch: Callable[[int], HttpBody],
        concurrency: int,
        limit: int,
        budget: Budget,
    ) -> None:
        self._octets = octets
        self._count = count
        self._certain = certain
        self._fetch = fetch
        self._window = concurrency * _WINDOW
        self._limit = limit
        self._budget = budget
        self._kept: dict[int, Kept] = {}
        self._held = 0
        self._expected = 0
        self._next = 0
        self._run = 0
        self._failed = False

    def claim(self, index: int) -> Kept | None:
        """What was asked for of this message, if anything.

        A client that reads in another order ends what was asked for.
        """
        if index != self._expected:
            self._run = 0
            self.drop()
        return self._kept.pop(index, None)

    def go_on(self, index: int) -> None:
        """The client reads this message: see to the ones behind it."""
        self._expected = index + 1
        self._run += 1
        self._next = max(self._next, self._expected)
        # One message alone, somewhere in the middle, is not yet a client that reads on; and
        # an upstream that fails is not asked for more than the client wants.
        if self._failed or (self._run == 1 and index):
            return
        while len(self._kept) < self._window and self._next < self._count:
            if not self._ask(self._next):
                break
            self._next += 1

    def drop(self) -> None:
        """Forget all that was asked for, and what is under way."""
        kept, self._kept = self._kept, {}
        for each in kept.values():
            each.give_up()
        self._next = 0

    def _ask(self, index: int) -> bool:
        """Ask for one, if there is room; not for one that no URL can be made of."""
        try:
            body = self._fetch(index)
        except Failure:
            return False
        octets = self._octets(index)
        # Twice an estimate: what turns out larger is fetched when it is asked for.
        room = octets + _SLACK if self._certain(index) else 2 * octets + _SLACK
        if self._held + room > self._limit or not self._budget.take(room):
            return False
        self._held += room

        def settled() -> None:
            self._held -= room
            self._budget.give(room)

        def failed() -> None:
            self._failed = True

        self._kept[index] = kept = Kept(body, room, settled)
        kept.run(failed)
        return True
