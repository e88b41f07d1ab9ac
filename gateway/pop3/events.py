"""What goes into a session besides commands, and what comes out of it.

An *event* tells that something asked for is done or has failed. An *effect* is
something for `gateway.server` to carry out, in the order given. At most one effect at
a time has an answer outstanding; until its event comes the session reads nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.errors import Failure
from gateway.maildrop import CommitPlan, Maildrop, Outcome, Proof, Ref, ScramVerifier

# ---- events


@dataclass(frozen=True, slots=True)
class Opened:
    """Answers `Open`: the user is who he says and the lease is held."""

    maildrop: Maildrop


@dataclass(frozen=True, slots=True)
class OpenFailed:
    """Answers `Open`."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class VerifierTold:
    """Answers `AskVerifier`."""

    verifier: ScramVerifier


@dataclass(frozen=True, slots=True)
class VerifierFailed:
    """Answers `AskVerifier`."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Waited:
    """Answers `Wait`."""


@dataclass(frozen=True, slots=True)
class TlsStarted:
    """Answers `StartTls`: what follows is encrypted."""


@dataclass(frozen=True, slots=True)
class BodyDone:
    """Answers `SendBody`: the message and its terminator are written."""


@dataclass(frozen=True, slots=True)
class BodyFailed:
    """Answers `SendBody`. Before the first octet: any failure; after it: `BodyBroken`."""

    ref: Ref
    failure: Failure


@dataclass(frozen=True, slots=True)
class ListingDone:
    """Answers `SendListing`."""


@dataclass(frozen=True, slots=True)
class CommitDone:
    """Answers `Commit`."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class CommitFailed:
    """Answers `Commit`."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Login or idle timer: RFC 1939 §3 has the connection closed without a reply."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The client's connection is lost."""


@dataclass(frozen=True, slots=True)
class Draining:
    """The server is stopping: finish what is under way, then end."""


Event = (
    Opened
    | OpenFailed
    | VerifierTold
    | VerifierFailed
    | Waited
    | TlsStarted
    | BodyDone
    | BodyFailed
    | ListingDone
    | CommitDone
    | CommitFailed
    | TimedOut
    | Gone
    | Draining
)

# ---- effects


@dataclass(frozen=True, slots=True)
class Send:
    """Write these octets."""

    data: bytes


@dataclass(frozen=True, slots=True)
class StartTls:
    """Begin the TLS handshake; what was received before it has been forgotten."""


@dataclass(frozen=True, slots=True)
class Open:
    """Authenticate, take the lease, freeze the maildrop."""

    user: bytes
    proof: Proof


@dataclass(frozen=True, slots=True)
class AskVerifier:
    """Ask the directory for what SCRAM-SHA-256 needs of a user."""

    user: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Let time pass.

    Attributes:
        seconds: How long, counted from the last `Open` or `AskVerifier`: so the answer does
            not tell how long it took to find it.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class SendBody:
    """Send a status line, a message and the terminator.

    Attributes:
        ref: Which message.
        octets: What the snapshot says of it, for the status line.
        top: None for the whole message, else the number of lines after the header.
    """

    ref: Ref
    octets: int
    top: int | None


@dataclass(frozen=True, slots=True)
class SendListing:
    """Send these pieces as the client takes them; the last one ends with the terminator."""

    pieces: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Commit:
    """UPDATE. Must run to its end whatever becomes of the client."""

    plan: CommitPlan


@dataclass(frozen=True, slots=True)
class Release:
    """Give the lease back and close the upstream; exactly once for each `Opened`."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection when everything is written."""


@dataclass(frozen=True, slots=True)
class Abort:
    """Reset the connection so that the client cannot take it for a clean end."""


Effect = (
    Send
    | StartTls
    | Open
    | AskVerifier
    | Wait
    | SendBody
    | SendListing
    | Commit
    | Release
    | Close
    | Abort
)

Effects = list[Effect]

ANSWERED = (StartTls, Open, AskVerifier, Wait, SendBody, SendListing, Commit)
"""The effects that an event answers."""
