"""What happens to alarms."""

from dataclasses import dataclass
from typing import ClassVar

from gateway.telemetry import Event, Level


@dataclass(frozen=True, slots=True)
class AlarmSent(Event):
    """Somebody was told."""

    by: str
    worries: int


@dataclass(frozen=True, slots=True)
class AlarmNotSent(Event):
    """Nobody could be told in this way; it is tried again in ten minutes."""

    level: ClassVar[Level] = "error"
    by: str
    cause: str
