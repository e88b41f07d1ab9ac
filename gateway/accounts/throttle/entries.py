"""What is held against whom, for the console and the command line; and how it is lifted."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from gateway.accounts.throttle import rules
from gateway.accounts.throttle.ledger import as_mark
from gateway.accounts.throttle.rules import Mark
from gateway.accounts.throttle.settings import ThrottleSettings
from gateway.accounts.throttle.shown import address_of, name_of

Kind = Literal["account", "address", "password"]
_MARKS, _SHOWN = 20_000, 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is held against somebody; `name` is what lifts it.

    Attributes:
        kind: A name with wrong passwords, an address with them, or a password of a name
            that is not shown to the upstream any more.
        name: The user's name, or the address.
        where: Of a name, the address at which alone this counts; empty for all others.
        count: Different wrong passwords; of a password, how often the upstream refused it.
        since: When it began, in seconds since 1970, as all times here.
        until: When the lock ends, or the password is forgotten; None if it is not locked.
        last_seen: When the last new wrong password came, or the password was last noted.
    """

    kind: Kind
    name: str
    where: str
    count: int
    since: float
    until: float | None
    last_seen: float


def listed(
    database: sqlite3.Connection, settings: ThrottleSettings, now: float
) -> Sequence[Entry]:
    """The locked ones first, then the latest; 1,000 at the most."""
    marks = _marks(database, settings, now)
    entries = [
        *_accounts(marks, settings),
        *_addresses(marks, settings),
        *_passwords(database, settings, now),
    ]
    entries.sort(key=lambda e: (e.until is None, e.kind == "password", -e.last_seen))
    return entries[:_SHOWN]


def _marks(
    database: sqlite3.Connection, settings: ThrottleSettings, now: float
) -> list[tuple[Mark, bool]]:
    """Each with whether its name has logged in from its address."""
    rows = database.execute(
        "SELECT tag, name, address, at, points, state, EXISTS (SELECT 1 FROM home "
        "WHERE home.name = wrong.name AND home.address = wrong.address AND home.seen > ?) "
        "FROM wrong WHERE at > ? AND at <= ? AND points > 0 AND state != 0 "
        "ORDER BY id DESC LIMIT ?",
        (now - settings.remember_wrong, now - settings.window, now + rules.LATE, _MARKS),
    )
    return [(as_mark(row), bool(row[6])) for row in rows]


def _accounts(
    marks: Sequence[tuple[Mark, bool]], settings: ThrottleSettings
) -> Iterator[Entry]:
    groups: dict[tuple[str, str], list[Mark]] = defaultdict(list)
    for mark, at_home in marks:
        groups[mark.name, mark.address if at_home else ""].append(mark)
    for (name, where), group in groups.items():
        until = rules.lock_end(group, settings.account_limit, settings.window)
        yield _entry("account", (name, where), group, until)


def _addresses(
    marks: Sequence[tuple[Mark, bool]], settings: ThrottleSettings
) -> Iterator[Entry]:
    groups: dict[str, list[Mark]] = defaultdict(list)
    for mark, _ in marks:
        if mark.address:
            groups[mark.address].append(mark)
    for address, group in groups.items():
        until = rules.lock_end(group, settings.address_limit, settings.window)
        yield _entry("address", (address, ""), group, until)


def _entry(kind: Kind, whose: tuple[str, str], marks: list[Mark], until: float | None) -> Entry:
    times = [mark.at for mark in marks]
    return Entry(kind, *whose, rules.count(marks), min(times), until, max(times))


def _passwords(
    database: sqlite3.Connection, settings: ThrottleSettings, now: float
) -> Iterator[Entry]:
    rows = database.execute(
        "SELECT name, 1, min(at), max(seen) FROM wrong WHERE state = 2 AND seen > :since "
        "GROUP BY tag UNION ALL SELECT name, refusals, refused, seen FROM good "
        "WHERE refusals >= :refusals AND seen > :since ORDER BY 4 DESC LIMIT :shown",
        {
            "since": now - settings.remember_wrong,
            "refusals": rules.REFUSALS,
            "shown": _SHOWN,
        },
    )
    for name, count, since, seen in rows:
        until = seen + settings.remember_wrong
        yield Entry("password", name, "", count, since, until, seen)


def lift(database: sqlite3.Connection, key: str | None) -> int:
    """Forget what is held against a name and its devices, or an address; None for all.

    Returns:
        How many wrong passwords were forgotten.
    """
    where, values = ("1", {}) if key is None else _whose(key)
    either = where if key is None else f"{where} OR address = :address"
    wrong = database.execute(
        f"DELETE FROM wrong WHERE {either}",  # noqa: S608 - ours
        values,
    )
    database.execute(
        f"UPDATE home SET shut = 0 WHERE {either}",  # noqa: S608 - ours
        values,
    )
    good = database.execute(
        f"UPDATE good SET refusals = 0, told = 0 WHERE ({where}) AND refusals > 0",  # noqa: S608
        values,
    )
    return wrong.rowcount + good.rowcount


def _whose(key: str) -> tuple[str, dict[str, str]]:
    name = name_of(key.encode("utf-8", "surrogateescape"))
    # `/` is followed by `0`: these are all devices of the account.
    values = {"name": name, "from": f"{name}/", "to": f"{name}0", "address": address_of(key)}
    return "name = :name OR (name >= :from AND name < :to)", values
