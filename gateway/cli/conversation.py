"""A small blocking POP3 client that shows what is said, for the commands of the shell.

Everything it reads is bounded in length and in time, as it may talk to any server.
"""

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.telemetry import printable

_LONGEST_LINE = 64 * 1024
_PIECE = 64 * 1024
_BODY_PATIENCE = 10  # a body may take so many times the time of a line
_SHOWN_LINES = 12
_SHOWN_WIDTH = 100

Tell = Callable[[str], None]


class ConversationBroken(Exception):
    """The conversation cannot go on: silence, a closed connection, or no POP3."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A status line, without its line end.

    Attributes:
        line: As the server sent it; a password that it repeats is replaced.
    """

    line: bytes

    @property
    def ok(self) -> bool:
        """Whether it is +OK."""
        return self.line.startswith(b"+OK")

    @property
    def text(self) -> str:
        """The line, fit for showing."""
        return printable(self.line)


@dataclass(frozen=True, slots=True)
class Listing(Reply):
    """A reply of several lines.

    Attributes:
        wire: What came between the status line and the terminator, with its stuffing;
            empty after -ERR.
    """

    wire: bytes

    @property
    def octets(self) -> bytes:
        """The lines as they were before byte-stuffing (RFC 1939 §3)."""
        plain = self.wire.removeprefix(b".") if self.wire.startswith(b".") else self.wire
        return plain.replace(b"\r\n.", b"\r\n")

    @property
    def lines(self) -> list[bytes]:
        """The single lines, without line ends."""
        return self.octets.removesuffix(b"\r\n").split(b"\r\n") if self.wire else []


class Conversation:
    """One connection to a POP3 server.

    Args:
        address: Host and port.
        timeout: Seconds that connecting, and each answer, may take.
        tell: Is given every line that is said, with C: or S: in front.
        context: For TLS from the first octet.
    """

    def __init__(
        self,
        address: tuple[str, int],
        *,
        timeout: float,
        tell: Tell,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._host = address[0]
        self._timeout = timeout
        self._tell = tell
        self._buffer = bytearray()
        try:
            self._socket: socket.socket = socket.create_connection(address, timeout)
        except OSError as error:
            raise ConversationBroken(
                f"no connection to {address[0]}:{address[1]}: {error}"
            ) from error
        # Commands are small and each waits for its answer (RFC 1939 is all round trips).
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            self.start_tls(context)

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Speak TLS from here on; the server's name must be that of its certificate."""
        if self._buffer:
            # RFC 2595 §4: what was said in plain text must not count after the handshake.
            raise ConversationBroken("the server sent something before the TLS handshake")
        try:
            self._socket = context.wrap_socket(self._socket, server_hostname=self._host)
        except OSError as error:
            raise ConversationBroken(f"TLS: {error}") from error

    def greeting(self) -> Reply:
        """The server's first line."""
        return self._status()

    def ask(self, line: bytes, shown: str | None = None, secret: bytes = b"") -> Reply:
        """Say one command and wait for its status line.

        Args:
            line: The command.
            shown: What to show instead of it.
            secret: Is replaced in the answer: some servers repeat what they did not like.
        """
        self._say(line, shown)
        return self._status(secret)

    def ask_at_once(self, lines: Sequence[bytes]) -> list[Reply]:
        """Say several commands in one packet, then wait for as many status lines."""
        for line in lines:
            self._tell(f"C: {printable(line)}")
        self._send(b"".join(line + b"\r\n" for line in lines))
        return [self._status() for _ in lines]

    def fetch(self, line: bytes, limit: int = 16 * 1024 * 1024) -> Listing:
        """Say a command whose +OK is followed by lines; `limit` octets are read at most."""
        status = self.ask(line)
        if not status.ok:
            return Listing(status.line, b"")
        wire = self._multiline(limit)
        self._show(wire)
        return Listing(status.line, wire)

    def surplus(self) -> bytes:
        """What the server has sent though it was not asked."""
        with contextlib.suppress(OSError):
            self._socket.settimeout(0.05)
            self._buffer += self._socket.recv(_PIECE)
        return bytes(self._buffer)

    def close(self) -> None:
        """Drop the connection; without QUIT before it, nothing is removed."""
        with contextlib.suppress(OSError):
            self._socket.close()

    def _say(self, line: bytes, shown: str | None) -> None:
        self._tell(f"C: {printable(line) if shown is None else shown}")
        self._send(line + b"\r\n")

    def _send(self, octets: bytes) -> None:
        try:
            self._socket.settimeout(self._timeout)
            self._socket.sendall(octets)
        except OSError as error:
            raise ConversationBroken(f"sending: {error}") from error

    def _status(self, secret: bytes = b"") -> Reply:
        line = self._line(time.monotonic() + self._timeout)
        if secret:
            # Not in the first word: a password may be as short as `O`.
            word, blank, rest = line.partition(b" ")
            line = word + blank + rest.replace(secret, b"***")
        self._tell(f"S: {printable(line)}")
        if not line.startswith((b"+OK", b"-ERR")):
            raise ConversationBroken(f"neither +OK nor -ERR: {printable(line)}")
        return Reply(line)

    def _line(self, deadline: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _LONGEST_LINE:
                raise ConversationBroken(f"a line of more than {_LONGEST_LINE} octets")
            self._receive(deadline)
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        return line.rstrip(b"\r\n")

    def _multiline(self, limit: int) -> bytes:
        # The terminator is CRLF.CRLF and nothing else (RFC 1939 §3); the first CRLF may be
        # that of the status line.
        deadline = time.monotonic() + _BODY_PATIENCE * self._timeout
        searched = 0
        while True:
            if self._buffer.startswith(b".\r\n"):
                return self._take(0, 3)
            end = self._buffer.find(b"\r\n.\r\n", searched)
            if end >= 0:
                return self._take(end + 2, end + 5)
            if len(self._buffer) > limit:
                raise ConversationBroken(f"no end of the answer within {limit} octets")
            searched = max(0, len(self._buffer) - 4)
            self._receive(deadline)

    def _take(self, end: int, after: int) -> bytes:
        taken = bytes(self._buffer[:end])
        del self._buffer[:after]
        return taken

    def _receive(self, deadline: float) -> None:
        try:
            self._socket.settimeout(max(0.001, min(self._timeout, deadline - time.monotonic())))
            octets = self._socket.recv(_PIECE)
        except TimeoutError as error:
            raise ConversationBroken("no answer, or no end of it, in time") from error
        except OSError as error:
            raise ConversationBroken(f"receiving: {error}") from error
        if not octets:
            raise ConversationBroken("the server closed the connection")
        self._buffer += octets

    def _show(self, wire: bytes) -> None:
        lines = wire.removesuffix(b"\r\n").split(b"\r\n", _SHOWN_LINES) if wire else []
        for line in lines[:_SHOWN_LINES]:
            self._tell(f"S: {printable(line, _SHOWN_WIDTH)}".rstrip())
        if len(lines) > _SHOWN_LINES:
            self._tell(f"S: … {len(wire)} octets")
        self._tell("S: .")
