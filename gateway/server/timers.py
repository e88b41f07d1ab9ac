"""The timers of one connection: login, idle, stalled."""

from collections.abc import Callable
from typing import Protocol

from twisted.internet.base import DelayedCall


class Clock(Protocol):
    """The part of a reactor that a timer needs."""

    @property
    def callLater(self) -> Callable[..., DelayedCall]:
        """Call later."""

    def seconds(self) -> float:
        """A time that never goes back."""


class Timer:
    """One restartable timer.

    A restart only notes the time: the call that is under way finds out, when it comes, that
    it is too early, and comes again later. Connections restart theirs with each command.

    Args:
        clock: Where time comes from.
        seconds: How long it runs.
        expired: Called when it ran out.
    """

    __slots__ = ("_call", "_clock", "_expired", "_seconds", "_since")

    def __init__(self, clock: Clock, seconds: float, expired: Callable[[], None]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._expired = expired
        self._since = 0.0
        self._call: DelayedCall | None = None

    def restart(self) -> None:
        """Run from the beginning."""
        self._since = self._clock.seconds()
        if self._call is None:
            self._call = self._clock.callLater(self._seconds, self._ran_out)

    def restart_with(self, seconds: float) -> None:
        """Run from the beginning, and for so long from now on."""
        if seconds < self._seconds:
            self.stop()
        self._seconds = seconds
        self.restart()

    def stop(self) -> None:
        """Do not run any more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _ran_out(self) -> None:
        left = self._since + self._seconds - self._clock.seconds()
        if left > 0:
            self._call = self._clock.callLater(left, self._ran_out)
            return
        self._call = None
        self._expired()
