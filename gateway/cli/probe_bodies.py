"""The judgement of `probe` on messages: octets, byte-stuffing, TOP. Pure."""

import re
from collections.abc import Mapping

from gateway.cli.probe_checks import Check, either, failed, passed, warned

_UNSTUFFED = re.compile(rb"(?:\A|\r\n)\.(?!\.)")
_BARE_LF = re.compile(rb"(?<!\r)\n")


def body(number: int, listed: int, wire: bytes, octets: bytes, surplus: bytes) -> list[Check]:
    """RETR of one message.

    Args:
        number: Its message-number.
        listed: Its octets by LIST.
        wire: What came, with stuffing.
        octets: The same without.
        surplus: What the server sent after the terminator without being asked.
    """
    name = f"RETR {number}"
    if surplus:
        return [
            failed(
                name,
                f"the message ended after {len(octets)} of {listed} octets and its rest came as"
                " if it were answers: a line with a single dot was not stuffed (RFC 1939 §3)",
            )
        ]
    return [_octets(name, listed, octets), *_stuffing(name, wire), *_line_ends(name, octets)]


def _octets(name: str, listed: int, octets: bytes) -> Check:
    got = len(octets)
    if got == listed:
        return passed(name, f"{got} octets, as LIST says")
    if got == listed + 2 and octets.endswith(b"\r\n"):
        # The terminator needs a line end in front of it that the message may not have.
        return passed(name, f"{listed} octets, as LIST says, and the last line end was added")
    what = "is cut short" if got < listed else "is longer than announced"
    return failed(name, f"LIST says {listed} octets, the message has {got}: it {what}")


def _stuffing(name: str, wire: bytes) -> list[Check]:
    if _UNSTUFFED.search(wire) is None:
        return []
    return [
        failed(
            f"{name} dots",
            "a line begins with a single dot: clients take it away, and a lone one ends the"
            " message (RFC 1939 §3)",
        )
    ]


def _line_ends(name: str, octets: bytes) -> list[Check]:
    if _BARE_LF.search(octets) is None:
        return []
    return [
        warned(f"{name} line ends", "a line ends with LF alone: lines end with CRLF in POP3")
    ]


def top(number: int, count: int, octets: bytes, whole: bytes) -> Check:
    """TOP n k: the header, the blank line, and k lines of the text (RFC 1939 §7)."""
    name = f"TOP {number} {count}"
    wanted = first_lines(whole, count)
    if octets == wanted:
        return passed(
            name, f"{'the header' if count == 0 else 'the beginning'} of RETR {number}"
        )
    if octets and whole.startswith(octets) and octets.endswith(b"\r\n"):
        lines = f"{_lines(octets)} lines instead of {_lines(wanted)}"
        return warned(name, f"a beginning of RETR {number}, but of {lines}")
    return failed(name, f"is not the beginning of RETR {number}")


def first_lines(whole: bytes, count: int) -> bytes:
    """The header, the blank line and so many lines of the text."""
    header, blank, text = whole.partition(b"\r\n\r\n")
    if not blank:
        return whole
    lines = text.split(b"\r\n", count)
    kept = b"".join(line + b"\r\n" for line in lines[:count])
    # A text with fewer lines ends as it ends.
    return header + blank + (kept if len(lines) > count else text)


def _lines(octets: bytes) -> int:
    return octets.count(b"\n")


def same_again(number: int, first: bytes, second: bytes) -> Check:
    """A message fetched twice is the same."""
    return either(
        "RETR twice",
        first == second,
        f"message {number} is the same when fetched again",
        f"message {number} is another when fetched again",
    )


def chosen(listed: Mapping[int, int], most: int = 10, octets: int = 8 << 20) -> list[int]:
    """Which messages to fetch: evenly spread, and together not too long."""
    every = list(listed)
    step = max(1, len(every) // most)
    numbers, total = [], 0
    for number in [*every[::step], *every[-1:]]:
        if number not in numbers and total + listed[number] <= octets:
            numbers.append(number)
            total += listed[number]
    return numbers
