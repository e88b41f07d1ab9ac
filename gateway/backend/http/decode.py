"""From the octets of a response to the octets of a message. Knows no I/O."""

from typing import Protocol


class Undecodable(ValueError):
    """The response does not hold a message in the promised form; the text says why."""


class Decoder(Protocol):
    """Decodes one response's body, chunk by chunk, however it is cut."""

    @property
    def same_length(self) -> bool:
        """Whether Content-Length is the length of the message."""

    def feed(self, chunk: bytes) -> bytes:
        """The octets of the message that are known with this chunk; may be none.

        Raises:
            Undecodable: What came is not of the promised form.
        """

    def finish(self) -> bytes:
        """The octets that are left, when the body is complete.

        Raises:
            Undecodable: The form says that something is missing.
        """


class AsIs:
    """The body is the message."""

    same_length = True

    def feed(self, chunk: bytes) -> bytes:
        """See `Decoder`."""
        return chunk

    def finish(self) -> bytes:
        """See `Decoder`."""
        return b""


class LineFeeds:
    """The body is the message with LF line ends, or some of each: every one becomes CRLF."""

    same_length = False

    def __init__(self) -> None:
        self._cr = b""

    def feed(self, chunk: bytes) -> bytes:
        """See `Decoder`."""
        chunk = self._cr + chunk
        self._cr = b""
        if chunk.endswith(b"\r"):
            chunk, self._cr = chunk[:-1], b"\r"  # its LF may follow
        return chunk.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

    def finish(self) -> bytes:
        """See `Decoder`."""
        cr, self._cr = self._cr, b""
        return cr
