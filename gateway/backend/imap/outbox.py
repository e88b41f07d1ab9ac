"""Commands on their way to the server, in their order; knows no I/O."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred

from gateway.backend.imap.collaborators import Receiver
from gateway.backend.imap.reader import Violation
from gateway.backend.imap.responses import Status


@dataclass(eq=False, slots=True)
class Command:
    """A command without its answer. Its repr shows no segment: they may hold a password."""

    tag: bytes
    segments: deque[bytes] = field(repr=False)
    answer: Deferred[Status]
    receiver: Receiver | None = None
    found: set[int] | None = None
    searched: bool = False


class Outbox:
    """Writes commands; one that waits for the server's go-ahead holds up those behind it.

    Args:
        write: Takes the octets.
    """

    __slots__ = ("_unsent", "_write")

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        # None while it is empty, as nearly always: an empty deque takes 700 octets.
        self._unsent: deque[Command] | None = None

    def put(self, command: Command) -> None:
        """Write it, at once if none waits."""
        if self._unsent is None:
            self._unsent = deque([command])
            self._send()
        else:
            self._unsent.append(command)

    def go_on(self) -> None:
        """The server has asked for the next segment (RFC 3501 §4.3).

        Raises:
            Violation: Nobody waits for that.
        """
        if not self._unsent:
            raise Violation("a continuation request that nobody waits for")
        self._send()

    def answered(self, command: Command) -> None:
        """The server is done with it, perhaps before all of it was sent.

        Raises:
            Violation: Nothing of it was sent.
        """
        if not command.segments:
            return
        if self._unsent is None or command is not self._unsent[0]:
            raise Violation("an answer to a command that was not sent")
        self._unsent.popleft()
        self._send()

    def clear(self) -> None:
        """Send nothing more."""
        self._unsent = None

    def _send(self) -> None:
        """Segments up to the next one that must wait for a continuation request."""
        while self._unsent:
            command = self._unsent[0]
            self._write(command.segments.popleft())
            if command.segments:
                return
            self._unsent.popleft()
        self._unsent = None
