"""The throttle of one process: its key, its store, and one try at a time for each name."""

from collections.abc import Callable
from pathlib import Path

from gateway.accounts.throttle.key import load_key
from gateway.accounts.throttle.rules import Verdict
from gateway.accounts.throttle.settings import ThrottleSettings
from gateway.accounts.throttle.shown import Shown, shown
from gateway.accounts.throttle.store import ThrottleStore, Ticket
from gateway.accounts.throttle.turns import Turns
from gateway.errors import BadCredentials, Throttled
from gateway.maildrop import Attempt
from gateway.telemetry import Emitter

_WHY = {
    Verdict.LOCKED: "locked after too many different wrong passwords",
    Verdict.RESTING: "this password has worked, but was refused of late; it rests for a while",
    Verdict.KNOWN_BAD: "the upstream has refused this password before; it is not asked again "
    "(`pop3-gateway throttle lift` forgets that)",
}


def open_store(
    directory: Path,
    settings: ThrottleSettings | None,
    now: Callable[[], float],
    emit: Emitter,
) -> ThrottleStore:
    """What is remembered in a state directory; without settings by those of the gateway.

    Raises:
        Misconfigured: It cannot be used.
    """
    return ThrottleStore(directory / "throttle.sqlite", settings, now, emit)


class Throttle:
    """Lets tries go on or not, and keeps those that may be guesses in single file.

    Args:
        directory: The state directory.
        settings: The limits.
        now: Seconds since 1970.
        emit: Takes the events.

    Raises:
        Misconfigured: The directory cannot be used.
    """

    def __init__(
        self,
        directory: Path,
        settings: ThrottleSettings,
        now: Callable[[], float],
        emit: Emitter,
    ) -> None:
        self._key = load_key(directory / "throttle.key")
        self.store = open_store(directory, settings, now, emit)
        self._turns = Turns()

    def close(self) -> None:
        """Close the file."""
        self.store.close()

    def glance(self, attempt: Attempt) -> Ticket | Shown:
        """A known password of a known address goes on at once; others must `enter`.

        Raises:
            Unavailable: What is remembered cannot be read.
        """
        seen = shown(attempt, self._key)
        return self.store.glance(seen) or seen

    async def enter(self, seen: Shown) -> Ticket:
        """Let a try go on; then `proved`, `released` or `refused` must follow, once.

        Raises:
            BadCredentials: It is wrong, or locked out; with the time of the answer.
            Throttled: Other tries for this name must be decided first.
            Unavailable: What is remembered cannot be read.
        """
        await self._turns.take(seen.name)
        try:
            ticket = self.store.enter(seen)
            _let_on(ticket)
        except BaseException:
            self._turns.end(seen.name)
            raise
        if ticket.verdict is not Verdict.NEW:
            self._turns.end(seen.name)
        return ticket

    def proved(self, ticket: Ticket) -> None:
        """It was the right password. Raises Unavailable if that could not be noted."""
        try:
            self.store.proved(ticket)
        finally:
            self._decided(ticket)

    def released(self, ticket: Ticket) -> None:
        """Nobody knows. Raises Unavailable if that could not be noted."""
        try:
            self.store.released(ticket)
        finally:
            self._decided(ticket)

    def refused(self, ticket: Ticket, *, upstream: bool) -> float:
        """It was wrong; see `ThrottleStore.refused`."""
        try:
            return self.store.refused(ticket, upstream=upstream)
        finally:
            self._decided(ticket)

    def _decided(self, ticket: Ticket) -> None:
        if ticket.verdict is Verdict.NEW:
            self._turns.end(ticket.shown.name)


def _let_on(ticket: Ticket) -> None:
    if ticket.verdict is Verdict.BUSY:
        raise Throttled("too many logins of this name are undecided")
    why = _WHY.get(ticket.verdict)
    if why is not None:
        raise BadCredentials(why, wait=ticket.wait)
