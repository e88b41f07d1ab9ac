"""The rows of the throttle: read and written inside the transactions of its store."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from gateway.accounts.throttle import rules
from gateway.accounts.throttle.room import Room
from gateway.accounts.throttle.rules import Facts, Good, Mark, State
from gateway.accounts.throttle.settings import ThrottleSettings
from gateway.accounts.throttle.shown import Shown

_HOUR = 3600.0
_UNDECIDED = 300.0  # after so many seconds a login that was never decided is forgotten
_MARKS = 1000  # are looked at for one try, the latest ones
_OF_A_NAME = 32  # good passwords, and good addresses

_MARKS_OF = (
    "SELECT tag, name, address, at, points, state FROM wrong WHERE {} = ? AND at > ? "
    "AND at <= ? AND (state != 0 OR at > ?) AND points > 0 ORDER BY at DESC LIMIT ?"
)
_NAMED, _NEARBY = _MARKS_OF.format("name"), _MARKS_OF.format("address")
_INSERT_WRONG = (
    "INSERT OR REPLACE INTO wrong (tag, name, address, at, points, state, seen, told) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, 0)"
)
_INSERT_GOOD = (
    "INSERT OR REPLACE INTO good (tag, name, refusals, refused, seen, told) "
    "VALUES (?, ?, 0, 0, ?, 0)"
)
_INSERT_HOME = (
    "INSERT INTO home (name, address, seen, shut) VALUES (?, ?, ?, 0) "
    "ON CONFLICT DO UPDATE SET id = (SELECT max(id) + 1 FROM home), seen = excluded.seen "
    "RETURNING id"
)
_LATEST_BAD = (
    "SELECT id, told FROM wrong WHERE tag = ? AND state = 2 ORDER BY id DESC LIMIT 1",
    "SELECT id, told FROM good WHERE tag = ?",
)


class Ledger:
    """Rows in, rows out; every method raises sqlite3.Error.

    Args:
        database: As `connect` gives it.
        settings: The limits.
    """

    def __init__(self, database: sqlite3.Connection, settings: ThrottleSettings) -> None:
        self._database = database
        self._execute = database.execute
        self._settings = settings

    # ---- reading

    def facts(self, shown: Shown, now: float) -> Facts:
        """All that is known of a try."""
        return Facts(
            shown,
            now,
            named=self._marks(_NAMED, shown.name, now),
            nearby=self._marks(_NEARBY, shown.address, now),
            homes=self._homes(shown.name, now),
            good=self._good(shown.tag, now),
            bad=self._is_bad(shown.tag, now),
        )

    def _marks(self, statement: str, value: str, now: float) -> list[Mark]:
        values = (value, now - self._settings.window, now + rules.LATE, now - _UNDECIDED)
        rows = self._execute(statement, (*values, _MARKS))
        return [as_mark(row) for row in rows]

    def _homes(self, name: str, now: float) -> frozenset[str]:
        since = now - self._settings.remember_wrong
        rows = self._execute(
            "SELECT address FROM home WHERE name = ? AND seen > ?", (name, since)
        )
        return frozenset(address for (address,) in rows)

    def _good(self, tag: bytes, now: float) -> Good | None:
        row = self._execute(
            "SELECT refusals, refused, seen FROM good WHERE tag = ?", (tag,)
        ).fetchone()
        if row is None or not rules.recent(row[2], now, self._settings.remember_wrong):
            return None
        return Good(*row)

    def _is_bad(self, tag: bytes, now: float) -> bool:
        rows = self._execute("SELECT seen FROM wrong WHERE tag = ? AND state = 2", (tag,))
        return any(rules.recent(at, now, self._settings.remember_wrong) for (at,) in rows)

    # ---- wrong ones

    def mark(self, facts: Facts, state: State) -> None:
        """Count a try, unless the same password counts already."""
        shown, now = facts.shown, facts.now
        old = next((m for m in facts.named if (m.tag, m.address) == _key(shown)), None)
        if old is None:
            self._insert_mark(shown, now, state)
        elif not shown.distinct:
            self._execute(
                "UPDATE wrong SET points = points + ?, seen = ? WHERE tag = ? AND address = ?",
                (shown.points, now, *_key(shown)),
            )
        elif old.state.value <= state.value:
            self._execute(
                "UPDATE wrong SET state = ?, seen = ? WHERE tag = ? AND address = ?",
                (state.value, now, *_key(shown)),
            )

    def _insert_mark(self, shown: Shown, now: float, state: State) -> None:
        values = (shown.tag, shown.name, shown.address, now, shown.points, state.value, now)
        number = self._execute(_INSERT_WRONG, values).lastrowid
        Room(self._database, self._settings, now).make((number or 0) - self._settings.max_rows)
        self._forget_stale("wrong", now)

    def release(self, shown: Shown) -> None:
        """Take back what was counted while nobody knew."""
        self._execute(
            "DELETE FROM wrong WHERE tag = ? AND address = ? AND state = 0", _key(shown)
        )

    def refuse_good(self, facts: Facts, good: Good) -> int:
        """A password that has worked was refused; how often by now, 0 if that was known."""
        if good.refusals and rules.recent(good.refused, facts.now, rules.REST):
            return 0  # several connections at once are one refusal
        self._execute(
            "UPDATE good SET refusals = ?, refused = ?, seen = ? WHERE tag = ?",
            (good.refusals + 1, facts.now, facts.now, facts.shown.tag),
        )
        return good.refusals + 1

    def still_bad(self, facts: Facts) -> bool:
        """Remember a known wrong password for longer; whether that was due, hourly."""
        table = "wrong" if facts.bad else "good"
        number, told = self._execute(_LATEST_BAD[not facts.bad], (facts.shown.tag,)).fetchone()
        if rules.recent(told, facts.now, _HOUR):
            return False
        self._execute(
            f"UPDATE {table} SET id = (SELECT max(id) + 1 FROM {table}), "  # noqa: S608 - ours
            "seen = ?, told = ? WHERE id = ?",
            (facts.now, facts.now, number),
        )
        return True

    # ---- good ones

    def remember_home(self, shown: Shown, now: float) -> None:
        """The name has logged in from there."""
        values = (shown.name, shown.address, now)
        ((number,),) = self._execute(_INSERT_HOME, values).fetchall()
        self._keep_latest("home", shown.name)
        self._shrink("home", number, now)

    def shut(self, shown: Shown, now: float) -> None:
        """From now on a glance is not enough for this name at this address."""
        self._execute(
            "UPDATE home SET shut = ? WHERE name = ? AND address = ?",
            (now, shown.name, shown.address),
        )

    def remember_good(self, shown: Shown, now: float) -> None:
        """The password has worked."""
        self._execute("DELETE FROM wrong WHERE tag = ?", (shown.tag,))
        number = self._execute(_INSERT_GOOD, (shown.tag, shown.name, now)).lastrowid
        self._keep_latest("good", shown.name)
        self._shrink("good", number, now)

    def forgive(self, shown: Shown) -> None:
        """What was wrong for this name at this address does not count any more."""
        self._execute(
            "UPDATE wrong SET points = 0 WHERE name = ? AND address = ?",
            (shown.name, shown.address),
        )

    def _keep_latest(self, table: str, name: str) -> None:
        self._execute(
            f"DELETE FROM {table} WHERE name = ? AND id NOT IN "  # noqa: S608 - a name of ours
            f"(SELECT id FROM {table} WHERE name = ? ORDER BY id DESC LIMIT ?)",
            (name, name, _OF_A_NAME),
        )

    def _shrink(self, table: str, number: int | None, now: float) -> None:
        """Keep to the limit: the oldest go first."""
        last = (number or 0) - self._settings.max_rows
        self._execute(
            f"DELETE FROM {table} WHERE id <= ?",  # noqa: S608 - a name of ours
            (last,),
        )
        self._forget_stale(table, now)

    def _forget_stale(self, table: str, now: float) -> None:
        """Of the two oldest rows those that mean nothing any more go."""
        since = now - max(self._settings.remember_wrong, self._settings.window)
        self._execute(
            f"DELETE FROM {table} WHERE id IN "  # noqa: S608 - a name of ours
            f"(SELECT id FROM {table} ORDER BY id LIMIT 2) AND seen < ?",
            (since,),
        )


def as_mark(row: Sequence[Any]) -> Mark:
    """Of the columns tag, name, address, at, points, state."""
    tag, name, address, at, points, state = row[:6]
    return Mark(tag, name, address, at, points, State(state))


def _key(shown: Shown) -> tuple[bytes, str]:
    return shown.tag, shown.address
