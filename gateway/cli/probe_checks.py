"""The judgement of `probe`: what a server said, and whether that is POP3. Pure."""

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.maildrop import uidl
from gateway.telemetry import printable

_ROW = re.compile(rb"([0-9]{1,10}) +([^ ].*)\Z", re.DOTALL)
_STAT = re.compile(rb"\+OK ([0-9]{1,10}) ([0-9]{1,20})(?: .*)?\Z", re.DOTALL)


class Verdict(enum.StrEnum):
    """What came of a check."""

    PASS = "PASS"  # noqa: S105 (not a password)
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Check:
    """One check with its verdict and a sentence that says why."""

    name: str
    verdict: Verdict
    text: str


class Unreadable(ValueError):
    """A row that is not of the form the RFC gives."""


def passed(name: str, text: str) -> Check:
    """It is as it should be."""
    return Check(name, Verdict.PASS, text)


def warned(name: str, text: str) -> Check:
    """It is allowed, but clients will not like it; or it could not be tried."""
    return Check(name, Verdict.WARN, text)


def failed(name: str, text: str) -> Check:
    """It breaks the RFC."""
    return Check(name, Verdict.FAIL, text)


def either(name: str, holds: object, good: str, bad: str) -> Check:
    """PASS if it holds, FAIL if not."""
    return passed(name, good) if holds else failed(name, bad)


def sizes(lines: Sequence[bytes]) -> dict[int, int]:
    """The rows of LIST.

    Raises:
        Unreadable: A row is not `n octets`.
    """
    return {number: _octets(value) for number, value in map(_row, lines)}


def unique_ids(lines: Sequence[bytes]) -> dict[int, bytes]:
    """The rows of UIDL; the unique-ids themselves are judged by `unique_ids_hold`."""
    return dict(map(_row, lines))


def _row(line: bytes) -> tuple[int, bytes]:
    match = _ROW.match(line)
    if match is None:
        raise Unreadable(f"not a number and a value: {printable(line)}")
    return int(match[1]), match[2]


def _octets(value: bytes) -> int:
    # RFC 1939 §5: octets may be followed by more, after a space.
    first = value.split(b" ", 1)[0]
    if not first.isdigit():
        raise Unreadable(f"not a number of octets: {printable(value)}")
    return int(first)


def greeting(line: bytes) -> Check:
    """RFC 1939 §4: the server speaks first."""
    return either(
        "greeting",
        line.startswith(b"+OK"),
        "the server greets with +OK",
        f"the server does not want us: {printable(line)}",
    )


def login(line: bytes) -> Check:
    """The answer to PASS or AUTH."""
    return either(
        "login",
        line.startswith(b"+OK"),
        "name and password were accepted",
        f"the login was refused: {printable(line)}",
    )


def stat(line: bytes, listed: Mapping[int, int], name: str = "STAT") -> Check:
    """RFC 1939 §5: STAT is the number and the sum of what LIST shows."""
    match = _STAT.match(line)
    if match is None:
        return failed(name, f"not `+OK n octets`: {printable(line)}")
    said, shown = (int(match[1]), int(match[2])), (len(listed), sum(listed.values()))
    return either(
        name,
        said == shown,
        f"{shown[0]} messages of {shown[1]} octets, as LIST has it",
        f"STAT says {said[0]} messages of {said[1]} octets, LIST {shown[0]} of {shown[1]}",
    )


def numbers(listed: Mapping[int, int]) -> Check:
    """RFC 1939 §5: message-numbers are 1 to n."""
    return either(
        "message-numbers",
        list(listed) == list(range(1, len(listed) + 1)),
        f"LIST counts from 1 to {len(listed)}" if listed else "LIST is empty, as it may be",
        "LIST does not count 1, 2, 3 … without a gap",
    )


def unique_ids_hold(ids: Mapping[int, bytes], listed: Mapping[int, int]) -> list[Check]:
    """RFC 1939 §7: the same messages as LIST, of the right form, all different."""
    bad = [value for value in ids.values() if not uidl.is_valid(value)]
    seen: dict[bytes, int] = {}
    twice = [
        (number, seen[value])
        for number, value in ids.items()
        if seen.setdefault(value, number) != number
    ]
    return [
        either(
            "UIDL numbers",
            set(ids) == set(listed),
            "UIDL shows the messages that LIST shows",
            "UIDL shows other message-numbers than LIST",
        ),
        either(
            "UIDL form",
            not bad,
            "each unique-id is 1 to 70 octets of 0x21-0x7E",
            f"not 1 to 70 octets of 0x21-0x7E: {', '.join(map(printable, bad[:3]))}",
        ),
        either(
            "UIDL unique",
            not twice,
            "no two messages share a unique-id",
            "clients lose one of two messages that share a unique-id: "
            + ", ".join(f"{first} and {second}" for second, first in twice[:3]),
        ),
    ]


def single(command: str, number: int, line: bytes, expected: bytes) -> Check:
    """LIST n and UIDL n say what the list said."""
    wanted = b"+OK %d %b" % (number, expected)
    return either(
        f"{command} n",
        line == wanted or line.startswith(wanted + b" "),
        f"{command} {number} agrees with {command}",
        f"{command} {number} should be `{printable(wanted)}` but is `{printable(line)}`",
    )


def marked(number: int, before: Mapping[int, int], after: Mapping[int, int]) -> list[Check]:
    """RFC 1939 §5: DELE hides a message, and no other message changes its number."""
    rest = {n: octets for n, octets in before.items() if n != number}
    return [
        either(
            "DELE hides",
            number not in after or len(after) < len(before),  # the next one may have moved up
            f"message {number} is not listed after DELE {number}",
            f"message {number} is listed though it was marked",
        ),
        either(
            "numbers stay",
            after in (rest, before),
            "the other messages keep their numbers",
            f"after DELE {number}, LIST shows {_rows(after)} instead of {_rows(rest)}: a client"
            " that goes on deleting by number deletes the wrong messages",
        ),
    ]


def _rows(listed: Mapping[int, int]) -> str:
    shown = ", ".join(f"{number} {octets}" for number, octets in list(listed.items())[:4])
    return f"[{shown}{', …' if len(listed) > 4 else ''}]"


def unmarked(before: Mapping[int, int], after: Mapping[int, int]) -> Check:
    """RFC 1939 §5: RSET takes all marks back."""
    return either(
        "RSET",
        before == after,
        "RSET brings the marked message back",
        "after RSET, LIST is not what it was before DELE",
    )


def refused(command: str, reply: bytes, alive: bytes) -> Check:
    """A wrong command gets -ERR, and the session goes on."""
    if not reply.startswith(b"-ERR"):
        return failed(command, f"{command} was answered with `{printable(reply)}`")
    return either(
        command,
        alive.startswith(b"+OK"),
        "refused with -ERR, and the session goes on",
        f"refused, but then NOOP got `{printable(alive)}`",
    )


def pipelined(announced: bool, replies: Sequence[bytes], problem: str) -> Check:
    """RFC 2449 §6.6: the answers to NOOP, STAT, NOOP sent in one packet."""
    if not announced:
        return passed("PIPELINING", "not announced, so not tried")
    if problem:
        return failed("PIPELINING", f"announced, but three commands in one packet: {problem}")
    in_order = len(replies) == 3 and _STAT.match(replies[1]) and not _STAT.match(replies[0])
    return either(
        "PIPELINING",
        in_order and all(reply.startswith(b"+OK") for reply in replies),
        "three commands in one packet got three answers in order",
        "three commands in one packet got " + ", ".join(map(printable, replies)),
    )


def same_tomorrow(first: Mapping[int, bytes], second: Mapping[int, bytes]) -> Check:
    """RFC 1939 §7: a unique-id persists across sessions. New mail may have come."""
    lost = set(first.values()) - set(second.values())
    return either(
        "UIDL persists",
        not lost,
        "a second session shows the same unique-ids",
        f"{len(lost)} unique-ids were not there in a second session:"
        " clients that keep mail on the server fetch it again",
    )
