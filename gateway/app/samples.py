"""The last 24 hours by the minute: for the console's plots."""

import contextlib
import json
import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from gateway.admin.live import Sample

_MINUTES = 24 * 60
_SPAN = _MINUTES * 60.0
# Twice what the file can have.
_LARGEST = 1 << 19
SAMPLED = ("logins", "refused", "messages", "octets", "removed")
"""The fields of a `Sample` that are counted; the rest are its time and the sessions."""


class Samples:
    """Taken from counters, and kept in a file so that a restart keeps the plot.

    Args:
        path: The file, one JSON object a line; whatever cannot be read of it is left out.
        totals: The counters of `SAMPLED` since the start of the workers.
        sessions: The connections now.
        now: Seconds since 1970.
    """

    def __init__(
        self,
        path: Path,
        totals: Callable[[], Mapping[str, float]],
        sessions: Callable[[], int],
        now: Callable[[], float],
    ) -> None:
        self._path = path
        self._totals = totals
        self._sessions = sessions
        self._now = now
        self._kept: deque[Sample] = deque(_read(path), maxlen=_MINUTES)
        self._last = totals()
        self._written = 0
        self._rewrite()

    @property
    def all(self) -> list[Sample]:
        """Those of the last 24 hours, the oldest first."""
        oldest = self._now() - _SPAN
        return [each for each in self._kept if each.at > oldest]

    def running(self) -> Sample:
        """What was done since the last one."""
        return self._since_last(self._totals())

    def take(self) -> None:
        """One more, of what was done since the last one."""
        totals = self._totals()
        sample = self._since_last(totals)
        self._last = totals
        self._kept.append(sample)
        self._written += 1
        if self._written > _MINUTES:
            self._rewrite()
            return
        # A full disk costs the plot its past at the next restart, and nothing else.
        with contextlib.suppress(OSError), self._path.open("a", encoding="utf-8") as file:
            file.write(_line(sample))

    def _since_last(self, totals: Mapping[str, float]) -> Sample:
        done = {name: max(0, int(totals[name] - self._last[name])) for name in SAMPLED}
        return Sample(at=self._now(), sessions=self._sessions(), **done)

    def _rewrite(self) -> None:
        """Forget in the file too what is too old."""
        self._written = 0
        fresh = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):
            fresh.write_text("".join(map(_line, self.all)), encoding="utf-8")
            fresh.replace(self._path)


def _line(sample: Sample) -> str:
    return f"{json.dumps(asdict(sample))}\n"


def _read(path: Path) -> list[Sample]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LARGEST))
            lines = file.read(_LARGEST).decode(errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        with contextlib.suppress(ValueError, TypeError, RecursionError):
            sample = Sample(**json.loads(line))
            if all(map(math.isfinite, asdict(sample).values())):  # TypeError for a text
                found.append(sample)
    return found
