"""The session: which state it is in, what it waits for, and what an event causes.

The states are `Authorization`, `Transaction`, UPDATE (a `Commit` outstanding) and closed, and
two between the first two, where a SASL exchange ends with a challenge of ours that the client
has to answer: `Confirming` and `Refusing`. No reply can get inside a message, because nothing
is read while an effect is outstanding, and no lease is released twice, because only two places
release.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from gateway.accounts import sasl
from gateway.accounts.sasl_digest import challenge
from gateway.accounts.sasl_table import Fresh
from gateway.errors import BadCommand, BadCredentials, MessageGone, Unavailable
from gateway.maildrop import Ref
from gateway.pop3 import commands, replies, update
from gateway.pop3.authorization import Authorization
from gateway.pop3.events import (
    ANSWERED,
    Abort,
    BodyDone,
    BodyFailed,
    Close,
    Commit,
    CommitDone,
    CommitFailed,
    Effect,
    Effects,
    Event,
    Gone,
    ListingDone,
    Open,
    Opened,
    OpenFailed,
    Release,
    Send,
    SendBody,
    SendListing,
    TimedOut,
    TlsStarted,
    VerifierFailed,
    VerifierTold,
    Wait,
    Waited,
)
from gateway.pop3.offer import Means, Offer
from gateway.pop3.replies import Refused, Then
from gateway.pop3.settings import Pop3Settings
from gateway.pop3.transaction import Transaction
from gateway.pop3.wire import LineBuffer, LineTooLong

_ANSWERED: Final = frozenset(ANSWERED)
_LAST: Final = frozenset({Close, Abort})
_USUAL: Final = Offer()


@dataclass(frozen=True, slots=True)
class Confirming:
    """The maildrop is open; the client has yet to take the server's own proof (RFC 5802)."""

    transaction: Transaction
    reply: bytes


@dataclass(frozen=True, slots=True)
class Refusing:
    """The login is refused; the client has yet to take the reason (RFC 7628 §3.2.3)."""

    authorization: Authorization


State = Authorization | Confirming | Refusing | Transaction


class Session:
    """One client's conversation.

    Args:
        settings: The rules' numbers.
        secure: Whether TLS is active from the start.
        tls_available: Whether STLS can be offered.
        offer: What a client can log in with.
        fresh: Where challenges come from.

    Attributes:
        clear_refused: Whether the client was kept from sending a password in clear.
    """

    __slots__ = (
        "_bad_commands",
        "_commands",
        "_draining",
        "_failed_logins",
        "_gone_refs",
        "_lines",
        "_means",
        "_pending",
        "_refusal",
        "_settings",
        "_state",
        "clear_refused",
    )

    def __init__(
        self,
        settings: Pop3Settings,
        *,
        fresh: Fresh,
        offer: Offer = _USUAL,
        secure: bool = False,
        tls_available: bool = False,
    ) -> None:
        self._settings = settings
        self._lines = LineBuffer()
        self._means = Means(offer, fresh, challenge(fresh) if offer.apop else b"")
        self._state: State | None = Authorization(
            settings, self._means, secure=secure, tls_available=tls_available
        )
        self._pending: Effect | None = None
        self._commands = self._bad_commands = self._failed_logins = 0
        self._gone_refs: set[Ref] | None = None
        self._draining = False
        self._refusal: bytes = b""
        self.clear_refused = False

    @property
    def pending(self) -> Effect | None:
        """The effect whose answer the session waits for."""
        return self._pending

    @property
    def logged_in(self) -> bool:
        """Whether it is in TRANSACTION."""
        return isinstance(self._state, Transaction)

    @property
    def closed(self) -> bool:
        """Whether nothing the client could send matters any more."""
        return self._state is None

    @property
    def buffered(self) -> int:
        """How many octets wait to be looked at."""
        return len(self._lines)

    def greet(self) -> Effects:
        """What a new connection is told."""
        return [Send(replies.greeting(self._means.timestamp))]

    def feed(self, data: bytes) -> None:
        """Take octets from the client; `step` looks at them."""
        if not self.closed:
            self._lines.feed(data)

    def step(self) -> Effects | None:
        """Carry out the next command.

        Returns:
            Its effects; None if no complete line is there, or if an effect is outstanding.
        """
        state = self._state
        if self._pending is not None or state is None or not self._lines.octets:
            return None
        try:
            line = self._lines.next_line(self._line_limit(state))
            if line is None:
                return None
            return self._did(self._take(state, line))
        except LineTooLong:
            return self._did(self._too_long())
        except BadCommand:
            return self._did(self._bad(replies.FAILURES[BadCommand].reply))
        except Refused as refused:
            self.clear_refused |= refused.reply in replies.CLEAR_REFUSALS
            return self._did(self._bad(refused.reply))

    def handle(self, event: Event) -> Effects:
        """What an event causes."""
        answer = self._ANSWERS.get(type(event))
        if answer is None:
            return self._unasked(event)
        self._pending = None
        if self._state is None:
            return self._late(event)
        try:
            return self._did(answer(self, event))
        except Refused as refused:
            return self._did(self._bad(refused.reply))

    # ---- commands

    def _line_limit(self, state: State) -> int:
        """Credentials may be long; where nobody logs in any more there are none."""
        if isinstance(state, Authorization) and (
            state.in_exchange or commands.carries_credentials(self._lines.peek(5))
        ):
            return self._settings.max_credentials_line
        return self._settings.max_line

    def _take(self, state: State, line: bytes) -> Effects:
        if isinstance(state, Transaction):
            return state.handle(commands.parse(line))
        if isinstance(state, Confirming):
            return self._confirmed(state, line)
        self._commands += 1
        if self._commands > self._settings.max_commands_before_login:
            return self._end([Send(replies.TOO_MANY_COMMANDS)])
        if isinstance(state, Refusing):
            self._state = state.authorization
            return self._refuse()
        if state.in_exchange:
            return state.respond(line)
        return state.handle(commands.parse(line))

    def _too_long(self) -> Effects:
        if isinstance(self._state, Authorization):
            self._state.cancel_exchange()
        return self._bad(replies.LINE_TOO_LONG)

    def _bad(self, reply: bytes) -> Effects:
        """Answer a bad command, and end the session at one too many."""
        self._bad_commands += 1
        limit = (
            self._settings.max_bad_commands
            if self.logged_in
            else self._settings.max_bad_commands_before_login
        )
        if self._bad_commands < limit:
            return [Send(reply)]
        return self._end([Send(reply), Send(replies.TOO_MANY_BAD_COMMANDS)])

    # ---- events

    def _unasked(self, event: Event) -> Effects:
        """What answers no effect, and comes at any time."""
        if isinstance(event, Gone):
            return self._leave()
        if isinstance(event, TimedOut):
            return self._leave_and_close()
        return self._drain()

    def _opened(self, event: Opened) -> Effects:
        state = self._authorization()
        transaction = Transaction(self._settings, state.offer, event.maildrop)
        reply = replies.logged_in(len(event.maildrop), event.maildrop.total)
        if state.accepted is None:
            self._state = transaction
            return [Send(reply)]
        self._state = Confirming(transaction, reply)
        return [Send(replies.challenge(sasl.encode(state.accepted)))]

    def _confirmed(self, state: Confirming, line: bytes) -> Effects:
        """RFC 5034 §4: what the mechanism says last is a challenge, its answer is empty."""
        if line:
            # It does not trust us: as far as it knows, nobody has logged in.
            return self._end([Send(replies.CANCELLED)])
        self._state = state.transaction
        return [Send(state.reply)]

    def _verifier_told(self, event: VerifierTold) -> Effects:
        return self._authorization().verifier(event.verifier)

    def _verifier_failed(self, event: VerifierFailed) -> Effects:
        state = self._authorization()
        state.cancel_exchange()
        state.refused = None
        return self._open_failed(event)

    def _open_failed(self, event: OpenFailed | VerifierFailed) -> Effects:
        self._failed_logins += 1
        # No failure of a login may go without a word, not even one that belongs elsewhere.
        row = replies.FAILURES[type(event.failure)]
        self._refusal = row.reply or replies.FAILURES[Unavailable].reply
        if not isinstance(event.failure, BadCredentials):
            return self._refuse()
        seconds = max(self._settings.failed_login_delay, event.failure.wait)
        return [Wait(seconds)] if seconds else self._waited(Waited())

    def _waited(self, _: Waited) -> Effects:
        state = self._authorization()
        if state.refused is None:
            return self._refuse()
        self._state = Refusing(state)
        return [Send(replies.challenge(sasl.encode(state.refused)))]

    def _refuse(self) -> Effects:
        if self._failed_logins < self._settings.max_failed_logins:
            return [Send(self._refusal)]
        return self._end([Send(self._refusal)])

    def _authorization(self) -> Authorization:
        if not isinstance(self._state, Authorization):
            raise AssertionError("logged in already")  # noqa: TRY004 - a defect of ours
        return self._state

    def _tls_started(self, _: TlsStarted) -> Effects:
        self._lines.clear()  # RFC 2595 §4: what came before TLS was not protected
        self._state = Authorization(
            self._settings, self._means, secure=True, tls_available=False
        )
        return []

    def _sent(self, _: BodyDone | ListingDone) -> Effects:
        return self._leave_and_close() if self._draining else []

    def _body_failed(self, event: BodyFailed) -> Effects:
        row = replies.FAILURES[type(event.failure)]
        if row.then is Then.ABORT:
            return [*self._leave(), Abort()]
        if row.then is Then.CLOSE or self._draining:
            return self._end([Send(row.reply)])
        if isinstance(event.failure, MessageGone):
            return self._message_gone(event.ref, row.reply)
        return [Send(row.reply)]

    def _late(self, event: Event) -> Effects:
        """The client is gone; what it asked for ends now, and the maildrop is given back."""
        return [Release()] if isinstance(event, Opened | CommitDone | CommitFailed) else []

    def _message_gone(self, ref: Ref, reply: bytes) -> Effects:
        """A client that asks for it again and again must come to an end."""
        if self._gone_refs is None:
            self._gone_refs = set()
        if ref in self._gone_refs:
            return self._bad(reply)
        self._gone_refs.add(ref)
        return [Send(reply)]

    def _updated(self, event: CommitDone | CommitFailed) -> Effects:
        return update.end(event)

    def _drain(self) -> Effects:
        if isinstance(self._pending, SendBody | SendListing):
            self._draining = True
            return []
        return self._leave_and_close()

    # ---- the ways out

    def _leave(self) -> Effects:
        """End without a word; a login or UPDATE under way releases when it is done."""
        waiting = isinstance(self._pending, Commit | Open)
        has_maildrop = isinstance(self._state, Transaction | Confirming)
        effects: Effects = [Release()] if has_maildrop and not waiting else []
        self._state = None
        return effects

    def _leave_and_close(self) -> Effects:
        """End for a reason of ours; an UPDATE that has begun still answers."""
        if self._state is None or isinstance(self._pending, Commit):
            return []
        return [*self._leave(), Close()]

    def _end(self, effects: Effects) -> Effects:
        return [*effects, *self._leave(), Close()]

    def _did(self, effects: Effects) -> Effects:
        for effect in effects:
            kind = type(effect)
            if kind in _ANSWERED:
                self._pending = effect
            elif kind in _LAST:
                self._state = None
        return effects

    _ANSWERS: ClassVar[Mapping[type, Callable[..., Effects]]] = {
        Opened: _opened,
        OpenFailed: _open_failed,
        VerifierTold: _verifier_told,
        VerifierFailed: _verifier_failed,
        Waited: _waited,
        TlsStarted: _tls_started,
        BodyDone: _sent,
        BodyFailed: _body_failed,
        ListingDone: _sent,
        CommitDone: _updated,
        CommitFailed: _updated,
    }
