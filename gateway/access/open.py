"""AUTHORIZATION → TRANSACTION: authenticate, take the lease, freeze the maildrop."""

from dataclasses import dataclass
from typing import ClassVar

from gateway.access.delay import LoginDelays
from gateway.access.journal import Journal
from gateway.access.lease import Lease, LeaseStore
from gateway.backend.port import Backend, BackendSession
from gateway.maildrop import CommitPlan, Login, Maildrop
from gateway.telemetry import Emitter, Event, Level


@dataclass(frozen=True, slots=True)
class InterruptedUpdateSettled(Event):
    """A plan that a crash had interrupted was carried out at the next login."""

    removed: int
    kept: int


@dataclass(frozen=True, slots=True)
class InterruptedUpdateDropped(Event):
    """A plan that a crash had interrupted means nothing any more: another epoch."""

    level: ClassVar[Level] = "warning"


@dataclass(slots=True)
class OpenMaildrop:
    """A maildrop in TRANSACTION with all that must be given back.

    Attributes:
        account: Whose it is, as the journal knows it.
        maildrop: The snapshot.
        upstream: The session behind it.
    """

    account: str
    maildrop: Maildrop
    upstream: BackendSession
    lease: Lease

    async def release(self) -> None:
        """Give the lease back at once, then end the upstream session."""
        self.lease.release()
        await self.upstream.close()


class Opener:
    """Opens maildrops of one backend.

    Args:
        backend: Where the mail is.
        upstream: Names the backend, so that a plan written down for one upstream can
            never be carried out on another that happens to have the same epoch.
        leases: Keeps two sessions off one maildrop.
        journal: Tells of an UPDATE that a crash interrupted.
        delays: LOGIN-DELAY.
        emit: Takes the events.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        upstream: str,
        leases: LeaseStore,
        journal: Journal,
        delays: LoginDelays,
        emit: Emitter,
    ) -> None:
        self._backend = backend
        self._upstream = upstream
        self._leases = leases
        self._journal = journal
        self._delays = delays
        self._emit = emit

    async def open(self, login: Login) -> OpenMaildrop:
        """Authenticate first, so that nobody can hold or probe a lease without a password.

        Raises:
            BadCredentials, ConsentMissing, Throttled, MaildropBusy, Unavailable, Misconfigured
        """
        upstream = await self._backend.open(login)
        try:
            return await self._lease(login, upstream)
        except BaseException:
            await upstream.close()
            raise

    async def _lease(self, login: Login, upstream: BackendSession) -> OpenMaildrop:
        exclusive = account_of(login, self._upstream)
        account = exact_account_of(login, self._upstream)
        lease = await self._leases.acquire(exclusive)
        try:
            self._delays.check(exclusive)
            maildrop = await self._settle(account, upstream, await upstream.snapshot())
            self._delays.note(exclusive)
        except BaseException:
            lease.release()
            raise
        return OpenMaildrop(account, maildrop, upstream, lease)

    async def _settle(
        self, account: str, upstream: BackendSession, maildrop: Maildrop
    ) -> Maildrop:
        """Finish what a crash interrupted, before the client sees a message of it."""
        plan = self._journal.interrupted(account)
        if plan is None:
            return maildrop
        if plan.epoch != maildrop.epoch:
            self._emit(InterruptedUpdateDropped())
            self._journal.clear(account)
            return maildrop
        present = set(maildrop.refs)
        rest = CommitPlan(plan.epoch, tuple(ref for ref in plan.remove if ref in present))
        outcome = await upstream.commit(rest)
        self._emit(InterruptedUpdateSettled(len(outcome.removed), len(outcome.kept)))
        self._journal.clear(account)
        return maildrop.without(frozenset(outcome.removed))


def account_of(login: Login, upstream: str) -> str:
    """The name under which leases and delays know an account.

    Mail servers take names in any letter case; two spellings must not get two leases.
    """
    return exact_account_of(login, upstream).casefold()


def exact_account_of(login: Login, upstream: str) -> str:
    """The name under which the journal knows an account: no two names have the same.

    To servers that do tell letter case apart, two spellings are two people, and a plan of
    one carried out on the mailbox of the other would remove mail that nobody marked.
    """
    user = login.user.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
    return f"{upstream} {user}"
