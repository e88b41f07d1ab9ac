"""What was read to learn its size is kept for the client that reads it next, if it is small.

A device that polls mostly finds some new messages, and fetches just these.
"""

from collections.abc import Sequence

from gateway.backend.ahead import KeptBody
from gateway.backend.budget import Budget


class Keeper:
    """The messages of one session that are kept.

    Args:
        limit: Octets that this session may keep.
        budget: Octets that all sessions may keep.
    """

    def __init__(self, limit: int, budget: Budget) -> None:
        self._left = limit
        self._budget = budget
        self._kept: dict[int, Sequence[bytes]] = {}

    def sink(self, index: int) -> "Keeping":
        """Takes a message, and keeps it if there is room."""
        return Keeping(index, self)

    def take_room(self, octets: int) -> bool:
        """Room for some more octets; False if there is none."""
        if octets > self._left or not self._budget.take(octets):
            return False
        self._left -= octets
        return True

    def give_room(self, octets: int) -> None:
        """They are not kept any more."""
        self._left += octets
        self._budget.give(octets)

    def keep(self, index: int, chunks: Sequence[bytes]) -> None:
        """A message is whole."""
        self._kept[index] = chunks

    def body(self, index: int) -> KeptBody | None:
        """A message that is kept, once."""
        chunks = self._kept.pop(index, None)
        if chunks is None:
            return None
        octets = sum(map(len, chunks))
        return KeptBody(chunks, settled=lambda: self.give_room(octets))

    def drop(self) -> None:
        """Forget all of them."""
        kept, self._kept = self._kept, {}
        for chunks in kept.values():
            self.give_room(sum(map(len, chunks)))


class Keeping:
    """One message on its way; see `gateway.backend.port.Sink`."""

    def __init__(self, index: int, keeper: Keeper) -> None:
        self._index = index
        self._keeper = keeper
        self._chunks: list[bytes] | None = []

    def begin(self, octets: int | None) -> None:
        """See `Sink`."""

    def write(self, chunk: bytes) -> None:
        """See `Sink`."""
        if self._chunks is None:
            return
        if self._keeper.take_room(len(chunk)):
            self._chunks.append(chunk)
        else:
            self.drop()

    def whole(self) -> None:
        """It has come."""
        chunks, self._chunks = self._chunks, None
        if chunks is not None:
            self._keeper.keep(self._index, chunks)

    def drop(self) -> None:
        """It has not, or there is no room for it."""
        chunks, self._chunks = self._chunks, None
        if chunks:
            self._keeper.give_room(sum(map(len, chunks)))
