"""Runs the coroutines that a session's effects ask for; turns every end into an event.

The deeds belong to the server and not to a connection: a login or an UPDATE under way
goes on when its client is gone.
"""

import traceback
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar, cast

from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure as TwistedFailure

from gateway.access.journal import Journal
from gateway.access.open import Opener, OpenMaildrop
from gateway.access.update import update
from gateway.errors import Failure, Unavailable
from gateway.maildrop import Attempt, CommitPlan, Outcome, ScramVerifier
from gateway.server.events import InternalError
from gateway.telemetry import Emitter

_Result = TypeVar("_Result")


class Deeds:
    """What `access` does, for all connections of a server."""

    def __init__(self, opener: Opener, journal: Journal) -> None:
        self._opener = opener
        self._journal = journal
        self._running: set[Deferred[None]] = set()

    def open(self, attempt: Attempt, emit: Emitter, done: "Done[OpenMaildrop]") -> None:
        """Open a maildrop."""
        self.run(self._opener.open(attempt), emit, done)

    def verifier(self, user: bytes, emit: Emitter, done: "Done[ScramVerifier]") -> None:
        """Look up what SCRAM needs."""
        self.run(self._opener.verifier(user), emit, done)

    def update(
        self, opened: OpenMaildrop, plan: CommitPlan, emit: Emitter, done: "Done[Outcome]"
    ) -> None:
        """Carry out UPDATE."""
        self.run(update(opened, plan, self._journal, emit), emit, done)

    def release(self, opened: OpenMaildrop, emit: Emitter) -> None:
        """Give a maildrop back; the lease is free when this returns."""
        self.run(opened.release(), emit, lambda _: None)

    def run(self, deed: Awaitable[_Result], emit: Emitter, done: "Done[_Result]") -> None:
        """Run one deed; `done` gets its result or its failure, exactly once."""
        running: Deferred[_Result]
        if isinstance(deed, Deferred):
            running = deed
        else:
            running = Deferred.fromCoroutine(cast("Coroutine[Any, Any, _Result]", deed))

        def failed(reason: TwistedFailure) -> None:
            done(_as_failure(reason, emit))

        ended: Deferred[None] = running.addCallbacks(done, failed)
        if ended.called and not ended.paused and not isinstance(ended.result, TwistedFailure):
            return
        self._running.add(ended)
        ended.addErrback(lambda reason: emit(InternalError(_text(reason))))
        ended.addBoth(lambda _: self._running.discard(ended))

    async def finished(self) -> None:
        """Wait until nothing is under way."""
        while self._running:
            waiting: list[Deferred[None]] = []
            for deferred in self._running:
                waiting.append(Deferred())
                deferred.chainDeferred(waiting[-1])
            await DeferredList(waiting)


Done = Callable[[_Result | Failure], None]


def _as_failure(reason: TwistedFailure, emit: Emitter) -> Failure:
    """A failure of the closed set; anything else is a defect, and is logged as one."""
    if isinstance(reason.value, Failure):
        return reason.value
    emit(InternalError(_text(reason)))
    return Unavailable("internal error")


def _text(reason: TwistedFailure) -> str:
    """The traceback without values of variables: those might be secrets."""
    error: BaseException | None = reason.value
    frames = traceback.format_tb(error.__traceback__) if error is not None else []
    return f"{''.join(frames)}{type(error).__name__}"
