"""What a driver of an HTTP mailbox implements, and the nouns it speaks in.

One `Api` serves one login. The room calls `list` once a login and keeps what it told in the
index; `raw` for each message that a client reads; `remove` at QUIT. All of them reach
the upstream through the `Caller` that the driver got, so that credentials, time-outs,
limits and Retry-After are the same everywhere.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from gateway.backend.http.decode import AsIs, Decoder
from gateway.index import TextRecord

MESSAGE_ACCEPT = "message/rfc822, application/octet-stream, */*"


@dataclass(frozen=True, slots=True)
class Traits:
    """What an API promises; may depend on what the server said at login.

    Attributes:
        exact_octets: `Row.octets`, where given, is what `raw` delivers once decoded. If
            not, octets are learned by reading each message once, and `Row.octets` is only
            an estimate.
        delta: A later `list` costs O(changes).
        order: "received": by (`Row.received`, `Row.id`), wherever new mail comes. "listed":
            as listed; what a list of changes brings goes to the end.
        remove_at_once: How many messages `remove` may be given in one call.
        concurrency: How many requests a session may have under way at once; None for the
            setting alone. A driver that needs it before its first `list` ends sets
            `Caller.slots.limit` itself.
        prefix: Put before ids, with a dot, to make unique-ids: where ids mean something
            only within a generation or a folder. Empty where they are unique by themselves.
        stable_ids: Unique-ids are the same tomorrow.
        keep: Whether the session may be kept after QUIT; not with a lock upstream.
    """

    exact_octets: bool
    delta: bool
    order: Literal["received", "listed"] = "received"
    remove_at_once: int = 100
    concurrency: int | None = None
    prefix: str = ""
    stable_ids: bool = True
    keep: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """One message as listed.

    Attributes:
        id: As the upstream names it; any text.
        octets: As the upstream tells; None if it does not. Exact or not: see `Traits`.
        received: A number that is larger for later mail, e.g. seconds since the epoch.
        locator: Whatever else `raw` and `remove` need to find it (a blob's id, a URL).
    """

    id: str
    octets: int | None = None
    received: int = 0
    locator: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What is in the mailbox, or what changed there.

    Attributes:
        epoch: The upstream's generation: ids of another mean nothing. Never empty.
        rows: All messages; or with `changes`, those that came or are different now.
        state: Text by which the next `list` can ask for changes; empty if it cannot.
        changes: Whether `rows` and `removed` are changes to the record that `list` was given.
        removed: With `changes`: ids that are gone; those never heard of do no harm.
        total: How many messages there are now by the upstream's own count, if it tells.
            A result that does not fit is not believed: after changes, everything is listed.
    """

    epoch: str
    rows: Sequence[Row]
    state: Mapping[str, str] = field(default_factory=dict)
    changes: bool = False
    removed: Collection[str] = ()
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the snapshot: `Row.id` and `Row.locator`."""

    id: str
    locator: str = ""


@dataclass(frozen=True, slots=True)
class Raw:
    """How to get a message's octets: by GET.

    Attributes:
        target: A URL, absolute or relative to the upstream's.
        headers: Besides the credentials.
        decoder: Makes what turns the response's body into the message (`decode`).
        gone: Statuses that mean: there is no such message any more.
    """

    target: str
    headers: Mapping[str, str] = field(default_factory=lambda: {"Accept": MESSAGE_ACCEPT})
    decoder: Callable[[], Decoder] = AsIs
    gone: Collection[int] = (404, 410)


def explained(api: "Api") -> Sequence[str]:
    """What the driver has to tell an administrator who checks the upstream.

    It is asked for by a method `explain() -> Sequence[str]` that an `Api` may have: lines
    about the limits that the upstream told and about what removing a message will do.
    """
    explain = getattr(api, "explain", None)
    return explain() if explain is not None else ()


class Api(Protocol):
    """One login's view of an HTTP mailbox."""

    @property
    def traits(self) -> Traits:
        """What it promises; asked for after `list`, and constant from then on."""

    async def list(self, known: TextRecord | None) -> Listing:
        """The mailbox; or, if it can, the changes since `known`.

        Args:
            known: What was listed last; `known.state` is from `Listing.state`. None: list
                everything, even if this API could tell changes.

        Raises:
            BadCredentials, ConsentMissing, Throttled, Unavailable, Misconfigured
        """

    def raw(self, message: Message) -> Raw:
        """How to get a message. No I/O."""

    async def remove(self, messages: Sequence[Message]) -> Collection[str]:
        """Remove messages, as the settings say (for good, to the trash); repeatable.

        A message that is already gone counts as removed. Called again with the same
        messages after a lost connection.

        Args:
            messages: At most `Traits.remove_at_once`, at least one.

        Returns:
            The ids that are certainly gone from the mailbox. The others are kept.

        Raises:
            EpochChanged: Nothing was done.
            Unavailable: The outcome is unknown.
        """

    async def prove(self) -> None:
        """Ask the upstream, cheaply, whether the credentials are still good.

        For a session that was kept after QUIT and is about to serve another login.

        Raises:
            Failure: They are not, or nobody knows.
        """

    async def close(self) -> None:
        """Give back what the API holds upstream, e.g. a lock. Never raises."""
