"""Says what a response means; the grammar is IMAPClient's parser. Knows no I/O."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from imapclient.response_parser import (
    parse_fetch_response,
    parse_message_list,
    parse_response,
)

from gateway.backend.imap.reader import Parts, Response, Violation

_STATUS = re.compile(
    rb"([^ ]+) (OK|NO|BAD|BYE|PREAUTH)(?: (?:\[([^\] ]+)(?: ([^\]]*))?\] ?)?(.*))?\Z",
    re.IGNORECASE | re.DOTALL,
)
_NUMBERED = re.compile(rb"\* (\d{1,10}) ([A-Za-z]+)\b")
_NAMED = re.compile(rb"\* ([A-Za-z][A-Za-z0-9.-]*) ?")
# What a server sends that was asked for one body: not worth the parser's time.
_PLAIN_BODY = re.compile(
    rb"\* (\d{1,10}) FETCH \(UID (\d{1,10}) BODY\[\](?:<(\d{1,19})>)? \{0\}\Z"
)
_BODY_KEY = re.compile(rb"BODY\[\](?:<(\d{1,19})>)?\Z")


# GNU mailutils writes EXPUNGED.
_COUNTS = {kind: kind for kind in (b"EXISTS", b"RECENT", b"EXPUNGE")} | {
    b"EXPUNGED": b"EXPUNGE"
}


@dataclass(frozen=True, slots=True)
class Status:
    """OK, NO, BAD, BYE or PREAUTH.

    Attributes:
        tag: Of the command that it ends, or `*`.
        kind: One of the five.
        code: The response code's name in upper case, empty without one (RFC 5530).
        argument: What follows the name inside the brackets.
        text: For people.
    """

    tag: bytes
    kind: str
    code: bytes = b""
    argument: bytes = b""
    text: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether the command was carried out."""
        return self.kind == "OK"

    @property
    def shown(self) -> bytes:
        """The response for a log line, still as octets off the network."""
        code = b"[%b] " % self.code if self.code else b""
        return self.kind.encode() + b" " + code + self.text


@dataclass(frozen=True, slots=True)
class Continuation:
    """The server waits for the next segment of a command.

    Attributes:
        text: Behind the plus sign: a challenge, or nothing that matters.
    """

    text: bytes = b""


@dataclass(frozen=True, slots=True)
class Capability:
    """What the server can do, in upper case."""

    names: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Count:
    """EXISTS, RECENT or EXPUNGE with its number."""

    kind: bytes
    number: int


@dataclass(frozen=True, slots=True)
class Vanished:
    """Messages are gone (RFC 7162 §3.2.10). EARLIER ones were never counted by us.

    Attributes:
        spans: First and last UID of each range.
        earlier: Whether they went before this session.
    """

    spans: tuple[tuple[int, int], ...]
    earlier: bool

    @property
    def count(self) -> int:
        """How many UIDs that are."""
        return sum(last - first + 1 for first, last in self.spans)


@dataclass(slots=True)  # frozen ones take twice as long to make
class Fetch:
    """Items of one message.

    Attributes:
        uid: Its UID, if told.
        octets: Its RFC822.SIZE, if told.
        body: Whether BODY[] or a part of it is among the items, even as NIL.
        origin: Of a part: its first octet. None if the whole message came.
        text: The body if it came as a string and was not streamed; None for NIL.
    """

    uid: int | None
    octets: int | None = None
    body: bool = False
    origin: int | None = None
    text: bytes | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """UIDs that a search found."""

    uids: frozenset[int]


@dataclass(frozen=True, slots=True)
class Other:
    """Data that this driver has no use for."""

    kind: bytes


Meaning: TypeAlias = (
    Status | Continuation | Capability | Count | Vanished | Fetch | Found | Other
)


def interpret(response: Response) -> Meaning:
    """What a response means.

    Raises:
        Violation: It breaks the grammar.
    """
    try:
        return _interpret(response.parts)
    except Violation:
        raise
    # The parser was not written for hostile input: IndexError, TypeError, RecursionError…
    except Exception as error:
        raise Violation(f"cannot be parsed: {type(error).__name__}") from error


def _interpret(parts: Parts) -> Meaning:
    head = parts[0] if isinstance(parts[0], bytes) else parts[0][0]
    if head.startswith(b"+"):
        return Continuation(head[1:].strip())
    if found := _STATUS.match(head):
        return _status(*found.groups(b""))
    if found := _NUMBERED.match(head):
        kind = found[2].upper()
        if kind == b"FETCH":
            return _fetch(parts)
        kind = _COUNTS.get(kind, kind)
        return Count(kind, int(found[1])) if kind in _COUNTS else Other(kind)
    if found := _NAMED.match(head):
        kind = found[1].upper()
        return _DATA.get(kind, _other)(kind, _without(parts, found.end()))
    raise Violation("neither tagged nor untagged")


def _without(parts: Parts, count: int) -> Parts:
    """The response without the first octets of its first line."""
    first = parts[0]
    if isinstance(first, bytes):
        return [first[count:], *parts[1:]]
    return [(first[0][count:], first[1]), *parts[1:]]


def _status(tag: bytes, kind: bytes, code: bytes, argument: bytes, text: bytes) -> Status:
    return Status(tag, kind.upper().decode(), code.upper(), argument, text)


def body_start(parts: Parts) -> Fetch:
    """What is known of a message when its literal begins.

    Raises:
        Violation: It breaks the grammar.
    """
    # With the parentheses closed, the half response is a whole one.
    return _fetch([*parts, b")"])


def _fetch(parts: Parts) -> Fetch:
    head = parts[0]
    if isinstance(head, tuple) and parts[1:] == [b")"]:
        plain = _PLAIN_BODY.match(head[0])
        if plain is not None:
            origin = None if plain[3] is None else int(plain[3])
            return Fetch(int(plain[2]), body=True, origin=origin, text=b"")
    number, start = _split_fetch(parts)
    rows = parse_fetch_response(
        [number + b" ", *_without(parts, start)], normalise_times=False, uid_is_key=False
    )
    if list(rows) != [int(number)]:
        raise Violation("a FETCH response of no or several messages")
    return _items(rows[int(number)])


def _split_fetch(parts: Parts) -> tuple[bytes, int]:
    found = _NUMBERED.match(parts[0] if isinstance(parts[0], bytes) else parts[0][0])
    if found is None:
        raise Violation("a FETCH response without a number")
    return found[1], found.end()


def _items(items: Mapping[bytes, object]) -> Fetch:
    uid = _number(items.get(b"UID"))
    octets = _number(items.get(b"RFC822.SIZE"))
    for key, value in items.items():
        if found := _BODY_KEY.match(key):
            if not isinstance(value, bytes | None):
                raise Violation("a body that is no string")
            origin = None if found[1] is None else int(found[1])
            return Fetch(uid, octets, body=True, origin=origin, text=value)
    return Fetch(uid, octets)


def _number(value: object) -> int | None:
    if value is not None and not isinstance(value, int):
        raise Violation("a number that is none")
    return value


def _capability(_kind: bytes, parts: Parts) -> Meaning:
    return Capability(capabilities(_one_line(parts)))


def capabilities(text: bytes) -> frozenset[bytes]:
    """The names in a capability list, in upper case."""
    return frozenset(text.upper().split())


def _one_line(parts: Parts) -> bytes:
    if len(parts) != 1 or not isinstance(parts[0], bytes):
        raise Violation("a literal where none can be")
    return parts[0]


def _search(_kind: bytes, parts: Parts) -> Meaning:
    return Found(frozenset(parse_message_list([_one_line(parts).strip()])))


def _esearch(_kind: bytes, parts: Parts) -> Meaning:
    """ESEARCH (RFC 4731): pairs after an optional correlator and the word UID."""
    words = list(parse_response(parts))
    if words and isinstance(words[0], tuple):
        del words[0]
    if words and words[0] == b"UID":
        del words[0]
    pairs = dict(zip(words[::2], words[1::2], strict=True))
    return Found(frozenset(uids_of(pairs.get(b"ALL", b""))))


def uids_of(uid_set: object) -> list[int]:
    """The UIDs of a set, at most a million: a reply may not make us fill the memory."""
    if isinstance(uid_set, int):
        return [uid_set]
    if not isinstance(uid_set, bytes):
        raise Violation("a UID set that is none")
    uids: list[int] = []
    for text in filter(None, uid_set.split(b",")):
        first, last = _range(text)
        if last - first + len(uids) >= 1_000_000:
            raise Violation("a UID set of more than a million")
        uids.extend(range(first, last + 1))
    return uids


def _range(text: bytes) -> tuple[int, int]:
    first, _, last = text.partition(b":")
    numbers = int(first), int(last or first)
    return min(numbers), max(numbers)


def _vanished(_kind: bytes, parts: Parts) -> Meaning:
    words = parse_response(parts)
    earlier = words[0] == (b"EARLIER",)
    ranges = str(words[-1]) if isinstance(words[-1], int) else words[-1].decode()
    return Vanished(tuple(_range(text.encode()) for text in ranges.split(",")), earlier)


def _other(kind: bytes, _parts: Parts) -> Meaning:
    return Other(kind)


_DATA: dict[bytes, Callable[[bytes, Parts], Meaning]] = {
    b"CAPABILITY": _capability,
    b"SEARCH": _search,
    b"ESEARCH": _esearch,
    b"VANISHED": _vanished,
}
