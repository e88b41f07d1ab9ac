"""The commands of an UPDATE: steps, UID sets that they are for, their order. Knows no I/O."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeAlias

from gateway.backend.imap.encoder import Word, uid_sets
from gateway.backend.imap.responses import Status

_DELETED = rb"(\Deleted)"
# What is in flight at once: four commands for each set make these 64 KiB.
_WAVE_OCTETS = 16 << 10
_WAVE_UIDS = 10_000

Wave: TypeAlias = list[tuple[bytes, list[int]]]
"""UID sets of which the commands go out together, each with the UIDs that it names."""
Words: TypeAlias = tuple[Word, ...]


@dataclass(slots=True)
class Step:
    """One command for each UID set of a wave.

    Attributes:
        deed: What it is called in events.
        before, after: The command's words around the set.
        found: Of a search: what it finds.
        excused: Whether a missing folder is no refusal, because it will be made.
        statuses: How the commands ended, in the order of the sets.
    """

    deed: str
    before: tuple[bytes, ...]
    after: tuple[Word, ...] = ()
    found: set[int] | None = None
    excused: bool = False
    statuses: list[Status] = field(default_factory=list)


def store(sign: bytes) -> Step:
    r"""Set or clear \Deleted."""
    return Step("STORE", (b"UID", b"STORE"), (sign + b"FLAGS.SILENT", _DELETED))


def expunge() -> Step:
    """Remove what is marked, of the UIDs named."""
    return Step("UID EXPUNGE", (b"UID", b"EXPUNGE"))


def look(found: set[int], *also: bytes) -> Step:
    """Which of the UIDs are there."""
    return Step("SEARCH", (b"UID", b"SEARCH", b"UID"), also, found)


def waves(uids: Iterable[int]) -> Iterator[Wave]:
    """A plan in pieces, so that neither side ever holds all of a large one."""
    wave: Wave = []
    octets = count = 0
    for uid_set, named in uid_sets(uids, count=_WAVE_UIDS):
        octets, count = octets + len(uid_set), count + len(named)
        if wave and (octets > _WAVE_OCTETS or count > _WAVE_UIDS):
            yield wave
            wave, octets, count = [], len(uid_set), len(named)
        wave.append((uid_set, named))
    if wave:
        yield wave


def named(wave: Wave) -> set[int]:
    """The UIDs of a wave."""
    return set(chain.from_iterable(uids for _, uids in wave))


def commands(wave: Wave, steps: Iterable[Step]) -> Iterator[tuple[Step | None, Words]]:
    """All commands in order: the steps of one set before those of the next.

    Dovecot takes up to four commands at once (CLIENT_COMMAND_QUEUE_MAX_SIZE), and removes
    messages and says OK after the last of them. A UID SEARCH among the three behind a UID
    EXPUNGE or UID MOVE finds what that was to remove, and of two searches among four nobody
    could tell whose result is whose. So three times NOOP comes before each.
    """
    first = True
    for uid_set, _ in wave:
        for step in steps:
            if step.found is not None and not first:
                yield from [(None, (b"NOOP",))] * 3
            first = False
            yield step, (*step.before, uid_set, *step.after)
