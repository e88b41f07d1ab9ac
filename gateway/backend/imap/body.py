"""One message on its way from the server into a sink."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure as Reason

from gateway.backend.imap.collaborators import Receiver
from gateway.backend.imap.connection import Connection
from gateway.backend.imap.responses import Fetch, Status
from gateway.backend.port import Sink
from gateway.errors import BodyBroken, EpochChanged, Failure, MessageGone, Unavailable
from gateway.telemetry import Emitter, Event, Level

# NO with one of these: the message is not there any more (RFC 5530 §3).
_GONE = frozenset({b"EXPUNGEISSUED", b"NONEXISTENT"})
# For TOP: most headers fit into the first window; a line of text is rarely longer.
_HEADER = 8192
_LINE = 80
_LARGEST_WINDOW = 1 << 18


@dataclass(frozen=True, slots=True)
class OctetsDiffer(Event):
    """A message is not as long as its RFC822.SIZE. It is delivered as it came."""

    level: ClassVar[Level] = "warning"
    uid: int
    announced: int
    delivered: int


class ImapBody:
    """A message that is fetched whole, or window by window until it is stopped.

    Args:
        connection: With the mailbox selected.
        uid: The message.
        announced: Its size in the snapshot.
        top: See `gateway.backend.port.BackendSession.body`.
        emit: Where events go.
        delivered: Called once when the whole message was delivered and nobody stopped it.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        uid: int,
        announced: int,
        top: int | None,
        emit: Emitter,
        delivered: Callable[[int], None],
    ) -> None:
        self._connection = connection
        self._uid = uid
        self._announced = announced
        self._top = top
        self._emit = emit
        self._delivered = delivered
        self._sink: Sink | None = None
        self._done: Deferred[int] = Deferred(lambda _: self.stop())
        self._begun = False
        self._stopped = False
        self._in_sink = False  # a sink that stops us has its own call to finish first
        self._written = 0

    # The port's side.

    def start(self, sink: Sink) -> Deferred[int]:
        """See `gateway.backend.port.Body.start`."""
        self._sink = sink
        running = Deferred.fromCoroutine(self._run())
        running.addCallbacks(self._finish, self._break)
        return self._done

    def pause(self) -> None:
        """Hold the upstream's transport up."""
        if not self._done.called:
            self._connection.pause(self)

    def resume(self) -> None:
        """Let it go on."""
        self._connection.resume(self)

    def stop(self) -> None:
        """Finish now; what the upstream still sends of the message is dropped."""
        self._stopped = True
        self._connection.resume(self)
        if not self._in_sink:
            self._settle()

    def _settle(self) -> None:
        if not self._done.called:
            self._done.callback(self._written)

    # How it ends.

    def _finish(self, _: None) -> None:
        # Nobody else would: whoever paused us forgets us once we are done.
        self._connection.resume(self)
        if self._stopped:
            return
        if self._written != self._announced:
            self._emit(OctetsDiffer(self._uid, self._announced, self._written))
        if self._top is None:
            self._delivered(self._uid)
        self._done.callback(self._written)

    def _break(self, reason: Reason) -> None:
        self._connection.resume(self)
        if self._done.called:
            return
        cause = reason.value
        if self._begun and isinstance(cause, Failure):
            self._done.errback(BodyBroken(cause.detail))
        else:
            self._done.errback(reason)

    # How it runs.

    async def _run(self) -> None:
        if self._connection.mailbox.moved:
            raise EpochChanged("the upstream changed its UIDVALIDITY")
        if self._stopped:
            return
        if self._top is None:
            await self._part(None, 0)
        else:
            await self._windows(self._top)

    async def _windows(self, lines: int) -> None:
        size = min(_HEADER + lines * _LINE, _LARGEST_WINDOW)
        while not self._stopped:
            asked = self._written
            whole = await self._part(asked, size)
            complete = self._written - asked < size or self._written >= self._announced
            if whole or complete:
                return
            size = min(size * 2, _LARGEST_WINDOW)

    async def _part(self, origin: int | None, size: int) -> bool:
        """Fetch the message, or `size` octets of it from `origin` on.

        Returns:
            Whether it was the whole message, which a server may send instead of a part.
        """
        part = _Part(self._uid, origin, self._open, self._write)
        section = b"" if origin is None else b"<%d.%d>" % (origin, size)
        status = await self._connection.command(
            b"UID", b"FETCH", b"%d" % self._uid, b"(BODY.PEEK[]%b)" % section, receiver=part
        )
        if not self._stopped:
            self._check(status, part)
        return part.whole

    def _check(self, status: Status, part: "_Part") -> None:
        """Whether a finished FETCH brought what was asked for."""
        if part.wrong:
            raise Unavailable(f"the upstream sent {part.wrong}")
        if not status.ok:
            gone = status.kind == "NO" and status.code in _GONE
            shown = self._connection.shown(status.shown)
            detail = f"the upstream does not send the message: {shown}"
            raise MessageGone(detail) if gone else Unavailable(detail)
        if not part.came and not self._begun:
            raise MessageGone("the upstream has no such message any more")
        if not part.came:
            raise BodyBroken("the message went away between two parts")

    def _open(self, size: int, origin: int | None) -> str:
        """Octets are about to come; returns what is wrong with that, or nothing."""
        if self._begun or self._stopped:
            return ""
        if not size and self._announced:
            return "an empty message where there was text before"
        self._begun = True
        # Of the first part it is not known whether others follow.
        expected = size if origin is None else None
        self._call_sink(lambda sink: sink.begin(expected))
        return ""

    def _write(self, chunk: bytes) -> None:
        if not self._stopped:
            self._written += len(chunk)
            self._call_sink(lambda sink: sink.write(chunk))

    def _call_sink(self, call: Callable[[Sink], None]) -> None:
        if self._sink is None:
            return
        self._in_sink = True
        try:
            call(self._sink)
        finally:
            self._in_sink = False
        if self._stopped:
            self._settle()


class _Part(Receiver):
    """Takes the answer to one FETCH.

    Attributes:
        came: Whether the octets came, all of them, under the right UID.
        whole: Whether they are the whole message.
        wrong: What is wrong with them, for the log; empty if nothing is.
    """

    def __init__(
        self,
        uid: int,
        origin: int | None,
        open_: Callable[[int, int | None], str],
        write: Callable[[bytes], None],
    ) -> None:
        self.came = False
        self.whole = False
        self.wrong = ""
        self._uid = uid
        self._origin = origin
        self._open = open_
        self._write = write
        self._opened = False

    def accepts(self, fetch: Fetch) -> bool:
        """Servers interleave the answers to several commands: the UID decides."""
        return fetch.uid in {self._uid, None} and fetch.body

    def literal(self, fetch: Fetch, size: int) -> None:
        """The octets of the message come now."""
        if self._opened:
            self.wrong = self.wrong or "the message twice"
            return
        self._opened = True
        self.whole = fetch.origin is None
        if not self.whole and fetch.origin != self._origin:
            self.wrong = "another part than was asked for"
        elif self.whole and self._origin:
            self.wrong = "the whole message instead of a later part"
        else:
            self.wrong = self._open(size, fetch.origin)

    def data(self, chunk: bytes) -> None:
        """The next of them."""
        if not self.wrong:
            self._write(chunk)

    def fetched(self, fetch: Fetch, streamed: int | None) -> None:
        """The response's end: now the UID is known even if it came last."""
        if fetch.text is None:  # NIL: there is no such message
            return
        if streamed is None:
            self.literal(fetch, len(fetch.text))
            self.data(fetch.text)
        if fetch.uid != self._uid:
            self.wrong = self.wrong or "another message than was asked for"
        self.came = True
