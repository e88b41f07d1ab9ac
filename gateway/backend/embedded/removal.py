"""UPDATE on a Maildir: exactly these files go, and the disk knows it before we say so."""

import errno
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.backend.embedded.maildir import Found, scan
from gateway.errors import Unavailable


@dataclass(slots=True)
class Removal:
    """What became of each ref, and why some were kept."""

    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)


def find_again(directory: Path, ref: str, shown: Found | None) -> Found | None:
    """Where a message is now that another program has renamed its file."""
    return _same(scan(directory).messages.get(ref), shown)


def remove(directory: Path, refs: Iterable[str], shown: Mapping[str, Found]) -> Removal:
    """Unlink these messages; one that is not there any more counts as removed.

    Args:
        directory: The Maildir.
        refs: What to remove.
        shown: The files as the session has seen them. A ref that is not among them (a plan
            of an earlier session) is looked for.

    Raises:
        Misconfigured: The directory is no Maildir any more.
        Unavailable: The files are gone but the disk would not confirm it.
    """
    removal = Removal()
    listing: Mapping[str, Found] | None = None
    for ref in refs:
        found = shown.get(ref)
        if found is not None and _unlink(ref, found, removal):
            continue
        if listing is None:
            listing = scan(directory).messages
        again = _same(listing.get(ref), found)
        if again is None or not _unlink(ref, again, removal):
            removal.removed.append(ref)
    _make_durable(directory)
    return removal


def _same(found: Found | None, shown: Found | None) -> Found | None:
    # A file of the same unique name that the client was never shown is not in the plan.
    return found if shown is None or (found and found.stamp == shown.stamp) else None


def _unlink(ref: str, found: Found, removal: Removal) -> bool:
    """Whether the file's fate is settled; False if it is not at this path any more."""
    try:
        os.unlink(found.path)  # noqa: PTH108 (names may hold any octets; no Path is needed)
        _unlink_twins(found)
    except FileNotFoundError:
        return False
    except OSError as error:
        removal.kept.append(ref)
        removal.problems.append((found.path, error.strerror or str(error)))
    else:
        removal.removed.append(ref)
    return True


def _unlink_twins(found: Found) -> None:
    for path in found.twins:
        try:
            os.unlink(path)  # noqa: PTH108
        except FileNotFoundError:
            continue


def _make_durable(directory: Path, sync: Callable[[int], None] = os.fsync) -> None:
    for place in ("cur", "new"):
        try:
            descriptor = os.open(directory / place, os.O_RDONLY | os.O_DIRECTORY)
            try:
                sync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            # Some file systems cannot sync a directory and say EINVAL; there is no more to do.
            if error.errno != errno.EINVAL:
                raise Unavailable(f"{directory}/{place}: fsync: {error.strerror}") from error
