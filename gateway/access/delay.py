"""LOGIN-DELAY (RFC 2449 §6.5): the least time between two logins to one maildrop."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from gateway.errors import Misconfigured, Throttled, Unavailable

_SCHEMA = "CREATE TABLE IF NOT EXISTS login (account TEXT PRIMARY KEY, at REAL) WITHOUT ROWID"
_BUSY_SECONDS = 1.0


class LoginDelays:
    """Remembers the last login of each account for as long as it matters, for all workers.

    Args:
        seconds: The delay; 0 is none.
        now: A clock in seconds that all processes of the machine share.
        path: A SQLite file; None remembers for this process alone.

    Raises:
        Misconfigured: The file cannot be used.
    """

    def __init__(
        self, seconds: float, now: Callable[[], float], path: Path | None = None
    ) -> None:
        self._seconds = seconds
        self._now = now
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._database = sqlite3.connect(
                path or ":memory:", timeout=_BUSY_SECONDS, isolation_level=None
            )
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=OFF")
            self._database.execute(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise Misconfigured(
                f"cannot keep the times of logins in {path}: {error}; "
                "give a directory that can be written to with --state-dir"
            ) from error

    def check(self, account: str) -> None:
        """Whether a login may go on.

        Raises:
            Throttled: The last one was too short a time ago.
            Unavailable: Nobody knows.
        """
        rows = self._execute("SELECT at FROM login WHERE account = ?", account)
        # A time ahead of the clock is of before the machine was started anew.
        if any(0 <= self._now() - at < self._seconds for (at,) in rows):
            raise Throttled(f"last login less than {self._seconds:g} s ago")

    def note(self, account: str) -> None:
        """A login has succeeded; one that failed must not keep its client out.

        Raises:
            Unavailable: It could not be noted.
        """
        if not self._seconds:
            return
        now = self._now()
        self._execute(
            "DELETE FROM login WHERE at NOT BETWEEN ? AND ?", now - self._seconds, now
        )
        self._execute("INSERT OR REPLACE INTO login VALUES (?, ?)", account, now)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _execute(self, statement: str, *values: str | float) -> list[tuple[float]]:
        try:
            return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise Unavailable(f"times of logins: {error}") from error
