"""The lock of a server that offers one: held as long as the session lasts."""

from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater

from gateway.backend.rest.shapes import Lock as Shape
from gateway.backend.rest.talk import Talk, shaped
from gateway.errors import Failure, MaildropBusy
from gateway.telemetry import Emitter, Event, Level

_TRIES = 4
_PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class RestLockLost(Event):
    """The server's lock could not be kept: another session may have the mailbox too."""

    level: ClassVar[Level] = "warning"
    reason: str


class Lock:
    """Held until released; made by `take`."""

    def __init__(
        self, talk: Talk, token: str, seconds: int, reactor: Any, emit: Emitter
    ) -> None:
        self._talk = talk
        self._path = f"lock/{quote(token, safe='')}"
        self._seconds = seconds
        self._emit = emit
        self._loop: Any = LoopingCall(self._keep)
        self._loop.clock = reactor

    @classmethod
    async def take(cls, talk: Talk, seconds: int, reactor: Any, emit: Emitter) -> "Lock":
        """Take the lock.

        A session that has just ended may be giving it back: that is waited for, briefly.

        Raises:
            MaildropBusy: Somebody else has it.
            BadCredentials, ConsentMissing, Throttled, Unavailable, Misconfigured
        """
        for _ in range(_TRIES):
            answer = await talk.send("POST", "lock", {"ttl": seconds}, expect=(201, 423))
            if answer.status == 201:
                granted = shaped(answer, Shape, "lock")
                lock = cls(talk, granted.token, min(seconds, granted.ttl), reactor, emit)
                lock.start()
                return lock
            pause: Deferred[None] = deferLater(reactor, _PAUSE)
            await pause
        raise MaildropBusy("the server's lock is held elsewhere")

    def start(self) -> None:
        """Hold on, long before it runs out."""
        self._loop.start(max(1.0, self._seconds / 3), now=False)

    async def _keep(self) -> None:
        try:
            answer = await self._talk.send(
                "PUT", self._path, {"ttl": self._seconds}, expect=(200, 404)
            )
        except Failure as failure:  # the next time is soon enough
            self._emit(RestLockLost(failure.detail))
            return
        if answer.status == 404 and self._loop.running:
            self._loop.stop()
            self._emit(RestLockLost("it has run out"))

    async def release(self) -> None:
        """Give it back. Never raises; may be repeated."""
        if self._loop.running:
            self._loop.stop()
        try:
            await self._talk.send("DELETE", self._path, None, expect=(200, 204, 404))
        except Failure as failure:
            self._emit(RestLockLost(failure.detail))
