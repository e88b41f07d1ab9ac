"""One client's connection: asks `pop3` what to do and `access` to do it."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure as TwistedFailure
from zope.interface import implementer

from gateway.access.open import OpenMaildrop
from gateway.errors import BodyBroken, Failure
from gateway.maildrop import Outcome, Ref
from gateway.pop3 import events, multiline
from gateway.pop3.session import Session
from gateway.server.body import BodyPipe
from gateway.server.entrance import (
    WITHOUT_TLS,
    Listener,
    Surroundings,
    TlsState,
    hang_up,
    tls_state,
)
from gateway.server.events import (
    ClearPasswordRefused,
    Connected,
    MessageFailed,
    Updated,
    UpdateFailed,
)
from gateway.server.output import OutputGate
from gateway.server.record import Record
from gateway.server.timers import Timer
from gateway.server.transport import Transport
from gateway.server.tries import Tries
from gateway.server.writer import Writer
from gateway.telemetry import Emitter

_BODY_DONE = events.BodyDone()
_READ_AHEAD = 65_536  # octets of commands that may wait for one; then reading stops


@implementer(IHalfCloseableProtocol)
class Pop3Connection(Protocol):
    """Carries out a session's effects on a transport.

    Args:
        shared: What all connections share.
        emit: Takes the events of this connection.
        listener: Where it came in.
        record: What is noted of it.
        on_lost: Called once, when the connection is gone.
    """

    def __init__(
        self,
        shared: Surroundings,
        emit: Emitter,
        listener: Listener,
        *,
        record: Record,
        on_lost: Callable[["Pop3Connection"], None],
    ) -> None:
        self._shared = shared
        self._tries = Tries(shared, emit, record=record, handle=self._handle)
        self.listener = listener
        self.record = record
        self._secure = listener.secure
        self._on_lost = on_lost
        self._session = Session(
            shared.rules,
            fresh=shared.fresh,
            offer=listener.offer_for(record.peer),
            secure=listener.secure,
            tls_available=listener.stls is not None,
        )
        self._gate = OutputGate(self._output_full, self._output_free)
        clock, limits = shared.clock, shared.limits
        # Until login it runs through; after it each command starts it again.
        self._silence_timer = Timer(clock, limits.login_timeout, self._timed_out)
        self._stalled_timer = Timer(clock, limits.stalled_timeout, self._abort_stalled)
        self._opened: OpenMaildrop | None = None
        self._pipe: BodyPipe | None = None
        self._listing: Iterator[bytes] | None = None
        self._at_hand: Callable[[Ref], list[bytes] | None] | None = None
        self._working = self._reading_paused = self._no_more_input = False

    transport: Transport  # type: ignore[assignment]
    _writer: Writer

    # ---- from the transport

    def connectionMade(self) -> None:
        """Greet."""
        # Without it a RETR waits 40 ms for the client's delayed ACK (Nagle).
        self.transport.setTcpNoDelay(True)
        self.transport.setTcpKeepAlive(True)
        self.transport.registerProducer(self._gate, True)
        self._writer = Writer(self.transport)
        self._tries.emit(Connected(self._secure))
        self._silence_timer.restart()
        self._carry_out(self._session.greet())
        self._writer.flush()

    def dataReceived(self, data: bytes) -> None:
        """Take commands."""
        self._session.feed(data)
        self._work()

    def readConnectionLost(self) -> None:
        """The client has said all it will; what it said is still carried out."""
        self._no_more_input = True
        self._work()

    def writeConnectionLost(self) -> None:
        """Twisted calls it after `loseWriteConnection`, which is not used."""

    def connectionLost(self, _reason: TwistedFailure = connectionDone) -> None:
        """The client is gone: give everything back, but let an UPDATE run."""
        self._writer.go_the_long_way()
        self._silence_timer.stop()
        self._stalled_timer.stop()
        self._tries.stop()
        self._leave()
        self._on_lost(self)
        if self._session.clear_refused:
            self._tries.emit(ClearPasswordRefused())
        self._tries.emit(self.record.closed(self._shared.clock.seconds()))

    def _leave(self) -> None:
        # Before anything ends: a message cut short is not delivered, and what the client
        # sent behind RETR (DELE, QUIT) must not be carried out as if it were.
        effects = self._session.handle(events.Gone())
        if self._pipe is not None:
            self._pipe.abandon()
        self._listing = None
        self._carry_out(effects)

    def drain(self) -> None:
        """The server is stopping: finish what is under way, then close."""
        self.record.reason = "shutdown"
        self._handle(events.Draining())

    @property
    def tls(self) -> TlsState:
        """What TLS was agreed upon with the client."""
        return tls_state(self.transport) if self._secure else WITHOUT_TLS

    @property
    def state(self) -> str:
        """`authorization`, `transaction` or `update`."""
        if isinstance(self._session.pending, events.Commit):
            return "update"
        return "transaction" if self._session.logged_in else "authorization"

    def end(self) -> bool:
        """End without UPDATE, even if QUIT waits; False if it is in UPDATE, or at its end."""
        if self.state == "update" or self._session.closed:
            return False
        self.record.reason = "ended"
        self._leave()
        self.abort()
        return True

    def abort(self) -> None:
        """Cut the connection."""
        self._writer.go_the_long_way()
        self.transport.abortConnection()

    # ---- the loop

    def _work(self) -> None:
        """Carry out commands until one must be waited for or the client takes no more."""
        if self._working:
            return
        self._working = True
        while not self._gate.full and self._listing is None:
            effects = self._session.step()
            if effects is None:
                break
            self._restart_silence_timer()
            self._carry_out(effects)
        self._working = False
        self._writer.flush()
        if self._no_more_input:
            self._end_of_input()
        if self._reading_paused or self._session.buffered:
            self._balance_reading()

    def _handle(self, event: events.Event) -> None:
        """Tell the session of an event, and go on with what it had to wait for."""
        self._carry_out(self._session.handle(event))
        self._work()

    def _carry_out(self, effects: events.Effects) -> None:
        for effect in effects:
            self._EFFECTS[type(effect)](self, effect)

    def _end_of_input(self) -> None:
        """Nothing more will come, and nothing is under way: the client has left."""
        waiting = self._session.pending is not None or self._gate.full
        if not waiting and not self._session.closed:
            self._carry_out([*self._session.handle(events.Gone()), events.Close()])

    def _balance_reading(self) -> None:
        """Read on as long as little waits; so a client that leaves is noticed at once."""
        pause = self._session.buffered >= _READ_AHEAD
        if pause != self._reading_paused and not self._session.closed:
            self._reading_paused = pause
            if pause:
                self.transport.pauseProducing()
            else:
                self.transport.resumeProducing()

    # ---- output

    def _send(self, effect: events.Send) -> None:
        self._writer.reply(effect.data)

    def _output_full(self) -> None:
        self._stalled_timer.restart()

    def _output_free(self) -> None:
        self._stalled_timer.stop()
        self._continue_listing()
        self._work()

    # ---- effects

    def _start_tls(self, _: events.StartTls) -> None:
        self._writer.flush()
        self._writer.go_the_long_way()
        self.transport.startTLS(self.listener.stls)
        self._secure = True
        self._silence_timer.restart()
        self._carry_out(self._session.handle(events.TlsStarted()))

    def _open(self, effect: events.Open) -> None:
        self._writer.flush()
        self._tries.open(effect, self.tls, self._open_done)

    def _ask_verifier(self, effect: events.AskVerifier) -> None:
        self._writer.flush()
        self._tries.ask_verifier(effect)

    def _open_done(self, result: OpenMaildrop | Failure) -> None:
        if isinstance(result, Failure):
            self._tries.failed(result)
            self._handle(events.OpenFailed(result))
            return
        self._opened = result
        # A driver that asks for messages ahead of the client has them at hand.
        self._at_hand = getattr(result.upstream, "at_hand", None)
        # Before anything else: the session may close the transport, and with it its TLS.
        self._tries.succeeded(result, self.tls)
        if self._session.closed:
            self._silence_timer.stop()
        else:
            self._silence_timer.restart_with(self._shared.limits.idle_timeout)
        self._handle(events.Opened(result.maildrop))

    def _wait(self, effect: events.Wait) -> None:
        self._tries.wait(effect)

    def _send_body(self, effect: events.SendBody) -> None:
        if self._at_hand is not None and effect.top is None:
            chunks = self._at_hand(effect.ref)
            if chunks is not None:
                self._send_whole(chunks)
                return
        self._writer.flush()
        delivered = maybeDeferred(self._deliver, effect)
        self._shared.deeds.run(delivered, self._tries.emit, partial(self._body_done, effect))

    def _send_whole(self, chunks: list[bytes]) -> None:
        """One write for a message that is all here: a pipe would cost more than the message."""
        octets, answer = multiline.whole(chunks)
        self._writer.write(answer)
        record = self.record
        record.retrieved += 1
        record.octets += octets
        effects = self._session.handle(_BODY_DONE)
        if effects:
            self._carry_out(effects)

    def _deliver(self, effect: events.SendBody) -> Deferred[None]:
        body = self._maildrop().upstream.body(effect.ref, effect.top)
        self._pipe = BodyPipe(effect, body, self._writer.write)
        self._gate.attach(self._pipe)
        return self._pipe.run()

    def _body_done(self, effect: events.SendBody, result: Failure | None) -> None:
        pipe, self._pipe = self._pipe, None
        self._gate.detach()
        self._restart_silence_timer()
        if result is None:
            if pipe is not None:
                # A client that left in the middle has not got the message.
                self.record.retrieved += effect.top is None and pipe.complete
                self.record.octets += pipe.octets
            self._handle(_BODY_DONE)
            return
        if not self._session.closed:
            self._tries.emit(MessageFailed(type(result).__name__, result.detail))
        if pipe is not None and pipe.begun:
            # Whatever it was: a message with an end missing must not get one.
            result = BodyBroken(result.detail)
        self._handle(events.BodyFailed(effect.ref, result))

    def _send_listing(self, effect: events.SendListing) -> None:
        self._listing = effect.pieces
        self._continue_listing()

    def _continue_listing(self) -> None:
        """Write pieces while the client takes them."""
        while self._listing is not None and not self._gate.full:
            piece = next(self._listing, None)
            if piece is None:
                self._listing = None
                self._handle(events.ListingDone())
            else:
                self._writer.write(piece)

    def _commit(self, effect: events.Commit) -> None:
        self._writer.flush()
        self._shared.deeds.update(
            self._maildrop(), effect.plan, self._tries.emit, self._commit_done
        )

    def _commit_done(self, result: Outcome | Failure) -> None:
        if isinstance(result, Failure):
            self._tries.emit(UpdateFailed(type(result).__name__, result.detail))
            self._handle(events.CommitFailed(result))
            return
        self.record.updated(result)
        self._tries.emit(Updated(len(result.removed), len(result.kept)))
        self._handle(events.CommitDone(result))

    def _release(self, _: events.Release) -> None:
        """Commit, answer, release: nothing can come between answer and release any more.

        The answer leaves with the close that follows, so that a client that has read it and
        comes back at once, to another worker, does not find its own lease.
        """
        self._shared.deeds.release(self._maildrop(), self._tries.emit)
        self._opened = self._at_hand = None

    def _close(self, _: events.Close) -> None:
        """Close when everything is written; a client that takes nothing is cut off."""
        self._writer.flush()
        self._silence_timer.stop()
        self._stalled_timer.restart()
        self._writer.go_the_long_way()
        hang_up(self.transport, secure=self._secure)

    def _abort(self, _: events.Abort) -> None:
        self._writer.discard()
        self.record.reason = "aborted"
        self.abort()

    # ---- timers and the rest

    def _restart_silence_timer(self) -> None:
        if self._session.logged_in:
            self._silence_timer.restart()

    def _timed_out(self) -> None:
        """Only the client's own silence counts, not the time that the upstream takes."""
        if self._session.logged_in and (self._session.pending or self._gate.full):
            self._silence_timer.restart()
            return
        self.record.reason = "timeout"
        self._handle(events.TimedOut())

    def _abort_stalled(self) -> None:
        self.record.reason = "stalled"
        self.abort()

    def _maildrop(self) -> OpenMaildrop:
        if self._opened is None:
            raise AssertionError("no maildrop is open")
        return self._opened

    _EFFECTS: ClassVar[Mapping[type, Callable[["Pop3Connection", Any], None]]] = {
        events.Send: _send,
        events.StartTls: _start_tls,
        events.Open: _open,
        events.AskVerifier: _ask_verifier,
        events.Wait: _wait,
        events.SendBody: _send_body,
        events.SendListing: _send_listing,
        events.Commit: _commit,
        events.Release: _release,
        events.Close: _close,
        events.Abort: _abort,
    }
