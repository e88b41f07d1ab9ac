"""Where the mail is: what a mailbox must be able to do to be served."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Mode = Literal["purge", "trash"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the list.

    Attributes:
        id: Rule 4: 1 to 70 characters, and never that of another message.
        size: Rule 1: the octets that `Store.open` will give, counted, not estimated.
        received: RFC 3339, UTC.
    """

    id: str
    size: int
    received: str

    @property
    def etag(self) -> str:
        """Strong, as the octets of an id never change (rule 2)."""
        return f'"{self.id}"'

    def as_json(self) -> dict[str, object]:
        """As the contract writes it."""
        return {
            "id": self.id,
            "size": self.size,
            "received": self.received,
            "etag": self.etag,
        }


class Octets(Protocol):
    """The octets of a message, or the rest of them."""

    def read(self, size: int) -> bytes:
        """The next octets, at least one and about `size`; none at the end."""

    def close(self) -> None:
        """Let go of the file."""


class StoreUnavailable(Exception):
    """The mail cannot be read or removed just now."""


class Store(Protocol):
    """A mailbox. Everything may block, and is called in threads.

    `messages` and `remove` are called by one thread at a time, `open` by many.
    """

    @property
    def generation(self) -> str:
        """Another only if ids had to be given anew (rule 4)."""

    def messages(self) -> Sequence[Message]:
        """All there are, in an order that stays (rule 5).

        The same object again says that nothing has changed.

        Raises:
            StoreUnavailable
        """

    def open(self, message_id: str, start: int, stop: int) -> Octets | None:
        """The octets from `start` up to `stop`; None if there is no such message any more.

        Raises:
            StoreUnavailable
        """

    def remove(self, ids: Sequence[str], mode: Mode) -> Mapping[str, str]:
        """Remove these messages, all of which `messages` has named, and make it durable.

        Returns:
            The ids that are still there, with the reason.

        Raises:
            StoreUnavailable: It is not known what was removed.
        """
