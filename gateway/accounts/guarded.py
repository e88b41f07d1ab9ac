"""A door behind which no guesser gets far."""

from collections.abc import Callable

from gateway.accounts.door import Admission, Door
from gateway.accounts.throttle import Throttle
from gateway.accounts.throttle.events import ThrottleUnusable
from gateway.accounts.throttle.shown import Shown
from gateway.accounts.throttle.store import Ticket
from gateway.errors import BadCredentials, Failure, Unavailable
from gateway.maildrop import Attempt, ScramVerifier
from gateway.telemetry import Emitter


class GuardedDoor:
    """Asks another door only what the throttle lets on, and tells the throttle what came of it.

    Args:
        door: Decides.
        throttle: Remembers.
        emit: Takes the events.
    """

    def __init__(self, door: Door, throttle: Throttle, emit: Emitter) -> None:
        self._door = door
        self._throttle = throttle
        self._emit = emit
        # By identity: two clients may show the same at once.
        self._undecided: dict[int, Ticket] = {}

    async def admit(self, attempt: Attempt) -> Admission:
        """See `Door`; what is known to be wrong, or locked out, is refused without asking.

        Raises:
            BadCredentials, Throttled, ConsentMissing, Misconfigured, Unavailable
        """
        ticket = self._throttle.glance(attempt)
        if isinstance(ticket, Shown):
            ticket = await self._throttle.enter(ticket)
        try:
            admission = await self._door.admit(attempt)
        except BadCredentials as failure:
            self._refused(ticket, failure, upstream=False)
            raise
        except BaseException:
            self._try(lambda: self._throttle.released(ticket))
            raise
        self._undecided[id(attempt)] = ticket
        return admission

    async def ended(
        self, attempt: Attempt, admission: Admission, failure: Failure | None
    ) -> None:
        """See `Door`; a refusal gets the time of its answer."""
        ticket = self._undecided.pop(id(attempt), None)
        if ticket is not None and (ticket.stale or failure is not None):
            self._note(ticket, admission, failure)
        await self._door.ended(attempt, admission, failure)

    async def verifier(self, user: bytes) -> ScramVerifier:
        """See `Door`.

        Raises:
            Unavailable: The directory cannot be read.
        """
        return await self._door.verifier(user)

    def _note(self, ticket: Ticket, admission: Admission, failure: Failure | None) -> None:
        # Of a client that we know ourselves, a refusal tells of our own credentials.
        if admission.proven or failure is None:
            self._try(lambda: self._throttle.proved(ticket))
        elif isinstance(failure, BadCredentials):
            self._refused(ticket, failure, upstream=True)
        else:
            self._try(lambda: self._throttle.released(ticket))

    def _refused(self, ticket: Ticket, failure: BadCredentials, *, upstream: bool) -> None:
        try:
            wait = self._throttle.refused(ticket, upstream=upstream)
        except Unavailable as error:
            self._emit(ThrottleUnusable(error.detail))
            wait = ticket.wait
        failure.wait = max(failure.wait, wait)

    def _try(self, note: Callable[[], None]) -> None:
        """What cannot be noted stays undecided for a while, which counts as wrong."""
        try:
            note()
        except Unavailable as error:
            self._emit(ThrottleUnusable(error.detail))
