"""The durable journal of UPDATE: what a crash interrupted is finished at the next login.

A plan is written down before the upstream hears of it and crossed out when its outcome
is known, whatever the outcome. So a plan that is still there belongs to a process
that died between QUIT and its answer, and only such a plan is carried out later.
Losing the newest entries with the machine's power is harmless: the mail is kept.
"""

import json
import sqlite3
from pathlib import Path
from typing import Protocol

from gateway.errors import Misconfigured, Unavailable
from gateway.maildrop import CommitPlan

_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (
    account TEXT PRIMARY KEY,
    epoch TEXT NOT NULL,
    refs TEXT NOT NULL
) WITHOUT ROWID
"""
_BUSY_SECONDS = 5.0


class Journal(Protocol):
    """Where plans are written down. One plan an account: the lease sees to it."""

    def record(self, account: str, plan: CommitPlan) -> None:
        """Write a plan down before it is carried out.

        Raises:
            Unavailable: It could not be written; do not carry it out.
        """

    def clear(self, account: str) -> None:
        """Cross the account's plan out.

        Raises:
            Unavailable: It could not be crossed out.
        """

    def interrupted(self, account: str) -> CommitPlan | None:
        """The plan that a crash left behind, if there is one.

        Raises:
            Unavailable: The journal cannot be read.
        """


class SqliteJournal:
    """A journal in one SQLite file.

    WAL without a flush at each commit: it survives the death of the process, costs some
    10 µs, and needs no thread.

    Raises:
        Misconfigured: The file cannot be opened or made.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)  # it holds names; SQLite's further files take its mode
            self._database = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise Misconfigured(
                f"cannot keep the journal in {path}: {error}; "
                "give a directory that can be written to with --state-dir"
            ) from error

    def record(self, account: str, plan: CommitPlan) -> None:
        """See `Journal`."""
        self._execute(
            "INSERT OR REPLACE INTO journal VALUES (?, ?, ?)",
            (account, plan.epoch, json.dumps(plan.remove)),
        )

    def clear(self, account: str) -> None:
        """See `Journal`."""
        self._execute("DELETE FROM journal WHERE account = ?", (account,))

    def interrupted(self, account: str) -> CommitPlan | None:
        """See `Journal`."""
        rows = self._execute("SELECT epoch, refs FROM journal WHERE account = ?", (account,))
        return _plan(*rows[0]) if rows else None

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _execute(self, statement: str, values: tuple[str, ...]) -> list[tuple[str, ...]]:
        try:
            return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise Unavailable(f"journal: {error}") from error


def _plan(epoch: str, refs: str) -> CommitPlan:
    """What a row says; a row that nobody can read stays, for the administrator to see."""
    try:
        remove = json.loads(refs)
    except (TypeError, ValueError) as error:
        raise Unavailable(f"journal: a plan cannot be read: {error}") from error
    if not isinstance(remove, list) or not all(type(ref) in {int, str} for ref in remove):
        raise Unavailable("journal: a plan that is no list of messages")
    return CommitPlan(epoch, tuple(remove))
