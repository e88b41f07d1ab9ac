"""What the throttle tells the log."""

from dataclasses import dataclass
from typing import ClassVar

from gateway.telemetry import Event, Level


@dataclass(frozen=True, slots=True)
class LockedOut(Event):
    """A name or an address is locked; told once, when it begins.

    Attributes:
        kind: `account` or `address`.
        locked: The name, or the address.
        where: The one address for which a name is locked; empty for all that are not known.
        count: Different wrong passwords.
        seconds: How long it lasts from now.
    """

    level: ClassVar[Level] = "warning"
    kind: str
    locked: str
    where: str
    count: int
    seconds: int


@dataclass(frozen=True, slots=True)
class KnownBadPassword(Event):
    """Somebody still shows a password that the upstream has refused; told once an hour."""

    level: ClassVar[Level] = "warning"
    account: str
    address: str


@dataclass(frozen=True, slots=True)
class GoodPasswordRefused(Event):
    """The upstream refused a password that had worked: it rests before it is shown again.

    Attributes:
        account: The name.
        refusals: So far; after the last one it is known to be wrong.
        of: How many make the last one.
    """

    level: ClassVar[Level] = "warning"
    account: str
    refusals: int
    of: int


@dataclass(frozen=True, slots=True)
class LockLifted(Event):
    """An administrator lifted what was held against a name, an address, or everybody.

    Attributes:
        lifted: The name or the address; `*` for everybody.
        entries: How many wrong passwords were forgotten.
    """

    lifted: str
    entries: int


@dataclass(frozen=True, slots=True)
class ThrottleUnusable(Event):
    """How a login went could not be noted; new passwords are refused until it can be."""

    level: ClassVar[Level] = "error"
    detail: str
