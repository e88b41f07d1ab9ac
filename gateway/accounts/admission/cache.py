"""Accounts that were asked for lately, so that a poll does not ask the database."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.accounts.model import Known
from gateway.errors import Unavailable

_MOST = 20_000
# After a failure nobody is made to wait for the next one.
_PAUSE = 2.0
Find = Callable[[str], Awaitable[Known | None]]


@dataclass(frozen=True, slots=True)
class _Remembered:
    known: Known | None
    at: float


class Cache:
    """Asks for an account once in a while.

    Args:
        find: Asks.
        fresh: Seconds for which an answer holds.
        outage: Seconds for which it holds while there is no other.
        now: A clock in seconds that never goes back.
    """

    def __init__(
        self, find: Find, *, fresh: float, outage: float, now: Callable[[], float]
    ) -> None:
        self._find = find
        self._fresh = fresh
        self._outage = outage
        self._now = now
        self._answers: OrderedDict[str, _Remembered] = OrderedDict()
        self._down_until = float("-inf")
        self._why = ""

    async def get(self, key: str) -> Known | None:
        """What is known of a name without letter case.

        Raises:
            Unavailable: There is no answer, and none that could still hold.
            Misconfigured: Its secrets cannot be read.
        """
        remembered = self._answers.get(key)
        if remembered is not None and self._now() - remembered.at < self._fresh:
            return remembered.known
        try:
            return await self._ask(key)
        except Unavailable:
            # Names that were not there may be by now; nobody is refused for a stale no.
            if remembered is None or remembered.known is None:
                raise
            if self._now() - remembered.at >= max(self._outage, self._fresh):
                raise
            return remembered.known

    def forget(self) -> None:
        """Ask for everybody anew."""
        self._answers.clear()

    async def _ask(self, key: str) -> Known | None:
        if self._now() < self._down_until:
            raise Unavailable(self._why)
        asked = self._now()
        try:
            known = await self._find(key)
        except Unavailable as failure:
            self._down_until, self._why = self._now() + _PAUSE, failure.detail
            raise
        self._answers[key] = _Remembered(known, asked)
        self._answers.move_to_end(key)
        if len(self._answers) > _MOST:
            self._answers.popitem(last=False)
        return known
