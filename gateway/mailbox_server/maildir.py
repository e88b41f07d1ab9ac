"""A Maildir as a store: https://cr.yp.to/proto/maildir.html ."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from gateway.backend.embedded import maildir as files
from gateway.backend.embedded.removal import find_again, remove
from gateway.errors import Failure
from gateway.mailbox_server.crlf_octets import CrlfOctets
from gateway.mailbox_server.store import Message, Mode, StoreUnavailable
from gateway.maildrop import uidl

_SETTLED_NS = 2_000_000_000


class MaildirStore:
    """Implements `gateway.mailbox_server.store.Store`.

    The id of a message is made of what stays when its file is renamed (the unique part of the
    name, the size, the time): a file put in the place of another has another id.

    Args:
        directory: It holds cur, new and tmp.
        now_ns: The time of day in nanoseconds.
    """

    def __init__(self, directory: Path, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._directory = directory
        self._now_ns = now_ns
        self._messages: Sequence[Message] = ()
        self._files: dict[str, files.Found] = {}
        self._seen: tuple[int, ...] = ()
        self._dirty = True

    @property
    def generation(self) -> str:
        """Always the same: file names are unique for good by the definition of Maildir."""
        return "1"

    def messages(self) -> Sequence[Message]:
        """By the time of delivery; see the protocol."""
        began = self._now_ns()
        try:
            seen = self._times()
            if self._dirty or seen != self._seen:
                self._read()
        except (Failure, OSError) as error:
            raise StoreUnavailable(str(error)) from error
        # Two changes within one tick of the file system's clock leave one time: only what
        # is older than that can be trusted to be the last.
        self._seen, self._dirty = seen, began - max(seen) < _SETTLED_NS
        return self._messages

    def _times(self) -> tuple[int, ...]:
        return tuple((self._directory / place).stat().st_mtime_ns for place in ("new", "cur"))

    def _read(self) -> None:
        known = {message.id: message for message in self._messages}
        listing = files.scan(self._directory).messages.values()
        found = {_id(file): file for file in sorted(listing, key=lambda file: file.order)}
        messages = {}
        for message_id, file in found.items():
            message = known.get(message_id) or _message(message_id, file)
            if message is not None:
                messages[message_id] = message
        self._files = found
        if list(messages) != list(known):
            self._messages = tuple(messages.values())

    def open(self, message_id: str, start: int, stop: int) -> CrlfOctets | None:
        """The file in CRLF form; see the protocol."""
        file = self._files.get(message_id)
        if file is None:
            return None
        try:
            descriptor = self._opened(message_id, file)
            return None if descriptor is None else CrlfOctets(descriptor, start, stop)
        except (Failure, OSError) as error:
            raise StoreUnavailable(str(error)) from error

    def _opened(self, message_id: str, file: files.Found) -> int | None:
        descriptor = _descriptor(file)
        if descriptor is None:
            # Read by somebody, and so renamed: the flags of a message are in its file's name.
            again = find_again(self._directory, _ref(file), file)
            if again is None:
                return None
            self._files[message_id] = again
            descriptor = _descriptor(again)
        return descriptor

    def remove(self, ids: Sequence[str], mode: Mode) -> Mapping[str, str]:
        """Unlink, or move to `.Trash` as Maildir++ has it; see the protocol."""
        names = {_ref(self._files[each]): each for each in ids}
        shown = {ref: self._files[each] for ref, each in names.items()}
        self._dirty = True
        try:
            kept = self._link_to_trash(shown) if mode == "trash" else set()
            removal = remove(self._directory, [ref for ref in shown if ref not in kept], shown)
        except (Failure, OSError) as error:
            raise StoreUnavailable(str(error)) from error
        return {names[ref]: "its file could not be removed" for ref in kept | {*removal.kept}}

    def _link_to_trash(self, shown: dict[str, files.Found]) -> set[str]:
        """First a second name in `.Trash`, then the first one goes: never none at all."""
        trash = self._directory / ".Trash"
        for place in ("cur", "new", "tmp"):
            (trash / place).mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = {ref for ref in shown if not _link(self._directory, ref, shown, trash / "cur")}
        descriptor = os.open(trash / "cur", os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return kept


def _ref(file: files.Found) -> str:
    return uidl.from_opaque(file.unique).decode("ascii")


def _id(file: files.Found) -> str:
    size, time_ns = file.stamp
    text = f"{size} {time_ns} {file.unique}"
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _message(message_id: str, file: files.Found) -> Message | None:
    """None if it has just gone."""
    try:
        # Counted and not taken from its name, which may be wrong (rule 1).
        size = files.octets_by_reading(file)
    except FileNotFoundError:
        return None
    received = datetime.fromtimestamp(file.stamp[1] // 1_000_000_000, UTC)
    return Message(message_id, size, received.isoformat().replace("+00:00", "Z"))


def _descriptor(file: files.Found) -> int | None:
    """The file, open; None if it is not there or is another by now."""
    try:
        descriptor = files.open_message(file.path)
    except FileNotFoundError:
        return None
    status = os.fstat(descriptor)
    if file.stamp == (status.st_size, status.st_mtime_ns):
        return descriptor
    os.close(descriptor)
    return None


def _link(directory: Path, ref: str, shown: dict[str, files.Found], trash: Path) -> bool:
    """Whether the file has its name in the trash, or is not there any more."""
    for _ in range(2):
        file = shown[ref]
        try:
            os.link(file.path, trash / f"{file.unique}:2,S", follow_symlinks=False)
        except FileNotFoundError:
            again = find_again(directory, ref, file)
            if again is None:
                return True
            shown[ref] = again
        except FileExistsError:
            # From an attempt that ended between the two steps; another file is kept.
            return (trash / f"{file.unique}:2,S").stat().st_ino == file.inode[1]
        except OSError:
            return False
        else:
            return True
    return False
