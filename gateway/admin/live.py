"""The port to the workers: what they are doing now, and what they did of late."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LiveSession:
    """One POP3 connection.

    Attributes:
        worker: The worker that has it.
        number: Its number there.
        peer: The client's address.
        listener: Where it came in, as the settings call it.
        tls: Version of TLS, e.g. `TLSv1.3`; empty without.
        cipher: The cipher's name; empty without.
        legacy: Whether its TLS is below 1.2.
        user: What the client gave as its name; empty before.
        account: The account's name; empty if passed through or not logged in.
        device: The device's name; empty likewise.
        upstream: Where the mail is, for people; empty before login.
        since: When it began, in seconds since 1970.
        state: `authorization`, `transaction` or `update`.
        messages: Retrieved so far.
        octets: Sent so far.
    """

    worker: int
    number: int
    peer: str
    listener: str
    tls: str
    cipher: str
    legacy: bool
    user: str
    account: str
    device: str
    upstream: str
    since: float
    state: str
    messages: int
    octets: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failure of late.

    Attributes:
        at: Seconds since 1970.
        event: The event's name, e.g. `login_failed`.
        failure: The failure's name of the closed set, e.g. `BadCredentials`; may be empty.
        user: What the client gave as its name; may be empty.
        peer: The client's address; may be empty.
        upstream: May be empty.
        detail: For the administrator; may quote the upstream, never a secret.
    """

    at: float
    event: str
    failure: str
    user: str
    peer: str
    upstream: str
    detail: str


@dataclass(frozen=True, slots=True)
class Sample:
    """What was done in one minute by all workers.

    Attributes:
        at: Its end, in seconds since 1970.
        sessions: Connections at that time.
        logins: Maildrops opened.
        refused: Logins refused or failed.
        messages: Retrieved.
        octets: Of them.
        removed: Messages removed.
    """

    at: float
    sessions: int
    logins: int
    refused: int
    messages: int
    octets: int
    removed: int


@dataclass(frozen=True, slots=True)
class UpstreamHealth:
    """How an upstream was of late.

    Attributes:
        name: Its URL.
        last_good: When a maildrop was last opened there; None if never since the start.
        last_bad: When it last failed; None if never since the start.
        failure: What the last failure was, of the closed set; empty without.
        detail: Of it.
    """

    name: str
    last_good: float | None
    last_bad: float | None
    failure: str
    detail: str


class Live(Protocol):
    """What the office can ask the workers. Workers that do not answer are left out."""

    async def sessions(self) -> Sequence[LiveSession]:
        """All connections, the oldest first; 1,000 at the most."""

    async def end(self, worker: int, number: int) -> bool:
        """End a session without UPDATE: marks are dropped, nothing is removed.

        Returns:
            Whether it was there. One in UPDATE is left to finish.
        """

    async def troubles(self) -> Sequence[Trouble]:
        """The latest failures, the newest first; 200 at the most."""

    async def samples(self) -> Sequence[Sample]:
        """The last 24 hours by the minute, the oldest first; the last is not over yet."""

    async def upstreams(self) -> Sequence[UpstreamHealth]:
        """Every upstream that was used."""

    async def workers(self) -> tuple[int, int]:
        """How many answer, and how many there should be."""
