"""Answers that are found four times a second at the most: a flood costs nothing."""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from gateway.accounts.oauth.flight import Flight

_SECONDS = 0.25
_Found = TypeVar("_Found")


class Remembered(Generic[_Found]):
    """One answer, and everybody who asks within a quarter of a second gets it.

    Args:
        find: Finds it.
        clock: Its `seconds()` never goes back.
    """

    def __init__(self, find: Callable[[], Awaitable[_Found]], clock: Any) -> None:
        self._find = find
        self._clock = clock
        self._flight: Flight[_Found] = Flight()
        self._last: tuple[float, _Found] | None = None

    async def get(self) -> _Found:
        """The answer; raises what `find` raises."""
        if self._last is not None and self._clock.seconds() - self._last[0] < _SECONDS:
            return self._last[1]
        return await self._flight.join(self._look)

    async def _look(self) -> _Found:
        found = await self._find()
        self._last = self._clock.seconds(), found
        return found
