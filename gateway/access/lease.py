"""The exclusive lease on a maildrop (RFC 1939 §4), a port and its store in one process."""

from typing import Protocol

from gateway.errors import MaildropBusy


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
