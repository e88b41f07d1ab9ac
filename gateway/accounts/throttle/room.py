"""Makes room in the full table of wrong passwords: what holds the least goes first.

Whoever guesses from thousands of addresses could else push out what is held against
himself. So the oldest rows are looked at, a few for each new one; those that hold more than
the others are put to the end of the queue, and the rest goes.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.accounts.throttle.rules import LATE, State
from gateway.accounts.throttle.settings import ThrottleSettings
from gateway.accounts.throttle.shown import WHOLE

_LOOKED_AT = 8
_GO = 2  # more than one, so that the table comes down to a limit that was made smaller

_OLDEST = "SELECT id, name, address, state, at, points FROM wrong ORDER BY id LIMIT ?"
# One password at several addresses counts once.
_POINTS = (
    "SELECT coalesce(sum(points), 0) FROM (SELECT max(points) AS points FROM wrong "
    "WHERE {} = ? AND at > ? AND at <= ? AND state != 0 GROUP BY tag)"
)
_OF_NAME, _OF_ADDRESS = _POINTS.format("name"), _POINTS.format("address")
_IS_KNOWN = "SELECT EXISTS (SELECT 1 FROM home WHERE name = ?)"


@dataclass(slots=True)
class Room:
    """Looks at the oldest rows; every method raises sqlite3.Error.

    Args:
        database: As `connect` gives it.
        settings: The limits.
        now: The time.
    """

    database: sqlite3.Connection
    settings: ThrottleSettings
    now: float
    _names: dict[str, int] = field(default_factory=dict)
    _addresses: dict[str, bool] = field(default_factory=dict)

    def make(self, last: int) -> None:
        """Remove one or two of the oldest rows, if any has a number up to this one."""
        rows = self.database.execute(_OLDEST, (_LOOKED_AT,)).fetchall()
        over = sum(row[0] <= last for row in rows)
        if not over:
            return
        ranked = sorted(rows, key=lambda row: (self._worth(row), row[0]))
        gone = {row[0] for row in ranked[: min(over, _GO)]}
        self.database.executemany("DELETE FROM wrong WHERE id = ?", [(each,) for each in gone])
        newest_gone = max(gone)
        self.database.executemany(
            "UPDATE wrong SET id = (SELECT max(id) + 1 FROM wrong) WHERE id = ?",
            [(row[0],) for row in rows if row[0] < newest_gone and row[0] not in gone],
        )

    def _worth(self, row: Sequence[int | float | str]) -> tuple[int, bool, bool]:
        """Locks of names before locks of addresses, which are most often the guesser's own.

        Of names, those come first that have ever logged in: anybody can think of others.
        """
        _, name, address, state, at, points = row
        fresh = bool(points) and self.now - self.settings.window < float(at) <= self.now + LATE
        bad = state == State.KNOWN_BAD.value
        if not fresh:
            return 0, False, bad
        return self._of_name(str(name)), self._of_address(str(address)), bad

    def _of_name(self, name: str) -> int:
        """0 if the name is not locked, 1 if it is, 2 if it also has logged in."""
        if name not in self._names:
            locked = self._locked(_OF_NAME, name, self.settings.account_limit)
            ((known,),) = self.database.execute(_IS_KNOWN, (name,)) if locked else ((0,),)
            self._names[name] = locked + known
        return self._names[name]

    def _of_address(self, address: str) -> bool:
        if address not in self._addresses:
            limit = self.settings.address_limit
            self._addresses[address] = self._locked(_OF_ADDRESS, address, limit)
        return self._addresses[address]

    def _locked(self, statement: str, value: str, limit: int) -> bool:
        since = self.now - self.settings.window
        ((points,),) = self.database.execute(statement, (value, since, self.now + LATE))
        return bool(value) and int(points) >= limit * WHOLE
