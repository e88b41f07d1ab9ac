"""Turns a command into the octets that go upstream; knows no I/O.

A command is a list of segments: the next may be sent only when the server has answered
the one before with a continuation request (RFC 3501 §4.3).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

# Quotes and backslashes could be escaped; some servers get that wrong, none a literal.
_QUOTABLE = re.compile(rb"[\x20\x21\x23-\x5b\x5d-\x7e]{0,250}\Z")
# RFC 7888 §5: without a wait only up to here, if the server says LITERAL-.
_SMALL_LITERAL = 4096
# RFC 7162 §4 asks servers to take command lines of 8,192 octets.
SET_OCTETS = 7900
SET_UIDS = 5000


class Unencodable(ValueError):
    """Octets that no IMAP string can hold."""


class Literals(Enum):
    """When a literal may follow its announcement at once (RFC 7888)."""

    WAIT = "wait"
    SMALL = "LITERAL-"
    ALL = "LITERAL+"


@dataclass(frozen=True, slots=True)
class Text:
    """A string argument: any octets but NUL. Its repr shows nothing, it may be a secret."""

    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """A line of its own, sent when the server asks for it (AUTHENTICATE, RFC 3501 §6.2.2)."""

    octets: bytes = field(repr=False)


Word: TypeAlias = bytes | Text | Answer


def literals(capabilities: frozenset[bytes]) -> Literals:
    """What the server's capabilities allow."""
    if b"LITERAL+" in capabilities:
        return Literals.ALL
    return Literals.SMALL if b"LITERAL-" in capabilities else Literals.WAIT


def encode(tag: bytes, words: Sequence[Word], mode: Literals) -> list[bytes]:
    """The segments of a command.

    Args:
        tag: The command's tag.
        words: Its words in order; `bytes` go out as they are.
        mode: What the server takes.

    Raises:
        Unencodable: A text holds NUL.
    """
    segments: list[bytes] = []
    line = tag
    for word in words:
        if isinstance(word, bytes):
            line += b" " + word
            continue
        if isinstance(word, Answer):
            segments.append(line + b"\r\n")
            line = word.octets
            continue
        head, waits, tail = _string(word.octets, mode)
        line += b" " + head
        if waits:
            segments.append(line)
            line = b""
        line += tail
    segments.append(line + b"\r\n")
    return segments


def _string(octets: bytes, mode: Literals) -> tuple[bytes, bool, bytes]:
    """A string as what is sent first, whether to wait then, and what is sent after."""
    if b"\0" in octets:
        raise Unencodable("NUL in a string")
    if _QUOTABLE.match(octets):
        return b'"%b"' % octets, False, b""
    size = len(octets)
    at_once = mode is Literals.ALL or (mode is Literals.SMALL and size <= _SMALL_LITERAL)
    return b"{%d%b}\r\n" % (size, b"+" if at_once else b""), not at_once, octets


def ranges(uids: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Runs of numerically contiguous UIDs, first and last, ascending.

    Only contiguous ones: a range over a gap would name messages that nobody asked for.
    """
    first = last = 0
    for uid in sorted(set(uids)):
        if first and uid == last + 1:
            last = uid
            continue
        if first:
            yield first, last
        first = last = uid
    if first:
        yield first, last


def uid_sets(
    uids: Iterable[int], octets: int = SET_OCTETS, count: int = SET_UIDS
) -> Iterator[tuple[bytes, list[int]]]:
    """UID sets for commands of bounded length, each with the UIDs that it names."""
    texts: list[bytes] = []
    named: list[int] = []
    length = 0
    for first, last in _short_ranges(uids, count):
        text = b"%d" % first if first == last else b"%d:%d" % (first, last)
        too_long = length + len(text) + 1 > octets
        if texts and (too_long or len(named) + last - first + 1 > count):
            yield b",".join(texts), named
            texts, named, length = [], [], 0
        texts.append(text)
        named.extend(range(first, last + 1))
        length += len(text) + 1
    if texts:
        yield b",".join(texts), named


def _short_ranges(uids: Iterable[int], count: int) -> Iterator[tuple[int, int]]:
    for first, last in ranges(uids):
        for start in range(first, last + 1, count):
            yield start, min(start + count - 1, last)
