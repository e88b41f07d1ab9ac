"""Cuts the octets of an IMAP connection into responses; knows no I/O and no meaning.

Two hot paths go round the response parser: the literal of a message body is passed on as
it arrives and never collected, and the rows of a UID/size listing are read in bulk.
"""

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

Parts: TypeAlias = list[bytes | tuple[bytes, bytes]]
"""A response in the shape that IMAPClient's parser takes: lines without their line end;
one that announced a literal comes as a pair with the literal's octets."""

# RFC 3501 §4.3. The size is looked at apart, so that an absurd one is noticed.
_LITERAL = re.compile(rb"\{(\d+)\}\Z")
# The text of these is for people and ends with the line, whatever it looks like (§7.1).
_STATUS = re.compile(rb"(?:\+|[^ ]+ (?:OK|NO|BAD|BYE|PREAUTH))(?: |\Z)", re.IGNORECASE)
_FETCH = re.compile(rb"\* \d+ FETCH \(", re.IGNORECASE)
_BODY = re.compile(rb"[( ]BODY\[\](?:<\d+>)? \{\d+\}\Z", re.IGNORECASE)
# Not possessive, which would save the ways back for each row and a fifth of the time: up to
# Python 3.11.4 (Debian 12 has 3.11.2) such a run may end in the middle of a row, and a size
# would lose its last digits (CPython issue 106052).
_ROWS = re.compile(rb"(?:\* \d{1,10} FETCH \(UID \d{1,10} RFC822\.SIZE \d{1,18}\)\r\n)+")
# A whole message in the shape that most servers give it.
_PARCEL = re.compile(
    rb"\* \d{1,10} FETCH \(UID (\d{1,10}) BODY\[\] \{(\d{1,10})\}\r\n", re.IGNORECASE
)
_PARCEL_END = b")\r\n"
# What a server says ten thousand times after an EXPUNGE of as many.
_EXPUNGED = re.compile(rb"(?:\* \d{1,10} EXPUNGE\r\n)+")
_DIGITS_ONLY = bytes(c if c in b"0123456789" else 0x20 for c in range(256))
_BULK = 1 << 17  # rows are taken in slices of this many octets, whatever the read size
# What a part costs beside its octets; without it, many tiny literals would be free.
_PART_OVERHEAD = 100
_SANE_ROWS = 10_000_000
_SANE_BODY = 1 << 40


class Violation(Exception):
    """The upstream broke the protocol, or a limit that no honest server reaches."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is collected before the reader gives up, in octets."""

    line: int = 4 << 20
    literal: int = 1 << 20
    response: int = 8 << 20


@dataclass(slots=True)  # frozen ones take twice as long to make, as all of these
class Response:
    """One complete response.

    Attributes:
        parts: The response; a streamed literal stands in it as an empty one.
        streamed: The size of the literal that was passed on before, if there was one.
        uid: Which message it was, where that is known without the parser.
    """

    parts: Parts
    streamed: int | None = None
    uid: int | None = field(default=None, compare=False)


@dataclass(slots=True)
class BodyStart:
    """A message's literal begins: `size` octets follow as plain `bytes` items.

    Attributes:
        parts: The response so far, with an empty literal at its end.
        size: The octets that follow.
        uid: Which message, where that is known without the parser.
    """

    parts: Parts
    size: int
    uid: int | None = field(default=None, compare=False)


@dataclass(slots=True)
class Parcel:
    """A message that was in the buffer from the first octet of its response to the last.

    Attributes:
        uid: Which message.
        octets: All of it.
    """

    uid: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class Expunged:
    """So many EXPUNGE responses in a row."""

    count: int


Item: TypeAlias = Response | BodyStart | Parcel | Expunged | bytes


class Rows:
    """The columns of a UID/size listing, as they come."""

    __slots__ = ("octets", "uids")

    def __init__(self) -> None:
        self.uids = array("I")
        self.octets = array("Q")

    def add(self, uid: int, octets: int) -> None:
        """One row that came in another shape."""
        self._check()
        try:
            self.uids.append(uid)
            self.octets.append(octets)
        except (OverflowError, TypeError) as error:
            raise Violation(f"impossible UID {uid!r} or size {octets!r}") from error

    def add_run(self, run: bytes) -> None:
        """Many rows in the one shape that `_ROWS` matches."""
        self._check()
        numbers = run.translate(_DIGITS_ONLY).split()  # number, UID, the 822, size
        try:
            self.uids.extend(map(int, numbers[1::4]))
        except OverflowError as error:
            raise Violation("a UID of more than 32 bits") from error
        self.octets.extend(map(int, numbers[3::4]))

    def _check(self) -> None:
        if len(self.uids) > _SANE_ROWS:
            raise Violation(f"a listing of more than {_SANE_ROWS} messages")


class Reader:
    """Octets in, responses out; whole or one by one gives the same.

    Attributes:
        rows: Where rows of a listing go while one is expected. Rows of another shape
            come out as responses.
    """

    def __init__(self, limits: Limits) -> None:
        self.rows: Rows | None = None
        self._limits = limits
        self._buffer = bytearray()
        self._scanned = 0
        self._body_left = 0
        self._begin()

    def _begin(self) -> None:
        self._parts: Parts = []
        self._cost = 0
        self._literal: int | None = None
        self._head = b""
        self._streamed: int | None = None
        self._uid: int | None = None

    @property
    def pending(self) -> int:
        """Octets that are read and not yet part of a response that came out."""
        return len(self._buffer)

    def feed(self, octets: bytes) -> Iterator[Item]:
        """Take octets; iterate to the end before feeding again.

        Raises:
            Violation: The stream makes no sense any more: end the connection.
        """
        rest = memoryview(octets)
        if self._body_left and rest and not self._buffer:
            passed = octets if len(octets) <= self._body_left else octets[: self._body_left]
            self._body_left -= len(passed)
            yield passed
            rest = rest[len(passed) :]
        self._buffer += rest
        while (item := self._next()) is not None:
            yield item

    def _next(self) -> Item | None:
        """The next item that the buffer holds in full."""
        while self._buffer:
            if self._body_left:
                return self._body()
            if self._literal is not None:
                if len(self._buffer) < self._literal:
                    return None
                self._parts.append((self._head, self._take(self._literal)))
                self._literal = None
                continue
            if not self._parts and self._buffer.startswith(b"* "):
                if self.rows is not None and self._bulk(self.rows):
                    continue
                whole: Item | None = self._parcel() or self._expunged()
                if whole is not None:
                    return whole
            line = self._line()
            if line is None:
                return None
            if (item := self._fragment(line)) is not None:
                return item
        return None

    def _take(self, count: int) -> bytes:
        with memoryview(self._buffer) as view:
            taken = bytes(view[:count])
        del self._buffer[:count]
        return taken

    def _body(self) -> bytes:
        chunk = self._take(min(self._body_left, len(self._buffer)))
        self._body_left -= len(chunk)
        return chunk

    def _bulk(self, rows: Rows) -> bool:
        found = _ROWS.match(self._buffer, 0, _BULK)
        if found is None:
            return False
        rows.add_run(self._take(found.end()))
        self._scanned = 0
        return True

    def _parcel(self) -> Parcel | BodyStart | None:
        """A message in the usual shape: here in full as small ones mostly are, or its start."""
        found = _PARCEL.match(self._buffer)
        if found is None:
            return None
        start, uid, digits = found.end(), int(found[1]), found[2]
        size = int(digits)
        end = start + size
        if end > len(self._buffer):
            head = self._take(start)[: -len(b"{%b}\r\n" % digits)]
            self._charge(start - 2)
            self._scanned = 0
            self._uid = uid
            return self._start_body(head, size)
        if self._buffer[end : end + 3] != _PARCEL_END:
            return None
        with memoryview(self._buffer) as view:
            octets = bytes(view[start:end])
        del self._buffer[: end + 3]
        self._scanned = 0
        return Parcel(uid, octets)

    def _expunged(self) -> Expunged | None:
        found = _EXPUNGED.match(self._buffer, 0, _BULK)
        if found is None:
            return None
        self._scanned = 0
        return Expunged(self._take(found.end()).count(b"\n"))

    def _line(self) -> bytes | None:
        """The next line without its end: LF, and one CR before it."""
        end = self._buffer.find(b"\n", self._scanned, self._limits.line + 1)
        if end < 0:
            if len(self._buffer) > self._limits.line:
                raise Violation(f"a line of more than {self._limits.line} octets")
            self._scanned = len(self._buffer)
            return None
        self._scanned = 0
        line = self._take(end + 1)
        return line[:-2] if line.endswith(b"\r\n") else line[:-1]

    def _fragment(self, line: bytes) -> Item | None:
        """Add a line to the response; it may complete it, or announce a literal."""
        self._charge(len(line))
        announced = _LITERAL.search(line) if line.endswith(b"}") else None
        if announced is None or (not self._parts and _STATUS.match(line)):
            self._parts.append(line)
            uid = self._uid if line == b")" else None
            response = Response(self._parts, self._streamed, uid)
            self._begin()
            return response
        size = self._size(announced[1])
        if self._streamed is None and _BODY.search(line) and self._in_fetch(line):
            return self._start_body(line[: announced.start()], size)
        if size > self._limits.literal:
            raise Violation(f"a literal of {size} octets outside a message")
        self._charge(size)
        self._head, self._literal = line, size
        if not size:
            self._parts.append((line, b""))
            self._literal = None
        return None

    def _start_body(self, head: bytes, size: int) -> BodyStart:
        if size > _SANE_BODY:
            raise Violation(f"a message of {size} octets")
        self._parts.append((head + b"{0}", b""))
        self._streamed = self._body_left = size
        return BodyStart(list(self._parts), size, self._uid)

    def _in_fetch(self, line: bytes) -> bool:
        first = self._parts[0] if self._parts else line
        return _FETCH.match(first if isinstance(first, bytes) else first[0]) is not None

    def _size(self, digits: bytes) -> int:
        if len(digits) > 19:
            raise Violation("a literal of absurd size")
        return int(digits)

    def _charge(self, octets: int) -> None:
        self._cost += octets + _PART_OVERHEAD
        if self._cost > self._limits.response:
            raise Violation(f"a response of more than {self._limits.response} octets")
