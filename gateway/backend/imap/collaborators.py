"""What a connection works with: the clock, and whoever takes messages."""

from collections.abc import Callable
from typing import Protocol

from gateway.backend.imap.responses import Fetch


class DelayedCall(Protocol):
    """Twisted's IDelayedCall, for the type checker."""

    def active(self) -> bool:
        """Whether it is still to come."""

    def cancel(self) -> None:
        """Let it not come."""

    def reset(self, seconds: float) -> None:
        """Let it come later."""


class Clock(Protocol):
    """What is needed here of Twisted's IReactorTime."""

    def seconds(self) -> float:
        """A time that never goes back."""

    def callLater(self, delay: float, call: Callable[[], None], /) -> DelayedCall:
        """Call something once, `delay` seconds from now."""


class Receiver(Protocol):
    """Takes FETCH responses while its command is in flight."""

    def accepts(self, fetch: Fetch) -> bool:
        """Whether this is for us. Without a UID nobody knows yet."""

    def literal(self, fetch: Fetch, size: int) -> None:
        """The message's literal begins; of `fetch` is known what came before it."""

    def data(self, chunk: bytes) -> None:
        """The next octets of the literal."""

    def fetched(self, fetch: Fetch, streamed: int | None) -> None:
        """The response is complete; `streamed` is the size of its literal, if it had one."""

    def parcel(self, uid: int, octets: bytes) -> bool:
        """A message that came in one piece; False if it is for somebody else."""
        fetch = Fetch(uid, body=True, text=b"")
        if not self.accepts(fetch):
            return False
        self.literal(fetch, len(octets))
        self.data(octets)
        self.fetched(fetch, len(octets))
        return True
