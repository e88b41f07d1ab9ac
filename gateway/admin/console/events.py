"""What people do in the console, for the log."""

from dataclasses import dataclass
from typing import ClassVar

from gateway.telemetry import Event, Level


@dataclass(frozen=True, slots=True)
class SetupAwaits(Event):
    """The console has no administrator yet: `pop3-gateway console-link` prints the link."""

    file: str


@dataclass(frozen=True, slots=True)
class ConsoleLogin(Event):
    """An administrator has signed in to the console."""

    administrator: str
    peer: str


@dataclass(frozen=True, slots=True)
class ConsoleLoginRefused(Event):
    """Somebody has not. The name is not told: it may be a password in the wrong field."""

    level: ClassVar[Level] = "warning"
    peer: str


@dataclass(frozen=True, slots=True)
class ConsoleChange(Event):
    """An administrator, or the owner of a mailbox, has changed something.

    Attributes:
        who: The administrator's name, or `invite:` and the account's.
        what: What was done, in two or three words.
        subject: To what.
    """

    who: str
    what: str
    subject: str


@dataclass(frozen=True, slots=True)
class ConsoleError(Event):
    """A page could not be made; a defect unless the database was away."""

    level: ClassVar[Level] = "error"
    page: str
    detail: str
