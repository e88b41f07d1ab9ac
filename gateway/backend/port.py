"""The port between a session and whatever keeps its mail.

Drivers know neither POP3 nor each other. Callers branch on `Capabilities`, never on
a driver's name. Everything that may wait is awaitable, always.
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from gateway.maildrop import CommitPlan, Login, Maildrop, Outcome, Ref


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an open upstream mailbox promises.

    Attributes:
        exact_octets: `Maildrop.octets` are what `body` will deliver, not estimates.
        precise_expunge: `commit` removes exactly the plan even if others delete meanwhile.
        partial_fetch: the first lines of a message cost less than the message.
        stable_ids: unique-ids are the same tomorrow.
        delta: a later snapshot costs O(changes).
    """

    exact_octets: bool
    precise_expunge: bool
    partial_fetch: bool
    stable_ids: bool
    delta: bool


class Sink(Protocol):
    """Takes one message."""

    def begin(self, octets: int | None) -> None:
        """The message is there and its octets follow.

        Called exactly once, before the first `write`, also for an empty message.

        Args:
            octets: How many will follow if nothing fails and nobody stops; None if unknown.
        """

    def write(self, chunk: bytes) -> None:
        """The next octets, as the upstream sent them: not stuffed, chunks cut anywhere."""


class Body(Protocol):
    """One message on its way: a push producer that starts when told."""

    def start(self, sink: Sink) -> Awaitable[int]:
        """Deliver the message into `sink`; call it once.

        Returns:
            The number of octets written, when the message is complete or was stopped.

        Raises:
            MessageGone, Unavailable, EpochChanged: before `sink.begin`; nothing was written.
            BodyBroken: after `sink.begin`; what was written is not the whole message.
        """

    def pause(self) -> None:
        """The sink is full: read nothing more from the upstream until `resume`."""

    def resume(self) -> None:
        """The sink has room again."""

    def stop(self) -> None:
        """The sink has had enough: write nothing more, and finish as if complete.

        May be repeated, also after the end.
        """


class BackendSession(Protocol):
    """One logged-in upstream connection, serving one POP3 session."""

    @property
    def capabilities(self) -> Capabilities:
        """What this upstream promises; known from `snapshot` on."""

    async def snapshot(self) -> Maildrop:
        """Open the INBOX and freeze it. Call it once, first.

        Raises:
            Unavailable, Misconfigured: Never an empty maildrop instead.
        """

    def body(self, ref: Ref, top: int | None = None) -> Body:
        """One message of the snapshot.

        Args:
            ref: From `Maildrop.refs`.
            top: None for the whole message. Otherwise the caller needs the header and this
                many lines of the text and will `stop` the body when it has them, so
                that a driver need not ask the upstream for everything at once.
        """

    async def commit(self, plan: CommitPlan) -> Outcome:
        """Remove exactly the messages of the plan.

        A message of the plan that is no longer there counts as removed.

        Raises:
            EpochChanged: Nothing was done.
            Unavailable: The outcome is unknown: any part of the plan may have been done.
        """

    async def close(self) -> None:
        """End the upstream session, politely if quick. Never raises; may be repeated."""


class ReadsAhead(BackendSession, Protocol):
    """A session that asks the upstream for messages before its client does."""

    def at_hand(self, ref: Ref) -> list[bytes] | None:
        """A whole message that has come already, in chunks cut anywhere.

        It counts as delivered, and is given once. None: take `body`.
        """


class Backend(Protocol):
    """A kind of upstream, configured.

    Attributes:
        checks_name: Whether an access token opens the mailbox of the login's name alone;
            else it opens its owner's, whatever the name.
    """

    checks_name: bool

    async def open(self, login: Login) -> BackendSession:
        """Connect and log in.

        Raises:
            BadCredentials, ConsentMissing, Throttled, Unavailable, Misconfigured
        """


class ReusableSession(BackendSession, Protocol):
    """A session that can serve another login of the same user after `Maildrop` was released."""

    @property
    def reusable(self) -> bool:
        """Whether it is in a state from which `revive` may work."""

    def rest(self) -> None:
        """Nobody uses it for a while: let go of whatever was kept for a client."""

    async def revive(self) -> None:
        """Make sure that it lives and can take a `snapshot` again.

        Raises:
            Unavailable: It is of no use any more.
        """


class ReusableBackend(Protocol):
    """A kind of upstream whose sessions can be kept."""

    checks_name: bool

    async def open(self, login: Login) -> ReusableSession:
        """See `Backend`."""
