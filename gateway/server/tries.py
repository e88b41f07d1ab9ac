"""A connection's tries to log its client in: what is asked for, and what the log hears."""

from collections.abc import Callable

from gateway.access.open import OpenMaildrop
from gateway.errors import Failure
from gateway.maildrop import Attempt, ScramVerifier
from gateway.pop3 import events
from gateway.server.entrance import Surroundings, TlsState
from gateway.server.events import NOWHERE, LegacyTls, LoggedIn, LoginFailed
from gateway.server.record import Record
from gateway.server.timers import Timer
from gateway.telemetry import Emitter, printable


class Tries:
    """All of one connection.

    Args:
        shared: Who carries them out, and where time comes from.
        emit: Takes the events of the connection.
        record: Notes of the connection.
        handle: Takes the answers for the session.

    Attributes:
        emit: As given, and it knows who the client is, once he has said so.
    """

    __slots__ = (
        "_clock",
        "_deeds",
        "_handle",
        "_record",
        "_since",
        "_timer",
        "emit",
    )

    def __init__(
        self,
        shared: Surroundings,
        emit: Emitter,
        *,
        record: Record,
        handle: Callable[[events.Event], None],
    ) -> None:
        self._deeds = shared.deeds
        self._clock = shared.clock
        self._record = record
        self._handle = handle
        self._since = 0.0
        self._timer: Timer | None = None
        self.emit = emit

    def open(
        self,
        effect: events.Open,
        tls: TlsState,
        done: Callable[[OpenMaildrop | Failure], None],
    ) -> None:
        """Try; `done` gets what comes of it."""
        self._begin(effect.user)
        self._record.tls = tls.version
        attempt = Attempt(effect.user, effect.proof, self._record.peer, tls.version)
        self._deeds.open(attempt, self.emit, done)

    def ask_verifier(self, effect: events.AskVerifier) -> None:
        """Ask for what SCRAM needs; the session gets the answer."""
        self._begin(effect.user)
        self._deeds.verifier(effect.user, self.emit, self._verifier_done)

    def wait(self, effect: events.Wait) -> None:
        """Counted from the try's beginning: nobody can tell what took how long."""
        left = self._since + effect.seconds - self._clock.seconds()
        self._timer = Timer(self._clock, max(left, 0), self._waited)
        self._timer.restart()

    def stop(self) -> None:
        """Wait no more."""
        if self._timer is not None:
            self._timer.stop()

    def failed(self, failure: Failure) -> None:
        """Tell the log."""
        record = self._record
        record.login = type(failure).__name__
        reached = NOWHERE if failure.upstream is None else failure.upstream
        self.emit(LoginFailed(record.user, record.login, failure.detail, reached))

    def succeeded(self, opened: OpenMaildrop, tls: TlsState) -> None:
        """Tell the log who it is, and of TLS that should not be any more."""
        who = opened.admission
        if who.account:
            self.emit = self.emit.bind(account=who.account, device=who.device)
        self._record.opened(who)
        seconds = round(self._clock.seconds() - self._since, 6)
        drop = opened.maildrop
        self.emit(LoggedIn(len(drop), drop.total, seconds, tls.version, who.upstream))
        if tls.legacy:
            self.emit(LegacyTls(self._record.peer, tls.version, tls.cipher))

    def _begin(self, user: bytes) -> None:
        self._since = self._clock.seconds()
        self._record.user = printable(user)
        self.emit = self.emit.bind(user=self._record.user)

    def _verifier_done(self, result: ScramVerifier | Failure) -> None:
        if isinstance(result, Failure):
            self.failed(result)
            self._handle(events.VerifierFailed(result))
        else:
            self._handle(events.VerifierTold(result))

    def _waited(self) -> None:
        self._handle(events.Waited())
