"""How many connections there may be, in all and from one address, of all workers together."""

import mmap

from gateway.server.settings import LimitSettings

_SLOTS = 1 << 16


class Places:
    """Counts connections in memory that workers share, and says when there are enough.

    A worker has a row of counters of its own, so that no two write to one place: first
    all its connections, then those of each address, found by a hash with the
    process' random key. Two addresses of one hash count as one; with 65,536 places that
    is rare, and the limit of an address is not a fine instrument.

    Args:
        settings: The limits.
        workers: How many rows.
        seat: Whose row is written to; the others are only read.
    """

    def __init__(
        self,
        settings: LimitSettings,
        workers: int = 1,
        seat: int = 0,
        memory: "memoryview | None" = None,
    ) -> None:
        self._settings = settings
        self._workers = workers
        self._seat = seat
        if memory is None:
            memory = memoryview(mmap.mmap(-1, 4 * workers * (_SLOTS + 1))).cast("I")
        self._memory = memory

    def seat(self, worker: int) -> "Places":
        """The same places, for another worker."""
        return Places(self._settings, self._workers, worker, self._memory)

    def clear(self, worker: int) -> None:
        """A worker has ended, and its connections with it."""
        row = self._row(worker)
        self._memory[row : row + _SLOTS + 1] = memoryview(bytes(4 * (_SLOTS + 1))).cast("I")

    def of(self, worker: int) -> int:
        """The connections of one worker."""
        return self._memory[self._row(worker)]

    @property
    def total(self) -> int:
        """The connections of all workers."""
        return self._sum(0)

    def enter(self, address: str) -> bool:
        """Count a connection; False if it is one too many, and then it is not counted."""
        slot = self._slot(address)
        if (
            self._sum(0) >= self._settings.connections
            or self._sum(slot) >= self._settings.connections_per_address
        ):
            return False
        row = self._row(self._seat)
        self._memory[row] += 1
        self._memory[row + slot] += 1
        return True

    def leave(self, address: str) -> None:
        """Take a counted connection off."""
        row = self._row(self._seat)
        self._memory[row] -= 1
        self._memory[row + self._slot(address)] -= 1

    def _sum(self, slot: int) -> int:
        return sum(self._memory[self._row(worker) + slot] for worker in range(self._workers))

    def _slot(self, address: str) -> int:
        return 1 + hash(address) % _SLOTS

    def _row(self, worker: int) -> int:
        return worker * (_SLOTS + 1)
