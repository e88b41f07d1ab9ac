"""What happens to consents and tokens."""

from dataclasses import dataclass
from typing import ClassVar

from gateway.telemetry import Event, Level


@dataclass(frozen=True, slots=True)
class ConsentGiven(Event):
    """A mailbox' owner has signed in, or an administrator for a service."""

    account: str
    flow: str
    subject: str


@dataclass(frozen=True, slots=True)
class ConsentWithdrawn(Event):
    """A consent was given back; `told` is whether the provider was told so."""

    account: str
    told: bool


@dataclass(frozen=True, slots=True)
class SignInFailed(Event):
    """An owner's sign-in came to nothing."""

    level: ClassVar[Level] = "warning"
    account: str
    cause: str
    code: str


@dataclass(frozen=True, slots=True)
class TokenRefreshed(Event):
    """There is a new access token; `rotated` is whether there is a new refresh token too."""

    level: ClassVar[Level] = "debug"
    account: str
    rotated: bool


@dataclass(frozen=True, slots=True)
class RefreshFailed(Event):
    """There is no new access token for now."""

    level: ClassVar[Level] = "warning"
    account: str
    cause: str
    code: str


@dataclass(frozen=True, slots=True)
class PreviousTokenUsed(Event):
    """The provider refused the newest refresh token, and took the one before it."""

    level: ClassVar[Level] = "warning"
    account: str


@dataclass(frozen=True, slots=True)
class WatchFailed(Event):
    """The look at all consents has a defect; there is another look in a minute."""

    level: ClassVar[Level] = "error"
    cause: str


@dataclass(frozen=True, slots=True)
class ConsentLost(Event):
    """There will be no more tokens until the owner signs in again."""

    level: ClassVar[Level] = "error"
    account: str
    cause: str


@dataclass(frozen=True, slots=True)
class ConsentEnds(Event):
    """A consent is about to end."""

    level: ClassVar[Level] = "warning"
    account: str
    days: int


@dataclass(frozen=True, slots=True)
class ClientSecretEnds(Event):
    """The secret of our registration at a provider is about to end, for all its accounts."""

    level: ClassVar[Level] = "warning"
    provider: str
    days: int
