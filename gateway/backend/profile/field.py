"""One string of a JSON answer, as it comes: a message in base64 may have a hundred megabytes.

The rest of the answer is read by its grammar and thrown away. What is not JSON, has the
string twice or not at all, is refused. Knows no I/O.
"""

import codecs
import json
import re
from collections.abc import Sequence

from gateway.backend.http.decode import Undecodable

_SPACE = re.compile(r"[ \t\r\n]*")
_SCALAR = re.compile(r"[-+.0-9A-Za-z]+")
_VALID_SCALAR = re.compile(r"true|false|null|-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
# Whole units of a string: an escape, or characters that need none. A high surrogate is one
# unit with its low one (RFC 8259 §7).
_UNITS = re.compile(
    r'(?:[^"\\\x00-\x1f]+|\\["\\/bfnrt]|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}'
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*"
)
_NOT_PLAIN = bytes(range(32)) + b"\\"
_LONGEST_UNIT = 12
_LONGEST_KEY = 1 << 16
_LONGEST_SCALAR = 1024
_DEEPEST = 64
_CLOSING = {"{": "}", "[": "]"}


class Field:
    """The string at a JSON pointer.

    Args:
        path: The pointer's parts.
    """

    def __init__(self, path: Sequence[str]) -> None:
        self._path = tuple(path)
        self._utf_8 = codecs.getincrementaldecoder("utf-8")("strict")
        self._held = ""
        self._stack: list[_Container] = []
        self._expect = "value"
        self._string = ""  # what kind of string we are in: key, skip or wanted
        self._key = ""
        self.found = False

    def feed(self, chunk: bytes) -> str:
        """What this chunk adds to the string.

        Raises:
            Undecodable: It is not JSON, or the string is there twice.
        """
        try:
            text = self._held + self._utf_8.decode(chunk)
        except UnicodeDecodeError:
            raise Undecodable("the answer is not UTF-8") from None
        wanted: list[str] = []
        place, moved = 0, True
        while moved and place < len(text):
            before = place, self._string, self._expect
            place = self._step(text, place, wanted)
            moved = before != (place, self._string, self._expect)
        self._held = text[place:]
        return "".join(wanted)

    def finish(self) -> None:
        """The answer is over.

        Raises:
            Undecodable: Too early, or the string was not in it.
        """
        if self._expect != "end" or self._held.strip():
            raise Undecodable("the answer breaks off")
        if not self.found:
            raise Undecodable("the answer does not have the message where it should be")

    def _step(self, text: str, place: int, wanted: list[str]) -> int:
        """Read one thing; return where the next begins, the same place if it is cut."""
        if self._string:
            return self._in_string(text, place, wanted)
        place = _end(_SPACE, text, place)
        if place == len(text):
            return place
        if self._expect == "value" or (self._expect == "first" and text[place] != "]"):
            return self._value(text, place)
        return self._punctuation(text[place], place)

    def _value(self, text: str, place: int) -> int:
        sign = text[place]
        if sign == '"':
            self._string = "wanted" if self._is_wanted() else "skip"
            return place + 1
        if sign in _CLOSING:
            self._open(sign)
            return place + 1
        end = _end(_SCALAR, text, place)
        if end == len(text) and self._stack and end - place < _LONGEST_SCALAR:
            return place  # there may be more of it
        if _VALID_SCALAR.fullmatch(text, place, end) is None:
            raise _not_json()
        self._after_value()
        return end

    def _open(self, sign: str) -> None:
        if len(self._stack) == _DEEPEST:
            raise Undecodable("the answer is nested too deeply")
        self._stack.append(_Container(sign))
        self._expect = "first key" if sign == "{" else "first"

    def _punctuation(self, sign: str, place: int) -> int:
        expect, inner = self._expect, self._stack[-1] if self._stack else None
        if sign == '"' and expect in {"key", "first key"}:
            self._string, self._key = "key", ""
        elif inner is None:
            raise _not_json()
        elif sign == ":" and expect == "colon":
            self._expect = "value"
        elif sign == "," and expect == "more":
            inner.index += 1
            self._expect = "key" if inner.sign == "{" else "value"
        elif sign == _CLOSING[inner.sign] and expect in {"more", "first", "first key"}:
            self._stack.pop()
            self._after_value()
        else:
            raise _not_json()
        return place + 1

    def _after_value(self) -> None:
        self._expect = "more" if self._stack else "end"

    def _in_string(self, text: str, place: int, wanted: list[str]) -> int:
        end = _plain(text, place) or _end(_UNITS, text, place)
        if self._string != "skip" and end > place:
            piece = text[place:end]
            if "\\" in piece:
                piece = json.loads(f'"{piece}"')
            if self._string == "key":
                self._key += piece
            else:
                wanted.append(piece)
        if len(self._key) > _LONGEST_KEY:
            raise Undecodable("the answer has a key without end")
        if end < len(text) and text[end] == '"':
            self._close_string()
            return end + 1
        if len(text) - end >= _LONGEST_UNIT or (end < len(text) and text[end] < " "):
            raise _not_json()
        return end

    def _close_string(self) -> None:
        kind, self._string = self._string, ""
        if kind == "key":
            self._stack[-1].key, self._key = self._key, ""
            self._expect = "colon"
            return
        self._after_value()

    def _is_wanted(self) -> bool:
        if len(self._stack) != len(self._path):
            return False
        if any(inner.step != part for inner, part in zip(self._stack, self._path, strict=True)):
            return False
        if self.found:
            raise Undecodable("the answer has the message twice")
        self.found = True
        return True


class _Container:
    """An object or array that is open."""

    __slots__ = ("index", "key", "sign")

    def __init__(self, sign: str) -> None:
        self.sign = sign
        self.key = ""
        self.index = 0

    @property
    def step(self) -> str:
        """What a pointer calls the place that is being read."""
        return self.key if self.sign == "{" else str(self.index)


def _plain(text: str, place: int) -> int:
    """The end of the string or of the text, if what is before it needs no look; else 0."""
    end = text.find('"', place)
    end = len(text) if end < 0 else end
    octets = text[place:end].encode()
    return end if len(octets.translate(None, _NOT_PLAIN)) == len(octets) else 0


def _end(pattern: re.Pattern[str], text: str, place: int) -> int:
    match = pattern.match(text, place)
    return place if match is None else match.end()


def _not_json() -> Undecodable:
    return Undecodable("the answer is not JSON")
