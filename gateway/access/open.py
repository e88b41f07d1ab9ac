"""AUTHORIZATION → TRANSACTION: authenticate, take the lease, freeze the maildrop."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from gateway.access.delay import LoginDelays
from gateway.access.journal import Journal
from gateway.access.lease import Lease, LeaseStore
from gateway.accounts.door import Admission, Door
from gateway.backend.port import Backend, BackendSession
from gateway.errors import (
    BadCredentials,
    ConsentMissing,
    Failure,
    Misconfigured,
    Unavailable,
)
from gateway.maildrop import (
    Attempt,
    BearerToken,
    CommitPlan,
    Login,
    Maildrop,
    ScramVerifier,
)
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
        lease: Keeps others off it.
        admission: Who was let in, and where to.
    """

    account: str
    maildrop: Maildrop
    upstream: BackendSession
    lease: Lease
    admission: Admission

    async def release(self) -> None:
        """Give the lease back at once, then end the upstream session."""
        self.lease.release()
        await self.upstream.close()


class Opener:
    """Opens maildrops.

    Args:
        door: Decides who is let in.
        backends: The backend of an upstream's URL; of the settings' own if that is empty.
        upstream: Names the settings' own upstream, so that a plan written down for one
            upstream can never be carried out on another that happens to have the same epoch.
        leases: Keeps two sessions off one maildrop.
        journal: Tells of an UPDATE that a crash interrupted.
        delays: LOGIN-DELAY.
        emit: Takes the events.
    """

    def __init__(
        self,
        *,
        door: Door,
        backends: Callable[[str], Backend],
        upstream: str,
        leases: LeaseStore,
        journal: Journal,
        delays: LoginDelays,
        emit: Emitter,
    ) -> None:
        self._door = door
        self._backends = backends
        self._upstream = upstream
        self._leases = leases
        self._journal = journal
        self._delays = delays
        self._emit = emit

    async def verifier(self, user: bytes) -> ScramVerifier:
        """See `Door.verifier`."""
        return await self._door.verifier(user)

    async def open(self, attempt: Attempt) -> OpenMaildrop:
        """Authenticate first, so that nobody can hold or probe a lease without a password.

        Raises:
            BadCredentials, ConsentMissing, Throttled, MaildropBusy, Unavailable, Misconfigured
        """
        admission = await self._door.admit(attempt)
        try:
            opened = await self._open(attempt, admission)
        except Failure as failure:
            told = _as_told(failure, attempt, admission)
            # First the door, which may make the answer wait longer.
            await self._door.ended(attempt, admission, told)
            told.upstream = admission.upstream
            raise told from failure
        except BaseException:
            await self._door.ended(attempt, admission, Unavailable("internal error"))
            raise
        try:
            await self._door.ended(attempt, admission, None)
        except BaseException:
            await opened.release()
            raise
        return opened

    async def _open(self, attempt: Attempt, admission: Admission) -> OpenMaildrop:
        backend = self._backends(admission.upstream)
        if _by_own_token(attempt, admission) and not backend.checks_name:
            # By a token of his own anybody could hold the lease of any name.
            raise Misconfigured(
                "a client's own token tells this upstream whose mailbox it is, and not whether "
                "the name is right: it must be asked about (accounts.introspection)"
            )
        upstream = await backend.open(admission.login)
        try:
            return await self._lease(admission, upstream)
        except BaseException:
            await upstream.close()
            raise

    async def _lease(self, admission: Admission, upstream: BackendSession) -> OpenMaildrop:
        where = admission.upstream or self._upstream
        exclusive = account_of(admission.login, where)
        account = exact_account_of(admission.login, where)
        lease = await self._leases.acquire(exclusive)
        try:
            self._delays.check(exclusive)
            maildrop = await self._settle(account, upstream, await upstream.snapshot())
            self._delays.note(exclusive)
        except BaseException:
            lease.release()
            raise
        return OpenMaildrop(account, maildrop, upstream, lease, admission)

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


def _as_told(failure: Failure, attempt: Attempt, admission: Admission) -> Failure:
    """What the client hears of it: [AUTH] only if what he himself showed was refused.

    A device that is told so switches itself off, or asks its owner for another password.
    """
    if isinstance(failure, BadCredentials) and admission.proven:
        return ConsentMissing(failure.detail)
    if isinstance(failure, ConsentMissing) and _by_own_token(attempt, admission):
        return BadCredentials(failure.detail)
    return failure


def _by_own_token(attempt: Attempt, admission: Admission) -> bool:
    """Whether the client shows a token that only the upstream can check."""
    return isinstance(attempt.proof, BearerToken) and not admission.proven


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
