"""A message in a field of a JSON answer, decoded as it comes. Knows no I/O.

Gmail's `format=raw` is an object with the message as base64url text. A parser that wants
the whole answer first would hold three times the message in memory.
"""

import binascii
import re

from gateway.backend.http.decode import Undecodable

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_NO_BASE64 = "the message is not base64"
# Outside strings only these count.
_OUTSIDE = re.compile(rb'[^"{}\[\]:,]*')
_LONGEST_NAME = 256
_DEEPEST = 64


class JsonField:
    r"""The text of one field of the outermost object, as base64 or base64url.

    Args:
        name: The field. A field of the same name deeper down, or a text that looks like
            one, is not it.
    """

    same_length = False

    def __init__(self, name: str) -> None:
        self._name = name.encode("ascii")
        self._stack = bytearray()
        self._in_string = False
        self._escape = b""  # a backslash and what came after it so far
        self._text: bytearray | None = None  # the string, as far as it may be a name
        self._last = b""  # the last string in the outermost object
        self._is_key = False  # a colon came behind it
        self._ours = False
        self._found = False
        self._quad = b""
        self._padding = False
        self._over = False

    def feed(self, chunk: bytes) -> bytes:
        """See `Decoder`."""
        out: list[bytes] = []
        place, end = 0, len(chunk)
        while place < end:
            if self._in_string:
                place = self._string(chunk, place, out)
            else:
                place = self._structure(chunk, place)
        return b"".join(out)

    def finish(self) -> bytes:
        """See `Decoder`."""
        if not self._over:
            raise Undecodable("the JSON is not complete")
        if not self._found:
            raise Undecodable(f"there is no text {self._name.decode()} in the JSON")
        return b""

    def _structure(self, chunk: bytes, place: int) -> int:
        """Outside strings; returns where to go on."""
        match = _OUTSIDE.match(chunk, place)
        place = match.end() if match else place
        if place == len(chunk):
            return place
        mark = chunk[place : place + 1]
        if mark == b'"':
            self._begin_string()
        elif mark in b"{[":
            self._open(mark)
        elif mark in b"}]":
            self._close(mark)
        elif len(self._stack) == 1:
            self._is_key = mark == b":"
        return place + 1

    def _open(self, mark: bytes) -> None:
        if self._over or len(self._stack) >= _DEEPEST or (not self._stack and mark != b"{"):
            raise Undecodable("the JSON is not an object as expected")
        self._stack += mark
        self._is_key = False

    def _close(self, mark: bytes) -> None:
        if not self._stack or (self._stack.pop() == ord("{")) != (mark == b"}"):
            raise Undecodable("the JSON's brackets do not fit")
        self._over = not self._stack
        self._is_key = False

    def _begin_string(self) -> None:
        if not self._stack:
            raise Undecodable("the JSON is not an object as expected")
        outermost = len(self._stack) == 1
        self._in_string = True
        self._ours = outermost and self._is_key and self._last == self._name
        if self._ours and self._found:
            raise Undecodable("the field is there twice")
        self._found = self._found or self._ours
        self._text = bytearray() if outermost and not self._is_key else None

    def _string(self, chunk: bytes, place: int, out: list[bytes]) -> int:
        """Inside a string; returns where to go on."""
        if self._escape:
            return self._escaped(chunk, place, out)
        stop = _end(chunk, place)
        self._take(chunk[place:stop], out)
        if stop == len(chunk):
            return stop
        if chunk[stop : stop + 1] == b"\\":
            self._escape = b"\\"
        else:
            self._end_string(out)
        return stop + 1

    def _escaped(self, chunk: bytes, place: int, out: list[bytes]) -> int:
        r"""`\/` and `\u003d` are as good as the characters themselves."""
        self._escape += chunk[place : place + 1]
        if self._escape[1:2] == b"u" and len(self._escape) < 6:
            return place + 1
        escape, self._escape = self._escape, b""
        if escape[1:2] == b"u":
            try:
                character = chr(int(b"0x" + escape[2:], 0)).encode("utf-8", "surrogatepass")
            except ValueError:
                raise Undecodable("an escape in the JSON is none") from None
        else:
            character = escape[1:2]
        self._take(character, out)
        return place + 1

    def _take(self, part: bytes, out: list[bytes]) -> None:
        if self._ours:
            out.append(self._decode(part))
        elif self._text is not None and len(self._text) <= _LONGEST_NAME:
            self._text += part[: _LONGEST_NAME + 1]

    def _end_string(self, out: list[bytes]) -> None:
        self._in_string = False
        if self._ours:
            out.append(self._last_quad())
        if len(self._stack) == 1:
            self._last = bytes(self._text or b"")
        self._ours = False

    def _decode(self, part: bytes) -> bytes:
        text = part.translate(_TO_STANDARD).rstrip(b"=")
        if self._padding and text:
            raise Undecodable(_NO_BASE64)
        self._padding = self._padding or len(text) != len(part)
        text = self._quad + text
        whole = len(text) & ~3
        self._quad = text[whole:]
        return _octets(text[:whole])

    def _last_quad(self) -> bytes:
        """The end, with or without its padding."""
        rest, self._quad = self._quad, b""
        if len(rest) % 4 == 1:
            raise Undecodable("the message's base64 ends in the middle")
        return _octets(rest + b"=" * (-len(rest) % 4))


def _octets(quads: bytes) -> bytes:
    """Whole quads decoded; at C speed, which no pattern before it would have."""
    try:
        return binascii.a2b_base64(quads, strict_mode=True)
    except binascii.Error:
        raise Undecodable(_NO_BASE64) from None


def _end(chunk: bytes, place: int) -> int:
    """Where a quote or a backslash comes first; the chunk's end if none does."""
    quote = chunk.find(b'"', place)
    end = len(chunk) if quote < 0 else quote
    backslash = chunk.find(b"\\", place, end)
    return end if backslash < 0 else backslash
