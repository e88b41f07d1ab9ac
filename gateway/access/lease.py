"""The exclusive lease on a maildrop (RFC 1939 §4): a port and its stores."""

import errno
import fcntl
import os
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

from gateway.errors import MaildropBusy, Misconfigured, Unavailable


class Lease(Protocol):
    """Held from login until the maildrop is released."""

    def release(self) -> None:
        """Give it back at once; further calls do nothing."""


class LeaseStore(Protocol):
    """Where leases are kept."""

    async def acquire(self, account: str) -> Lease:
        """Take the lease of an account's maildrop.

        Raises:
            MaildropBusy: Somebody holds it.
        """


class ProcessLeases:
    """Leases among the sessions of this process; they end with it."""

    def __init__(self) -> None:
        self._held: set[str] = set()

    async def acquire(self, account: str) -> Lease:
        """See `LeaseStore`."""
        if account in self._held:
            raise MaildropBusy(f"lease of {account!r} is held")
        self._held.add(account)
        return _ProcessLease(self._held, account)

    def __len__(self) -> int:
        return len(self._held)


class _ProcessLease:
    __slots__ = ("_account", "_held", "_released")

    def __init__(self, held: set[str], account: str) -> None:
        self._held = held
        self._account = account
        self._released = False

    def release(self) -> None:
        if not self._released:
            self._released = True
            self._held.discard(self._account)


class FileLeases:
    """Leases among all workers: locks on one octet each of a file.

    The kernel gives back what a process held in the moment it dies, and a lock costs a
    microsecond. Which octet stands for an account is a hash of 62 bits.

    Args:
        path: The file; it stays empty. Must be on a local disk.

    Raises:
        Misconfigured: Its file system has no locks, or the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        # POSIX locks do not tell apart the sessions of one process.
        self._own = ProcessLeases()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._lock("", fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._lock("", fcntl.LOCK_UN)
        except OSError as error:
            raise Misconfigured(
                f"cannot lock {path}: {error.strerror}; "
                "give a directory on a local disk with --state-dir"
            ) from error

    async def acquire(self, account: str) -> Lease:
        """See `LeaseStore`."""
        lease = await self._own.acquire(account)
        try:
            self._lock(account, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lease.release()
            if error.errno in {errno.EACCES, errno.EAGAIN}:
                raise MaildropBusy(f"another worker holds the lease of {account!r}") from error
            raise Unavailable(f"leases: {error.strerror}") from error
        return _FileLease(lease, partial(self._lock, account, fcntl.LOCK_UN))

    def close(self) -> None:
        """Give back all that is held."""
        os.close(self._file)

    def _lock(self, account: str, how: int) -> None:
        digest = blake2b(account.encode("utf-8", "surrogateescape"), digest_size=8).digest()
        octet = int.from_bytes(digest, "big") >> 2
        fcntl.lockf(self._file, how, 1, octet)


class _FileLease:
    __slots__ = ("_lease", "_unlock")

    def __init__(self, lease: Lease, unlock: Callable[[], None]) -> None:
        self._lease = lease
        self._unlock: Callable[[], None] | None = unlock

    def release(self) -> None:
        unlock, self._unlock = self._unlock, None
        if unlock is not None:
            unlock()
            self._lease.release()
