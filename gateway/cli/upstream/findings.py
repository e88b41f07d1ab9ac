"""What a check found out: one line for the reader, and whether it stands in the way."""

from dataclasses import dataclass
from enum import Enum


class Mark(Enum):
    """How a finding is to be taken."""

    GOOD = "ok"
    NOTE = ""
    DOUBT = "note"
    BAD = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found out, in words for the administrator."""

    mark: Mark
    text: str

    def __str__(self) -> str:
        first, *more = self.text.split("\n")
        lines = [f"{self.mark.value:<6}{first}", *(f"      {line}" for line in more)]
        return "\n".join(lines).rstrip()


class CheckFailed(Exception):
    """The check cannot go on; the text says why and what to do."""


def good(text: str) -> Finding:
    """It is as it should be."""
    return Finding(Mark.GOOD, text)


def note(text: str) -> Finding:
    """Worth knowing."""
    return Finding(Mark.NOTE, text)


def doubt(text: str) -> Finding:
    """It works, and there is something to know about it."""
    return Finding(Mark.DOUBT, text)


def bad(text: str) -> Finding:
    """It does not work."""
    return Finding(Mark.BAD, text)


def counted(number: int, noun: str) -> str:
    """`1 message`, `2 messages`."""
    return f"{number:,} {noun}".replace(",", " ") + ("" if number == 1 else "s")
