"""Looks every ten minutes for what somebody must be told, and tells it once."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from gateway.admin.alarms import memory
from gateway.admin.alarms.events import AlarmNotSent, AlarmSent
from gateway.admin.alarms.letter import Letter
from gateway.admin.alarms.worries import Worry
from gateway.errors import Failure
from gateway.telemetry import Emitter

_ROUND_SECONDS = 600.0
_FIRST_SECONDS = 15.0

Carry = Callable[[Letter], Awaitable[str]]
"""Tells somebody in one way; gives what went wrong though somebody was told, empty as a rule.

Raises a Failure if nobody could be told.
"""


class Alarms:
    """Runs in the office.

    Args:
        look: All worries there are.
        carriers: The ways of telling, by their names for the log.
        recall: What was told, as it was last given to `remember`; None for nothing.
        remember: Keeps it for the next round and the next start.
        console: Where more is to be seen; may be empty.
        clock: Twisted's, for waits.
        now: Seconds since 1970.
        emit: Takes the events.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[Sequence[Worry]]],
        carriers: Mapping[str, Carry],
        recall: Callable[[str], Awaitable[str | None]],
        remember: Callable[[str, str], Awaitable[None]],
        *,
        console: str,
        clock: Any,
        now: Callable[[], float],
        emit: Emitter,
    ) -> None:
        self._look = look
        self._carriers = carriers
        self._recall = recall
        self._remember = remember
        self._console = console
        self._clock = clock
        self._now = now
        self._emit = emit
        self._call: Any = LoopingCall(self._round)
        self._call.clock = clock
        self._first: Any = None

    def start(self) -> None:
        """Begin soon: at its start a gateway has other things to do."""
        self._first = self._clock.callLater(_FIRST_SECONDS, self._begin)

    def stop(self) -> None:
        """Look no more."""
        if self._first is not None and self._first.active():
            self._first.cancel()
        if self._call.running:
            self._call.stop()

    def _begin(self) -> None:
        self._call.start(_ROUND_SECONDS)

    def _round(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.look())

    async def look(self) -> None:
        """One round. Whatever goes wrong in it, there is a next one."""
        try:
            worries = await self._look()
            for name, carry in self._carriers.items():
                await self._tell(name, carry, worries)
        except Failure:
            pass  # the database is away: the next round will see
        except Exception as error:  # noqa: BLE001 - see above
            self._emit(AlarmNotSent("", type(error).__name__))

    async def _tell(self, name: str, carry: Carry, worries: Sequence[Worry]) -> None:
        """Each way remembers for itself: what one could not tell is no news to the others."""
        key = f"alarms-{name}"
        before = memory.read(await self._recall(key))
        news = memory.news(before, worries, self._now())
        if news.worries:
            try:
                complaint = await carry(Letter(news.worries, self._console))
            except Failure as error:
                self._emit(AlarmNotSent(name, error.detail))
                return
            self._emit(AlarmSent(name, len(news.worries)))
            if complaint:
                self._emit(AlarmNotSent(name, complaint))
        if news.told != before:
            await self._remember(key, memory.written(news.told))
