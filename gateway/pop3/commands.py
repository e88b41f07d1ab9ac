"""A line → a command. One table says which verb takes which arguments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import SecretBytes

from gateway.accounts import sasl, sasl_digest
from gateway.errors import BadCommand

_MOST_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Capa:
    """RFC 2449 §5."""


@dataclass(frozen=True, slots=True)
class Stls:
    """RFC 2595 §4."""


@dataclass(frozen=True, slots=True)
class User:
    """RFC 1939 §7: the name, every octet after the one blank."""

    name: bytes


@dataclass(frozen=True, slots=True)
class Pass:
    """RFC 1939 §7: the password may contain blanks, also at its ends."""

    password: SecretBytes


@dataclass(frozen=True, slots=True)
class Apop:
    """RFC 1939 §7: the digest is 32 hexadecimal digits, in lower case from here on."""

    name: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Auth:
    """RFC 5034 §4. No mechanism: the old question which there are."""

    mechanism: bytes | None
    initial: SecretBytes | None


@dataclass(frozen=True, slots=True)
class Stat:
    """RFC 1939 §5."""


@dataclass(frozen=True, slots=True)
class List:
    """RFC 1939 §5."""

    number: int | None


@dataclass(frozen=True, slots=True)
class Uidl:
    """RFC 1939 §7."""

    number: int | None


@dataclass(frozen=True, slots=True)
class Retr:
    """RFC 1939 §5."""

    number: int


@dataclass(frozen=True, slots=True)
class Top:
    """RFC 1939 §7."""

    number: int
    lines: int


@dataclass(frozen=True, slots=True)
class Dele:
    """RFC 1939 §5."""

    number: int


@dataclass(frozen=True, slots=True)
class Noop:
    """RFC 1939 §5."""


@dataclass(frozen=True, slots=True)
class Rset:
    """RFC 1939 §5."""


@dataclass(frozen=True, slots=True)
class Quit:
    """RFC 1939 §§4-6."""


Command = (
    Capa
    | Stls
    | User
    | Pass
    | Apop
    | Auth
    | Stat
    | List
    | Uidl
    | Retr
    | Top
    | Dele
    | Noop
    | Rset
    | Quit
)


def parse(line: bytes) -> Command:
    """The command that a line stands for; verbs in any letter case (RFC 1939 §3).

    Raises:
        BadCommand: Unknown verb, or arguments that are not of its grammar.
    """
    verb, blank, rest = line.partition(b" ")
    make = _GRAMMAR.get(verb.upper())
    if make is None:
        raise BadCommand("unknown command")
    return make(rest if blank else None)


def carries_credentials(line_start: bytes) -> bool:
    """Whether a line that begins like this gets the larger limit of credentials."""
    return line_start[:5].upper() in {b"USER ", b"PASS ", b"APOP ", b"AUTH "}


def _nothing(command: Command) -> Callable[[bytes | None], Command]:
    def build(rest: bytes | None) -> Command:
        if rest is not None and rest.strip():
            raise BadCommand("no argument expected")
        return command

    return build


def _one_number(make: Callable[[int], Command]) -> Callable[[bytes | None], Command]:
    def build(rest: bytes | None) -> Command:
        return make(_number(rest))

    return build


def _optional_number(
    make: Callable[[int | None], Command],
) -> Callable[[bytes | None], Command]:
    def build(rest: bytes | None) -> Command:
        if rest is None or not rest.strip():
            return make(None)
        return make(_number(rest))

    return build


def _number(rest: bytes | None) -> int:
    """Exactly one decimal number, nearly always without further blanks."""
    if rest is not None and rest.isdigit() and len(rest) <= _MOST_DIGITS:
        return int(rest)
    (number,) = _numbers(rest, 1)
    return number


def _numbers(rest: bytes | None, count: int) -> list[int]:
    """Exactly `count` decimal numbers; digits are ASCII, signs are not digits."""
    words = (rest or b"").split()
    if len(words) != count or not all(
        word.isdigit() and len(word) <= _MOST_DIGITS for word in words
    ):
        raise BadCommand("a number expected" if count == 1 else f"{count} numbers expected")
    return [int(word) for word in words]


def _top(rest: bytes | None) -> Command:
    number, lines = _numbers(rest, 2)
    return Top(number, lines)


def _user(rest: bytes | None) -> Command:
    if not rest or not sasl.one_line(rest):
        raise BadCommand("a name expected")
    return User(rest)


def _pass(rest: bytes | None) -> Command:
    if rest is None or not sasl.one_line(rest):
        raise BadCommand("a password expected")
    return Pass(SecretBytes(rest))


def _apop(rest: bytes | None) -> Command:
    try:
        return Apop(*sasl_digest.parse(rest or b""))
    except sasl.SaslError:
        raise BadCommand("a name and a digest expected") from None


def _auth(rest: bytes | None) -> Command:
    words = (rest or b"").split()
    if len(words) > 2:
        raise BadCommand("a mechanism and at most one initial response expected")
    if not words:
        return Auth(None, None)
    return Auth(words[0].upper(), SecretBytes(words[1]) if len(words) == 2 else None)


_GRAMMAR: Mapping[bytes, Callable[[bytes | None], Command]] = MappingProxyType(
    {
        b"CAPA": _nothing(Capa()),
        b"STLS": _nothing(Stls()),
        b"USER": _user,
        b"PASS": _pass,
        b"APOP": _apop,
        b"AUTH": _auth,
        b"STAT": _nothing(Stat()),
        b"LIST": _optional_number(List),
        b"UIDL": _optional_number(Uidl),
        b"RETR": _one_number(Retr),
        b"TOP": _top,
        b"DELE": _one_number(Dele),
        b"NOOP": _nothing(Noop()),
        b"RSET": _nothing(Rset()),
        b"QUIT": _nothing(Quit()),
    }
)
