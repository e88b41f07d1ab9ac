"""The rules of the contract, by the numbers of docs/rest-mailbox/README.md, and breaches."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

RULES: Mapping[int, str] = MappingProxyType(
    {
        1: "size is the exact number of octets of raw, and so is its Content-Length.",
        2: "raw is always the same octets, with CRLF line ends and a strong ETag.",
        3: "A range is exactly those octets, and only of the message that If-Range names.",
        4: "An id is 1 to 70 characters of 0x21 to 0x7E without /, unique, and never given to "
        "another message of the generation.",
        5: "Oldest first, and the order of two messages never changes.",
        6: "All pages of one list show one state; each message is on one page.",
        7: "state and ETag change when the list changes, and only then; 304 tells that it has "
        "not.",
        8: "changes lead from a known state to the present one; an unknown state is a 410.",
        9: "A deletion removes exactly the ids it names, and tells what became of each.",
        10: "The same Idempotency-Key gets the same answer, and nothing is done twice.",
        11: "Only one has the lock, until it is given back or its time is over.",
        12: "Wrong credentials, or none, are a 401, whatever is asked for.",
        13: "Answers have the shapes of openapi.yaml, errors those of problem+json.",
    }
)


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that is not kept.

    Attributes:
        rule: Its number.
        seen: What was seen.
        remedy: What to do.
    """

    rule: int
    seen: str
    remedy: str

    def __str__(self) -> str:
        return (
            f"FAIL  rule {self.rule}: {self.seen}\n"
            f"      Rule {self.rule}: {RULES[self.rule]}\n"
            f"      What to do: {self.remedy}"
        )


class Skipped(str):
    """Why something was not looked at."""

    __slots__ = ()


class CannotGoOn(Exception):
    """Without this the rest cannot be checked."""

    def __init__(self, breach: Breach) -> None:
        super().__init__(str(breach))
        self.breach = breach
