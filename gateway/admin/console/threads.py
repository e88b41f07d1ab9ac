"""Where the console's work is done that would hold others up: the database, and Argon2id."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from gateway.accounts.store.database import Database, Runner
from gateway.errors import Unavailable

T = TypeVar("T")
_THINKERS = 2
_MOST_WAITING = 20


class Threads(Protocol):
    """Runs work, and raises what it raises."""

    async def read(self, work: Callable[[], T]) -> T:
        """Work that reads a little of the database."""

    async def write(self, work: Callable[[], T]) -> T:
        """Work that writes it, or reads much of it."""

    async def think(self, work: Callable[[], T]) -> T:
        """Work that takes a processor and 19 MiB for some 30 ms.

        Raises:
            Unavailable: Too much of it is waiting.
        """


class OwnThreads:
    """Threads of the console's own, that end with the reactor.

    Args:
        database: What is read and written.
        reactor: To come back to.
    """

    def __init__(self, database: Database, reactor: Any) -> None:
        self._reactor = reactor
        self._runner = Runner(database, reactor)
        self._waiting = 0
        self._pool: Any = ThreadPool(minthreads=0, maxthreads=_THINKERS, name="console")
        self._pool.start()
        reactor.addSystemEventTrigger("after", "shutdown", self._stop)

    async def read(self, work: Callable[[], T]) -> T:
        """See `Threads`."""
        return await self._runner.run(work)

    async def write(self, work: Callable[[], T]) -> T:
        """See `Threads`."""
        return await self._runner.write(work)

    async def think(self, work: Callable[[], T]) -> T:
        """See `Threads`."""
        if self._waiting >= _MOST_WAITING:
            raise Unavailable(f"{_MOST_WAITING} passwords are waiting to be checked")
        self._waiting += 1
        try:
            done: Deferred[T] = deferToThreadPool(self._reactor, self._pool, work)
            return await done
        finally:
            self._waiting -= 1

    def _stop(self) -> None:
        self._runner.stop()
        self._pool.stop()
