"""Work that is done once for all who wait for it, and to its end though none of them does."""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure as Reason

from gateway.errors import Failure

_Result = TypeVar("_Result")


class Flight(Generic[_Result]):
    """One kind of work, of which one at most is under way.

    A client that hangs up cancels its own waiting only: a refresh token that the provider
    has replaced meanwhile would be lost with the work.
    """

    def __init__(self) -> None:
        self._waiting: list[Deferred[_Result]] | None = None

    @property
    def under_way(self) -> bool:
        """Whether there is work to join."""
        return self._waiting is not None

    async def join(self, work: Callable[[], Awaitable[_Result]]) -> _Result:
        """The result of the work that is under way, or of this work."""
        waiter: Deferred[_Result] = Deferred()
        if self._waiting is not None:
            self._waiting.append(waiter)
        else:
            self._waiting = [waiter]
            self._begin(work)
        return await waiter

    def begin(self, work: Callable[[], Awaitable[_Result]]) -> None:
        """Begin the work unless it is under way, and wait for nothing."""
        if self._waiting is None:
            self._waiting = []
            self._begin(work)

    def _begin(self, work: Callable[[], Awaitable[_Result]]) -> None:
        async def whole() -> _Result:
            return await work()

        Deferred.fromCoroutine(whole()).addBoth(self._landed)

    def _landed(self, result: Any) -> None:
        """Each gets a failure of his own: a raised one carries its traceback."""
        waiting, self._waiting = self._waiting or [], None
        cause = result.value if isinstance(result, Reason) else None
        for each in waiting:
            if each.called:
                continue  # it was cancelled
            if isinstance(cause, Failure):
                each.errback(type(cause)(cause.detail))
            elif cause is not None:
                each.errback(result)
            else:
                each.callback(result)
        if cause is not None and not isinstance(cause, Failure) and not waiting:
            result.raiseException()  # a fault of ours must be seen
