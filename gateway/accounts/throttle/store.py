"""What the throttle remembers, in one SQLite file for all workers.

Raw SQL, as this is on the way of every poll: a password that is known to be good costs one
read. Nothing here may let somebody in because the file cannot be read.
"""

import math
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.accounts.throttle import rules
from gateway.accounts.throttle.entries import Entry, lift, listed
from gateway.accounts.throttle.events import (
    GoodPasswordRefused,
    KnownBadPassword,
    LockedOut,
    LockLifted,
)
from gateway.accounts.throttle.ledger import Ledger
from gateway.accounts.throttle.rules import Facts, Mark, State, Verdict
from gateway.accounts.throttle.settings import ThrottleSettings
from gateway.accounts.throttle.shown import Shown
from gateway.accounts.throttle.tables import connect
from gateway.errors import Unavailable
from gateway.telemetry import Emitter, Event

_DAY = 86_400.0

_GLANCE = """
SELECT good.refusals, good.seen, home.seen, home.shut
FROM good JOIN home ON home.name = ? AND home.address = ? WHERE good.tag = ?
"""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A try that was judged: how it ends must be told, once, if it goes on.

    Attributes:
        shown: The try.
        verdict: What is to be done.
        wait: Seconds until the answer if it is no.
        stale: Whether something of it should be noted when it succeeds.
    """

    shown: Shown
    verdict: Verdict
    wait: float = 0
    stale: bool = True


class ThrottleStore:
    """Counts wrong passwords and knows good ones. Synchronous, microseconds each.

    Args:
        path: The SQLite file; made if there is none.
        settings: The limits; None for those of the gateway, to look on.
        now: Seconds since 1970.
        emit: Takes the events.

    Raises:
        Misconfigured: The file cannot be used.
    """

    def __init__(
        self,
        path: Path,
        settings: ThrottleSettings | None,
        now: Callable[[], float],
        emit: Emitter,
    ) -> None:
        self._now = now
        self._emit = emit
        self._database, self._settings = connect(path, settings)
        self._ledger = Ledger(self._database, self._settings)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    # ---- a try

    def glance(self, shown: Shown) -> Ticket | None:
        """Whether it is a good password at a good address, which nearly all are.

        Raises:
            Unavailable: The file cannot be read.
        """
        values = (shown.name, shown.address, shown.tag)
        try:
            row = self._database.execute(_GLANCE, values).fetchone()
        except sqlite3.Error as error:
            raise _unavailable(error) from error
        if row is None:
            return None
        refusals, good, home, shut = row
        now, settings = self._now(), self._settings
        if refusals or rules.recent(shut, now, settings.window):
            return None
        seen = min(good, home)
        if not rules.recent(seen, now, settings.remember_wrong):
            return None
        return Ticket(shown, Verdict.GOOD, stale=not rules.recent(seen, now, _DAY))

    def enter(self, shown: Shown) -> Ticket:
        """Judge a try; one that goes on and may be a guess counts as wrong from now on.

        Raises:
            Unavailable: The file cannot be used.
        """
        with self._changing() as now:
            facts = self._ledger.facts(shown, now)
            verdict = rules.judge(facts, self._settings)
            told = self._note(facts, verdict)
            ticket = Ticket(shown, verdict, rules.wait(facts, self._settings))
        self._tell(told)
        return ticket

    def proved(self, ticket: Ticket) -> None:
        """It was the right password.

        Raises:
            Unavailable: It could not be noted.
        """
        if not ticket.stale:
            return
        shown, ledger = ticket.shown, self._ledger
        with self._changing() as now:
            ledger.remember_home(shown, now)
            if not shown.distinct:
                return
            if ticket.verdict is Verdict.NEW:
                # Whoever found the right one after some wrong ones is their owner. A known
                # one tells nothing: a guesser must not profit by the polls of a device.
                ledger.forgive(shown)
            ledger.remember_good(shown, now)

    def released(self, ticket: Ticket) -> None:
        """Nobody knows whether it was right: as if there had been no try.

        Raises:
            Unavailable: It could not be noted.
        """
        if ticket.verdict is Verdict.NEW and ticket.shown.distinct:
            with self._changing():
                self._ledger.release(ticket.shown)

    def refused(self, ticket: Ticket, *, upstream: bool) -> float:
        """It was wrong.

        Args:
            ticket: The try.
            upstream: Whether the upstream said so, which then is not asked again.

        Returns:
            Seconds until the answer.

        Raises:
            Unavailable: It could not be noted.
        """
        shown = ticket.shown
        with self._changing() as now:
            before = self._ledger.facts(shown, now)
            told = self._refuse(before, upstream=upstream)
            after = self._looked_again(before)
            told += self._locks(before, after)
        self._tell(told)
        return rules.wait(after, self._settings)

    # ---- for people

    def entries(self) -> Sequence[Entry]:
        """What is held against whom: locks, counts and passwords that are not shown again.

        Raises:
            Unavailable: The file cannot be read.
        """
        try:
            return listed(self._database, self._settings, self._now())
        except sqlite3.Error as error:
            raise _unavailable(error) from error

    def lift(self, key: str | None) -> int:
        """Forget all wrong passwords of a name and its devices, or of an address.

        Args:
            key: As `Entry.name` has it, or as people write it; None for everything.

        Returns:
            How many were forgotten.

        Raises:
            Unavailable: The file cannot be used.
        """
        with self._changing():
            lifted = lift(self._database, key)
        if lifted:
            self._emit(LockLifted("*" if key is None else key, lifted))
        return lifted

    # ---- inside a transaction

    def _note(self, facts: Facts, verdict: Verdict) -> list[Event]:
        shown = facts.shown
        if verdict is Verdict.KNOWN_BAD and self._ledger.still_bad(facts):
            return [KnownBadPassword(shown.name, shown.address)]
        if not shown.distinct:
            return []
        if verdict is Verdict.NEW:
            self._ledger.mark(facts, State.PENDING)
        elif (
            # Not tried, but counted: whoever goes on guessing where a known password is
            # let in must come to an end. There is one, so this is bounded.
            verdict is Verdict.LOCKED
            and facts.at_home
            and not rules.exhausted(facts, self._settings)
        ):
            self._ledger.mark(facts, State.COUNTED)
            self._looked_again(facts)
        return []

    def _looked_again(self, before: Facts) -> Facts:
        """The facts after a mark; a known password is not let in at a glance for ever."""
        after = self._ledger.facts(before.shown, before.now)
        if after.at_home and rules.exhausted(after, self._settings):
            self._ledger.shut(after.shown, after.now)
        return after

    def _refuse(self, facts: Facts, *, upstream: bool) -> list[Event]:
        """A password that has worked gets more chances than one that never did."""
        shown, good = facts.shown, facts.good
        first = upstream and shown.distinct and good is None
        self._ledger.mark(facts, State.KNOWN_BAD if first else State.COUNTED)
        if good is None or not upstream:
            return []
        refusals = self._ledger.refuse_good(facts, good)
        if not refusals:
            return []
        return [GoodPasswordRefused(shown.name, refusals, rules.REFUSALS)]

    def _locks(self, before: Facts, after: Facts) -> list[Event]:
        """The locks that began between the two."""
        settings, told = self._settings, list[Event]()
        where = after.shown.address if after.at_home else ""
        if rules.account_locked(after, settings) and not rules.account_locked(before, settings):
            told.append(self._lock("account", after, after.against, where))
        if rules.address_locked(after, settings) and not rules.address_locked(before, settings):
            told.append(self._lock("address", after, after.nearby, ""))
        return told

    def _lock(self, kind: str, facts: Facts, marks: Sequence[Mark], where: str) -> LockedOut:
        settings, shown = self._settings, facts.shown
        whose = shown.name if kind == "account" else shown.address
        limit = settings.account_limit if kind == "account" else settings.address_limit
        end = rules.lock_end(marks, limit, settings.window) or facts.now
        left = math.ceil(end - facts.now)
        return LockedOut(kind, whose, where, rules.count(marks), left)

    # ---- the file

    @contextmanager
    def _changing(self) -> Iterator[float]:
        """A transaction that sees nobody else's half; gives the time."""
        database = self._database
        try:
            database.execute("BEGIN IMMEDIATE")
            yield self._now()
            database.execute("COMMIT")
        except sqlite3.Error as error:
            raise _unavailable(error) from error
        finally:
            with suppress(sqlite3.Error):
                if database.in_transaction:
                    database.execute("ROLLBACK")

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            self._emit(event)


def _unavailable(error: sqlite3.Error) -> Unavailable:
    return Unavailable(f"throttle: {error}")
