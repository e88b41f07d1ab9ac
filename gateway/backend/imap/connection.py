"""The connection to an IMAP server: tags, literals, time-outs, back-pressure."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure as Reason

from gateway.backend.imap import faults
from gateway.backend.imap.collaborators import Clock, DelayedCall, Receiver
from gateway.backend.imap.early import Early
from gateway.backend.imap.encoder import Word, encode, literals
from gateway.backend.imap.mailbox import Mailbox
from gateway.backend.imap.outbox import Command, Outbox
from gateway.backend.imap.reader import (
    BodyStart,
    Expunged,
    Item,
    Limits,
    Parcel,
    Reader,
    Response,
    Rows,
    Violation,
)
from gateway.backend.imap.responses import (
    Capability,
    Continuation,
    Fetch,
    Found,
    Status,
    body_start,
    capabilities,
    interpret,
)
from gateway.errors import Failure, Unavailable
from gateway.telemetry import Emitter, Event, Level, printable

_NOBODY: frozenset[object] = frozenset()
_READ_SIZE = 1 << 17  # 256 KiB would cross malloc's mmap threshold and cost half as much again


@dataclass(frozen=True, slots=True)
class UpstreamAlert(Event):
    """The server has something that its users must be told (RFC 3501 §7.1, ALERT)."""

    level: ClassVar[Level] = "warning"
    text: str


@dataclass(frozen=True, slots=True)
class UpstreamLost(Event):
    """The connection to the server ended before we ended it."""

    level: ClassVar[Level] = "warning"
    detail: str


class Connection(Early, TwistedProtocol):
    """One connection, from the greeting on.

    Attributes:
        greeting: Fires with the server's first words; to be awaited by whoever connects.
        capabilities: What the server said last that it can do; None if it has not.
        mailbox: Takes note of what the selected mailbox says.
        challenge: What came with the last request to go on.
        secrets: Octets that are blotted out wherever the server's text is shown.
        round_trip: Seconds, the shortest from a command to the first word after it.
    """

    transport: Any  # TCP or TLS over it: more than the ITransport that Twisted promises

    def __init__(self, clock: Clock, emit: Emitter, limits: Limits, timeout: float) -> None:
        self.greeting: Deferred[Status] = Deferred()
        self.capabilities: frozenset[bytes] | None = None
        self.mailbox = Mailbox()
        self.challenge = b""
        self.secrets: tuple[bytes, ...] = ()
        self.round_trip = float("inf")
        self._asked: float | None = None
        self._clock = clock
        self._emit = emit
        self._reader = Reader(limits)
        self._timeout = timeout
        self._timer: DelayedCall | None = None
        self._last_word = 0.0
        self._tags = 0
        self._unanswered: dict[bytes, Command] = {}
        self._outbox = Outbox(self._write)
        self._stream: Receiver | None = None
        self._paused_by = _NOBODY
        self._failure: Failure | None = None
        self._ending = False
        self._connected = False
        self._when_lost: list[Callable[[], None]] = []

    # The transport's side.

    def connectionMade(self) -> None:
        """Set the socket up, and expect the greeting."""
        self._connected = True
        # Under TLS the socket's transport is one layer down.
        socket: Any = getattr(self.transport, "transport", self.transport)
        socket.bufferSize = _READ_SIZE
        self.transport.setTcpNoDelay(True)  # or each command waits 40 ms for an ACK
        self.transport.setTcpKeepAlive(True)
        self._watch()

    def dataReceived(self, data: bytes) -> None:
        """Take octets from the server."""
        if self._failure is not None:
            return
        self._last_word = now = self._clock.seconds()
        if self._asked is not None:
            self.round_trip = min(self.round_trip, now - self._asked)
            self._asked = None
        try:
            for item in self._reader.feed(data):
                self._take(item)
                if self._over():
                    break
        except Violation as error:
            self.fail(Unavailable(f"the upstream broke the protocol: {error}"))

    def connectionLost(self, reason: Reason = connectionDone) -> None:
        """Nothing more will come."""
        self._connected = False
        self._give_up(faults.lost(reason))
        calls, self._when_lost = self._when_lost, []
        for call in calls:
            call()

    # What the driver asks for.

    @property
    def idle(self) -> bool:
        """Whether the server could be asked something and owes nothing."""
        return self._failure is None and not self._unanswered

    @property
    def quiet(self) -> bool:
        """Whether no message is on its way, and whatever else is owed will be here soon."""
        fetching = any(each.receiver is not None for each in self._unanswered.values())
        return self._failure is None and not fetching and not self._paused_by

    def command(
        self,
        *words: Word,
        receiver: Receiver | None = None,
        found: set[int] | None = None,
    ) -> Deferred[Status]:
        """Send a command, at once unless an earlier one waits for the server's go-ahead.

        Args:
            words: The command; see `encoder.encode`.
            receiver: Takes the FETCH responses that it accepts.
            found: Takes the UIDs that a search finds.

        Returns:
            How the command ended, also if by NO or BAD. Fails when the connection does,
            and when a search ends well without a result: RFC 3501 §6.4.4 demands one even
            if nothing is found, and nothing said must not count as nothing found.

        Raises:
            Unencodable: A text among the words holds NUL.
        """
        if self._failure is not None:
            return fail(faults.again(self._failure))
        self._tags += 1
        tag = b"G%d" % self._tags
        segments = deque(encode(tag, words, literals(self.capabilities or frozenset())))
        command = Command(tag, segments, Deferred(), receiver, found)
        if not self._unanswered:
            self._asked = self._clock.seconds()
        self._unanswered[tag] = command
        self._outbox.put(command)
        self._watch()
        return command.answer

    def collect_rows(self, rows: Rows | None) -> None:
        """Where the rows of the listing go that is asked for next; None ends it."""
        self._reader.rows = rows

    def start_tls(self, options: IOpenSSLClientConnectionCreator) -> None:
        """Go on under TLS; call it in the moment when the server has agreed.

        Raises:
            Unavailable: There is plaintext behind the agreement: somebody put it there to
                have it taken for the server's words under TLS (CVE-2011-0411 and its kin).
        """
        if self._reader.pending:
            self.fail(Unavailable("plaintext after the answer to STARTTLS"))
            raise Unavailable("plaintext after the answer to STARTTLS")
        self.capabilities = None  # RFC 3501 §6.2.1
        self.transport.startTLS(options)

    def pause(self, who: object) -> None:
        """Read nothing from the server until all who paused have resumed."""
        self._paused_by |= {who}
        if len(self._paused_by) == 1 and self._connected:
            self.transport.pauseProducing()
        self._watch()

    def resume(self, who: object) -> None:
        """Take a pause back; does nothing if there is none."""
        if who not in self._paused_by:
            return
        self._paused_by = self._paused_by - {who} or _NOBODY
        if not self._paused_by and self._connected:
            self.transport.resumeProducing()
        self._watch()

    def expect_end(self) -> None:
        """From now on the server may say BYE and hang up."""
        self._ending = True

    def fail(self, failure: Failure) -> None:
        """Fail all that is outstanding, and end the connection at once."""
        self._give_up(failure)
        if self._connected:
            self.transport.abortConnection()

    def when_lost(self, call: Callable[[], None]) -> None:
        """Call this once when the connection is gone; at once if it is gone."""
        if self._connected:
            self._when_lost.append(call)
        else:
            call()

    def shown(self, octets: bytes) -> str:
        """The server's text as it may stand in the log."""
        for secret in self.secrets:
            octets = octets.replace(secret, b"***")
        return printable(octets)

    # What comes in.

    def _take(self, item: Item) -> None:
        if not (self.greeting.called or isinstance(item, Response)):
            raise Violation("no greeting")
        if isinstance(item, Parcel):
            self._parcel(item)
        elif isinstance(item, bytes):
            if self._stream is not None:
                self._stream.data(item)
        elif isinstance(item, BodyStart):
            uid = item.uid
            fetch = body_start(item.parts) if uid is None else Fetch(uid, body=True, text=b"")
            self._stream = self._receiver(fetch)
            if self._stream is not None:
                self._stream.literal(fetch, item.size)
        elif isinstance(item, Expunged):
            self.mailbox.remove(item.count)
        else:
            self._respond(item)

    def _parcel(self, parcel: Parcel) -> None:
        """The same as a literal that begins, comes and ends."""
        uid, octets = parcel.uid, parcel.octets
        for command in self._unanswered.values():
            if command.receiver is not None and command.receiver.parcel(uid, octets):
                return

    def _receiver(self, fetch: Fetch) -> Receiver | None:
        for command in self._unanswered.values():
            if command.receiver is None:
                continue
            if command.receiver.accepts(fetch):
                return command.receiver
            if fetch.uid is None:
                return None  # what does not say whose it is belongs to the oldest command
        return None

    def _respond(self, response: Response) -> None:
        if response.uid is not None:
            self._fetch(Fetch(response.uid, body=True, text=b""), response.streamed)
            return
        meaning = interpret(response)
        if not self.greeting.called:
            self._greet(meaning)
            return
        self.mailbox.note(meaning)
        match meaning:
            case Status():
                self._status(meaning)
            case Fetch():
                self._fetch(meaning, response.streamed)
            case Found(uids=uids):
                self._search(uids)
            case Capability(names=names):
                self.capabilities = names
            case Continuation(text=text):
                self.challenge = text
                self._outbox.go_on()

    def _greet(self, meaning: object) -> None:
        if not isinstance(meaning, Status) or meaning.tag != b"*":
            raise Violation("no greeting")
        self._code(meaning)
        self.greeting.callback(meaning)
        self._watch()

    def _fetch(self, fetch: Fetch, streamed: int | None) -> None:
        receiver = self._stream if streamed is not None else self._receiver(fetch)
        if streamed is not None:
            self._stream = None
        if receiver is not None:
            receiver.fetched(fetch, streamed)

    def _search(self, uids: frozenset[int]) -> None:
        for command in self._unanswered.values():
            if command.found is not None:
                command.found |= uids
                command.searched = True
                return

    def _status(self, status: Status) -> None:
        self._code(status)
        if status.tag != b"*":
            self._complete(status)
        elif status.kind == "BYE" and not self._ending:
            self.fail(Unavailable(f"the upstream hung up: {self.shown(status.shown)}"))

    def _code(self, status: Status) -> None:
        if status.code == b"CAPABILITY":
            self.capabilities = capabilities(status.argument)
        elif status.code == b"ALERT":
            self._emit(UpstreamAlert(self.shown(status.text)))

    def _complete(self, status: Status) -> None:
        command = self._unanswered.get(status.tag)
        if command is None or status.kind not in {"OK", "NO", "BAD"}:
            raise Violation("an answer to no command of ours")
        self._outbox.answered(command)
        del self._unanswered[status.tag]
        self._watch()
        if command.found is not None and status.ok and not command.searched:
            command.answer.errback(Unavailable("the upstream answered a search with nothing"))
        else:
            command.answer.callback(status)

    # What goes out, and when it ends.

    def _over(self) -> bool:
        return self._failure is not None

    def _write(self, octets: bytes) -> None:
        self.transport.write(octets)

    def _watch(self) -> None:
        """Something began or ended that the server owes, or that holds it up."""
        if self._failure is not None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            return
        if self._waiting():
            self._last_word = self._clock.seconds()
            if self._timer is None:
                self._timer = self._clock.callLater(self._timeout, self._look)

    def _waiting(self) -> bool:
        """Whether the server owes something and is not held up by us."""
        return bool(self._unanswered or not self.greeting.called) and not self._paused_by

    def _look(self) -> None:
        """Once in a while, and not a timer for each command: they cost more than commands."""
        self._timer = None
        if not self._waiting():
            return
        left = self._last_word + self._timeout - self._clock.seconds()
        if left > 0:
            self._timer = self._clock.callLater(left, self._look)
            return
        self.fail(Unavailable(f"no word from the upstream for {self._timeout:g} seconds"))

    def _give_up(self, failure: Failure) -> None:
        if self._failure is not None:
            return
        self._failure = failure
        self._watch()
        if not self._ending:
            self._emit(UpstreamLost(failure.detail))
        waiting = [command.answer for command in self._unanswered.values()]
        self._unanswered.clear()
        self._outbox.clear()
        self._stream = None
        if not self.greeting.called:
            self.greeting.errback(faults.again(failure))
        for answer in waiting:
            answer.errback(faults.again(failure))
