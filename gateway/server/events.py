"""What the server tells the log."""

from dataclasses import dataclass
from typing import ClassVar

from gateway.telemetry import Event, Level

NOWHERE = "none"
"""In place of an upstream's URL: a login that was refused before it came to one."""


@dataclass(frozen=True, slots=True)
class Connected(Event):
    """A client is connected."""

    level: ClassVar[Level] = "debug"
    tls: bool


@dataclass(frozen=True, slots=True)
class ConnectionRefused(Event):
    """One connection too many, in all or from this address."""

    level: ClassVar[Level] = "warning"
    peer: str


@dataclass(frozen=True, slots=True)
class OutsideFence(Event):
    """Somebody connected from outside the networks of a fenced listener, and was cut off."""

    level: ClassVar[Level] = "warning"
    peer: str
    listener: str


@dataclass(frozen=True, slots=True)
class ClearPasswordRefused(Event):
    """A client without TLS was about to send a password in clear, and was told not to."""

    level: ClassVar[Level] = "warning"


@dataclass(frozen=True, slots=True)
class LegacyTls(Event):
    """A client logged in by a version of TLS that is not safe any more."""

    level: ClassVar[Level] = "warning"
    peer: str
    version: str
    cipher: str


@dataclass(frozen=True, slots=True)
class LoggedIn(Event):
    """A maildrop was opened; at the end of the session `Closed` tells the same and more."""

    level: ClassVar[Level] = "debug"
    messages: int
    octets: int
    seconds: float
    tls: str
    upstream: str


@dataclass(frozen=True, slots=True)
class LoginFailed(Event):
    """A login was refused, or could not be decided.

    `upstream` is the one that it had come to: empty for that of the settings, `none` if it
    was refused before.
    """

    level: ClassVar[Level] = "warning"
    user: str
    failure: str
    detail: str
    upstream: str


@dataclass(frozen=True, slots=True)
class MessageFailed(Event):
    """A message could not be sent, or not to its end."""

    level: ClassVar[Level] = "warning"
    failure: str
    detail: str


@dataclass(frozen=True, slots=True)
class Updated(Event):
    """UPDATE came to its end."""

    removed: int
    kept: int


@dataclass(frozen=True, slots=True)
class UpdateFailed(Event):
    """UPDATE failed; which messages it removed is not known."""

    level: ClassVar[Level] = "error"
    failure: str
    detail: str


@dataclass(frozen=True, slots=True)
class InternalError(Event):
    """A defect of this program."""

    level: ClassVar[Level] = "error"
    traceback: str


@dataclass(frozen=True, slots=True)
class Closed(Event):
    """A connection ended; the one summary line of a session.

    `login` is empty if nobody tried, `ok`, or the failure of the last try; `upstream` is
    empty for the one of the settings.
    """

    user: str
    account: str
    device: str
    listener: str
    tls: str
    upstream: str
    login: str
    retrieved: int
    octets: int
    removed: int
    kept: int
    seconds: float
    reason: str
