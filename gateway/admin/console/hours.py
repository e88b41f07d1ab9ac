"""The last day by the hour, from samples by the minute."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.admin.live import Sample

_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Hour:
    """What was done in one hour.

    Attributes:
        start: Its begin, in seconds since 1970.
        sessions: The most connections at one time.
        logins: Maildrops opened.
        refused: Logins refused or failed.
        messages: Retrieved.
        octets: Of them.
    """

    start: float
    sessions: int
    logins: int
    refused: int
    messages: int
    octets: int

    @property
    def label(self) -> str:
        """Its first minute on the clock of this machine."""
        return f"{datetime.fromtimestamp(self.start, UTC).astimezone():%H:%M}"


def by_hour(samples: Sequence[Sample], now: float, hours: int = 24) -> list[Hour]:
    """So many hours, the current one last."""
    first = now // _HOUR * _HOUR - (hours - 1) * _HOUR
    return [
        _hour(
            start := first + number * _HOUR,
            [each for each in samples if start < each.at <= start + _HOUR],
        )
        for number in range(hours)
    ]


def _hour(start: float, of_it: Sequence[Sample]) -> Hour:
    return Hour(
        start,
        max((each.sessions for each in of_it), default=0),
        sum(each.logins for each in of_it),
        sum(each.refused for each in of_it),
        sum(each.messages for each in of_it),
        sum(each.octets for each in of_it),
    )
