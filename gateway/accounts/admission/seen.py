"""Notes when devices were last seen, some seconds later and many at once."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from gateway.accounts.model import Device
from gateway.accounts.store import Seen
from gateway.errors import Failure
from gateway.telemetry import Emitter, Event, Level

# A device that polls every half minute is noted every few minutes.
_OFTEN = 300.0
_AT_ONCE = 500
_MOST = 200_000
Write = Callable[[Sequence[Seen]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class LastSeenNotNoted(Event):
    """The database does not take when devices were last seen; it is tried again."""

    level: ClassVar[Level] = "warning"
    devices: int
    detail: str


class LastSeen:
    """Collects logins, and writes them down.

    Args:
        write: Writes some of them.
        now: Seconds since 1970.
        emit: Takes the events.
    """

    def __init__(self, write: Write, *, now: Callable[[], float], emit: Emitter) -> None:
        self._write = write
        self._now = now
        self._emit = emit
        self._waiting: dict[tuple[str, str], Seen] = {}

    def note(self, device: Device, peer: str, tls: str) -> None:
        """A device has logged in."""
        now = self._now()
        same = (device.last_peer, device.last_tls) == (peer, tls)
        if same and device.last_seen is not None and 0 <= now - device.last_seen < _OFTEN:
            return
        if len(self._waiting) < _MOST:
            seen = Seen(device.account, device.name, now, peer, tls)
            self._waiting[device.account, device.name] = seen

    async def flush(self) -> None:
        """Write down what has been collected; what cannot be written stays. Never raises."""
        waiting, self._waiting = self._waiting, {}
        rows = list(waiting.items())
        try:
            while rows:
                await self._write([seen for _, seen in rows[:_AT_ONCE]])
                del rows[:_AT_ONCE]
        except Failure as failure:
            self._waiting = {**dict(rows), **self._waiting}
            self._emit(LastSeenNotNoted(len(self._waiting), failure.detail))
