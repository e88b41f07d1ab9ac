"""Whether a try may go on, how long its answer takes, and when a lock ends: without I/O.

What counts is different wrong passwords. One that is shown again and again counts once, so
that a scanner whose password was changed locks nobody out. Points stand for passwords: ten
are one, and a wrong digest, which cannot be told from the next one, is a tenth.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from gateway.accounts.throttle.settings import ThrottleSettings
from gateway.accounts.throttle.shown import WHOLE, Shown

LATE = 60.0
"""Seconds that a clock may go back; what is further ahead than that is of another time."""
REST = 900.0
"""Seconds for which a password that has worked, and was refused, is not shown again."""
REFUSALS = 3
"""So many make a password that has worked a wrong one."""
PATIENCE = 10
"""A known password at a known address gets in up to so many times the limit."""
_FIRST_WAIT = 2.0


class State(Enum):
    """What is known of a try that is remembered."""

    PENDING = 0
    """Not decided yet; counts as wrong until it is."""
    COUNTED = 1
    """Wrong, or never tried because of a lock: counts, and may be asked again."""
    KNOWN_BAD = 2
    """The upstream has refused it; it is not asked again."""


class Verdict(Enum):
    """What is to be done with a try."""

    GOOD = "good"
    """Goes on: no guess, as it has worked before."""
    NEW = "new"
    """Goes on, and counts as wrong until it is decided."""
    BUSY = "busy"
    """Cannot be told before others are decided."""
    LOCKED = "locked"
    RESTING = "resting"
    """Worked before, and was refused less than a quarter of an hour ago."""
    KNOWN_BAD = "known bad"


@dataclass(frozen=True, slots=True)
class Mark:
    """One wrong password at one address.

    Attributes:
        at: When it began to count.
        points: Of a password `WHOLE`.
    """

    tag: bytes
    name: str
    address: str
    at: float
    points: int
    state: State


@dataclass(frozen=True, slots=True)
class Good:
    """A password that has worked.

    Attributes:
        refusals: How often it was refused since.
        refused: When the last time.
        seen: When it was last noted.
    """

    refusals: int
    refused: float
    seen: float


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known when somebody tries.

    Attributes:
        shown: The try.
        now: The time.
        named: Marks of the name within the window.
        nearby: Marks of the address within the window.
        homes: Addresses from which the name has logged in.
        good: What is known of the password if it has worked.
        bad: Whether the upstream has refused it.
    """

    shown: Shown
    now: float
    named: Sequence[Mark] = ()
    nearby: Sequence[Mark] = ()
    homes: frozenset[str] = frozenset()
    good: Good | None = None
    bad: bool = False

    @property
    def at_home(self) -> bool:
        """Whether the name has logged in from this address."""
        return self.shown.address in self.homes

    @property
    def against(self) -> list[Mark]:
        """The marks that count for the name here: its own, or those of all strangers."""
        if self.at_home:
            return [mark for mark in self.named if mark.address == self.shown.address]
        return [mark for mark in self.named if mark.address not in self.homes]


def recent(at: float, now: float, seconds: float) -> bool:
    """Whether something was less than so many seconds ago; a future is none of ours."""
    return -LATE <= now - at < seconds


def judge(facts: Facts, settings: ThrottleSettings) -> Verdict:
    """What is to be done."""
    held = _held_back(facts)
    if held is not None:
        return held
    known = facts.good is not None
    if known and facts.at_home:
        return Verdict.LOCKED if exhausted(facts, settings) else Verdict.GOOD
    if account_locked(facts, settings) or address_locked(facts, settings):
        return Verdict.LOCKED
    if known:
        return Verdict.GOOD
    full = points(facts.against) >= settings.account_limit * WHOLE
    return Verdict.BUSY if full else Verdict.NEW


def _held_back(facts: Facts) -> Verdict | None:
    """What the upstream itself said of this password."""
    good = facts.good
    if facts.bad or (good is not None and good.refusals >= REFUSALS):
        return Verdict.KNOWN_BAD
    if good is not None and good.refusals and recent(good.refused, facts.now, REST):
        return Verdict.RESTING
    return None


def account_locked(facts: Facts, settings: ThrottleSettings) -> bool:
    """Whether too many different passwords were wrong for the name."""
    return points(decided(facts.against)) >= settings.account_limit * WHOLE


def address_locked(facts: Facts, settings: ThrottleSettings) -> bool:
    """Whether too many pairs were wrong at the address; nobody is at an unknown one."""
    limit = settings.address_limit * WHOLE
    return bool(facts.shown.address) and points(decided(facts.nearby)) >= limit


def exhausted(facts: Facts, settings: ThrottleSettings) -> bool:
    """Whether so much was wrong here that a known password is no sign of its owner any more."""
    return points(facts.against) >= settings.account_limit * PATIENCE * WHOLE


def decided(marks: Iterable[Mark]) -> list[Mark]:
    """Those that are wrong for certain."""
    return [mark for mark in marks if mark.state is not State.PENDING]


def distinct(marks: Iterable[Mark]) -> list[Mark]:
    """One mark a password, the latest, the oldest of them first."""
    latest: dict[bytes, Mark] = {}
    for mark in sorted(marks, key=lambda each: each.at):
        latest[mark.tag] = mark
    return sorted(latest.values(), key=lambda each: each.at)


def points(marks: Iterable[Mark]) -> int:
    """Of different passwords."""
    return sum({mark.tag: mark.points for mark in marks}.values())


def count(marks: Iterable[Mark]) -> int:
    """How many different wrong passwords that is, rounded up."""
    return -(-points(marks) // WHOLE)


def lock_end(marks: Iterable[Mark], limit: int, window: float) -> float | None:
    """When fewer than `limit` passwords are left in the window; None if that is now."""
    left, end = distinct(decided(marks)), None
    while points(left) >= limit * WHOLE:
        end = left.pop(0).at + window
    return end


def wait(facts: Facts, settings: ThrottleSettings) -> float:
    """Seconds until the answer: they double with each wrong password of the name.

    Those of the address weigh less, by as much as its limit is higher. What was asked
    and what was not, known names and others, all wait alike.
    """
    weight = settings.account_limit / settings.address_limit
    nearby = count(facts.nearby) * weight if facts.shown.address else 0
    steps = max(count(facts.against), int(nearby), 1) - 1
    return float(min(settings.longest_wait, _FIRST_WAIT * 2 ** min(steps, 16)))
