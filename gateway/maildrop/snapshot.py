"""The frozen maildrop, the marks made on it, and the plan and outcome of UPDATE.

Columns instead of a list of objects: a maildrop of 100,000 messages is then about
1 MB (two packed arrays) and not 12, and message-number n is index n - 1 of each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

Ref: TypeAlias = int | str
"""A driver's handle of one message. Opaque outside the driver, except that it can be
stored and compared."""


@dataclass(frozen=True, slots=True, repr=False)
class Maildrop:
    """What a session sees from login to QUIT (RFC 1939 §4: numbers never move).

    Attributes:
        epoch: The upstream's generation (IMAP: UIDVALIDITY). Refs mean nothing in another.
        refs: The driver's handle of each message, in message-number order.
        octets: Size of each message with CRLF line ends, before byte-stuffing.
        unique_ids: Each 1-70 octets 0x21-0x7E, all different (RFC 1939 §7).
        total: The sum of `octets`, kept because STAT is frequent and summing is not free.
    """

    epoch: str
    refs: Sequence[Ref]
    octets: Sequence[int]
    unique_ids: Sequence[bytes]
    total: int = field(init=False)

    def __post_init__(self) -> None:
        if not len(self.refs) == len(self.octets) == len(self.unique_ids):
            raise ValueError("a maildrop's columns must have one length")
        object.__setattr__(self, "total", sum(self.octets))

    def __len__(self) -> int:
        return len(self.refs)

    def without(self, gone: frozenset[Ref]) -> "Maildrop":
        """This maildrop less some messages, numbered anew; for use before login ends."""
        stay = [index for index, ref in enumerate(self.refs) if ref not in gone]
        return Maildrop(
            self.epoch,
            [self.refs[index] for index in stay],
            [self.octets[index] for index in stay],
            [self.unique_ids[index] for index in stay],
        )

    def __repr__(self) -> str:
        return f"<Maildrop of {len(self)} messages, {self.total} octets>"


_NONE: Final[frozenset[int]] = frozenset()


class Marks:
    """The message-numbers that DELE marked, and the octets they take off STAT.

    Most sessions mark nothing and hold no set.
    """

    __slots__ = ("_maildrop", "_numbers", "octets")

    def __init__(self, maildrop: Maildrop) -> None:
        self._maildrop = maildrop
        self._numbers: set[int] | frozenset[int] = _NONE
        self.octets = 0

    def add(self, number: int) -> None:
        """Mark a message that is not marked yet."""
        if not isinstance(self._numbers, set):
            self._numbers = set()
        self._numbers.add(number)
        self.octets += self._maildrop.octets[number - 1]

    def clear(self) -> None:
        """Take all marks back (RSET)."""
        self._numbers = _NONE
        self.octets = 0

    def __contains__(self, number: int) -> bool:
        return number in self._numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._numbers))

    def plan(self) -> "CommitPlan":
        """What UPDATE is to do, in message-number order."""
        refs = self._maildrop.refs
        return CommitPlan(self._maildrop.epoch, tuple(refs[n - 1] for n in self))


@dataclass(frozen=True, slots=True)
class CommitPlan:
    """What UPDATE is to remove, and in which epoch that makes sense."""

    epoch: str
    remove: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of each ref of a plan: it is in exactly one of the two."""

    removed: tuple[Ref, ...]
    kept: tuple[Ref, ...]
