"""Octets from the client → lines, with a bounded memory."""


class LineTooLong(Exception):
    """A line passed its limit; all of it, up to its line feed, has been discarded."""


class LineBuffer:
    """Splits what arrives into lines.

    RFC 1939 §3 ends lines with CRLF; a bare LF is taken too, as many small clients
    send it. A single CR before the LF is not part of the line, everything else is:
    blanks at its end may belong to a password.

    Attributes:
        octets: What has arrived, as long as not all of it was taken; then empty.
    """

    __slots__ = ("_position", "_skipping", "octets")

    def __init__(self) -> None:
        self.octets = b""
        self._position = 0
        self._skipping = False

    def feed(self, data: bytes) -> None:
        """Add octets as they arrived; as a rule nothing is left, and nothing is copied."""
        self.octets = self.octets[self._position :] + data
        self._position = 0

    def clear(self) -> None:
        """Forget everything that was not taken as a line yet."""
        self._empty()
        self._skipping = False

    def __len__(self) -> int:
        return len(self.octets) - self._position

    def peek(self, octets: int) -> bytes:
        """The first octets of what would be the next line, as far as they are there."""
        return self.octets[self._position : self._position + octets]

    def next_line(self, limit: int) -> bytes | None:
        """The next complete line without its end, or None if there is none yet.

        Args:
            limit: How many octets the line may have, its CRLF included.

        Raises:
            LineTooLong: Once for each line over the limit.
        """
        octets, start = self.octets, self._position
        end = octets.find(b"\n", start)
        if end < 0:
            self._limit_unfinished(limit)
            return None
        self._position = end + 1
        if self._position == len(octets):
            self._empty()
        if self._skipping or end + 1 - start > limit:
            self._skipping = False
            raise LineTooLong
        if end > start and octets[end - 1] == 0x0D:
            end -= 1
        return octets[start:end]

    def _limit_unfinished(self, limit: int) -> None:
        """A line that is over the limit before it ends is thrown away as it comes."""
        if self._skipping or len(self) > limit:
            self._skipping = True
            self._empty()

    def _empty(self) -> None:
        """Keep nothing: an idle session is not to hold the packet of its last command."""
        self.octets = b""
        self._position = 0
