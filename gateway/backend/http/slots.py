"""How many requests one session has under way."""

from collections import deque

from twisted.internet.defer import Deferred, succeed


class Slots:
    """A number of places, which may become smaller or larger.

    Args:
        limit: How many.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._taken = 0
        self._waiting: deque[Deferred[None]] = deque()

    @property
    def free(self) -> int:
        """How many can be had at once."""
        return max(0, self.limit - self._taken)

    def take(self) -> "Deferred[None]":
        """Fires with a place, in the order of asking; cancel it to ask no more."""
        if self._taken < self.limit and not self._waiting:
            self._taken += 1
            return succeed(None)
        waiting: Deferred[None] = Deferred(self._forget)
        self._waiting.append(waiting)
        return waiting

    def give(self) -> None:
        """Give a place back."""
        self._taken -= 1
        while self._waiting and self._taken < self.limit:
            self._taken += 1
            self._waiting.popleft().callback(None)

    def _forget(self, waiting: "Deferred[None]") -> None:
        self._waiting.remove(waiting)
