"""Reading a Maildir: which files are messages, in which order, and how long they are.

Everything here blocks and is meant for a thread. https://cr.yp.to/proto/maildir.html
"""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from gateway.backend.embedded.crlf import CrlfCounter
from gateway.errors import Misconfigured
from gateway.maildrop import uidl

CHUNK = 128 * 1024

# new/ first: a file that another program moves to cur/ meanwhile is then seen twice, not
# never, and one of the two is dropped again because both are one inode.
_PLACES = ("new", "cur")
_DELIVERED = re.compile(r"[0-9]+")
_SIZES = re.compile(r",([SW])=([0-9]+)")

Stamp: TypeAlias = tuple[int, int]
"""Size and mtime in ns: what stays when a file is renamed, and hardly ever recurs."""


@dataclass(frozen=True, slots=True)
class Found:
    """One file that is a message.

    Attributes:
        path: Where it was when we looked; its name changes with its flags.
        unique: The part of the name that stays: without flags and without sizes.
        stamp: Tells this file from another of the same name.
        inode: Tells two names of one file from two files.
        twins: Other names of the same file (a delivery or a move that was interrupted
            between link and unlink); they go when it goes.
    """

    path: str
    unique: str
    stamp: Stamp
    inode: tuple[int, int]
    twins: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[int, str]:
        """By the time of delivery, then by name: the same order in every session."""
        time = _DELIVERED.match(self.unique)
        return (int(time[0]) if time else 0, self.unique)


@dataclass(frozen=True, slots=True)
class Listing:
    """What a Maildir holds.

    Attributes:
        messages: By ref.
        hidden: Files that are not shown, as another file has the same unique name.
    """

    messages: Mapping[str, Found]
    hidden: tuple[str, ...]


def scan(directory: Path) -> Listing:
    """All messages of a Maildir, by ref.

    The ref is the text of the unique-id: made of the unique name, never of flags, and
    clean ASCII whatever octets the name has, so that a journal can store it.

    A name that occurs twice (a copy made by hand; Maildir forbids it) is shown once, the
    file in cur/ winning: two messages with one unique-id would be worse, as clients keep
    only one of them (RFC 1939 §7), and a number added to tell them apart would move to
    the other when the first is deleted.

    Raises:
        Misconfigured: This is no Maildir. A missing one is not taken for an empty one, nor
            made: the usual cause is a disk that is not mounted.
    """
    messages: dict[str, Found] = {}
    hidden: list[str] = []
    for found in _files(directory):
        ref = uidl.from_opaque(found.unique).decode("ascii")
        other = messages.get(ref)
        messages[ref] = found if other is None else _one_of(found, other, hidden)
    return Listing(messages, tuple(hidden))


def _one_of(found: Found, other: Found, hidden: list[str]) -> Found:
    # By path: the same choice every time, and cur/ before new/.
    shown, loser = (found, other) if found.path < other.path else (other, found)
    if shown.inode != loser.inode:
        hidden.append(loser.path)
        return shown
    return replace(shown, twins=(*shown.twins, loser.path, *loser.twins))


def _files(directory: Path) -> Iterator[Found]:
    for place in _PLACES:
        try:
            with os.scandir(directory / place) as entries:
                yield from filter(None, map(_found, entries))
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            raise Misconfigured(
                f"{directory} is not a Maildir that can be read: {place}/: {error.strerror};"
                " make cur, new and tmp in it, or mount the disk it is on",
            ) from error


def _found(entry: "os.DirEntry[str]") -> Found | None:
    # A name with a leading dot is not a message by the definition of Maildir. A symbolic
    # link is none either: it would let mail be read, and removed, outside the Maildir.
    if entry.name.startswith("."):
        return None
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    stamp = (status.st_size, status.st_mtime_ns)
    return Found(entry.path, unique_name(entry.name), stamp, (status.st_dev, status.st_ino))


def unique_name(name: str) -> str:
    """The part of a file name that stays.

    Flags follow the first colon. `,S=` and `,W=` are sizes and not part of it, since
    servers add and correct them by renaming.
    """
    return _SIZES.sub("", name.partition(":")[0])


def octets_by_name(found: Found) -> int | None:
    """The length in CRLF form according to `,W=` in the name, if that can be believed.

    The deliverer wrote it down when it had the whole message in hand, but an editor may
    have been at the file since. `,S=`, the length on disk, is the witness: without it, or
    when it does not agree with the file, W is not believed and the file is counted. A W
    that lies all the same is noticed when the body passes.
    """
    sizes = dict(_SIZES.findall(os.path.basename(found.path).partition(":")[0]))  # noqa: PTH119
    size = found.stamp[0]
    if "W" not in sizes or int(sizes.get("S", -1)) != size:
        return None
    octets = int(sizes["W"])
    return octets if size <= octets <= 2 * size else None


def octets_by_reading(found: Found) -> int:
    """The length in CRLF form, by reading the file in slices."""
    counter = CrlfCounter()
    descriptor = open_message(found.path)
    try:
        while chunk := os.read(descriptor, CHUNK):
            counter.add(chunk)
    finally:
        os.close(descriptor)
    return counter.octets


def open_message(path: str) -> int:
    """A descriptor of the file, which must not have become a symbolic link."""
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
