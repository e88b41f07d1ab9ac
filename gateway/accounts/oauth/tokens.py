"""The access tokens of accounts: kept, refreshed ahead of their end, by one at a time."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from pydantic import SecretStr
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater

from gateway.accounts.model import Grant, Opens
from gateway.accounts.oauth import events, presets
from gateway.accounts.oauth.causes import SignInRefused
from gateway.accounts.oauth.flight import Flight
from gateway.accounts.oauth.issued import Issued, RefreshOnly, renewed, rotated
from gateway.accounts.oauth.provider import Providers
from gateway.accounts.oauth.service import registered, upstream_of
from gateway.accounts.store import Store
from gateway.accounts.store.database import Runner
from gateway.errors import ConsentMissing, Failure, Misconfigured, Unavailable
from gateway.telemetry import Emitter

# An upstream must have the time to take a token that is shown to it.
_MARGIN = 20.0
# From here to the end of a token a new one is got, at a moment of chance.
_AHEAD = 600.0
# For so long a process does not look whether another one, or the owner, has changed a grant.
_TRUSTED = 5.0
# An upstream that refuses a token as new as this would refuse the next one too.
_NEW = 60.0
# After a failure that may pass, the provider is left alone for so long.
_PAUSE = 5.0
# A process waits for another's refresh no longer than this.
_LONGEST = 300.0
# What a provider has given must outlast a database's restart: another process would show it
# the old refresh token, which ends the consent where tokens rotate.
_SAVES = (0.2, 1.0, *(5.0 for _ in range(60)))
_Result = TypeVar("_Result")


@dataclass(slots=True)
class _State:
    """What this process knows of an account's tokens."""

    name: str
    grant: Grant | None = None
    due: float = 0.0  # when a new token is to be got, or may be asked for again
    read: float = 0.0
    stale: str = ""  # an access token that is to be replaced though it lasts
    unsaved: Grant | None = None
    failure: Failure | None = None
    flight: Flight[Grant] = field(default_factory=Flight)


class AccountTokens:
    """See `gateway.maildrop.Tokens`; those of one account, for one mailbox."""

    def __init__(self, keeper: "Keeper", account: str, opens: Opens | None) -> None:
        self._keeper = keeper
        self._account = account
        self._opens = opens

    async def token(self) -> bytes:
        """See `gateway.maildrop.Tokens.token`."""
        return await self._keeper.token(self._account, self._opens)

    async def renew(self, refused: bytes) -> bytes:
        """See `gateway.maildrop.Tokens.renew`."""
        return await self._keeper.renew(self._account, refused, self._opens)


class Keeper:
    """The tokens of all accounts, in one process.

    Args:
        store: Keeps the grants; what is in it is shared by all processes.
        runner: Asks it.
        providers: Makes clients.
        clock: Twisted's, for waits.
        now: Seconds since 1970, the same for all processes up to a few seconds.
        random: A number from 0 to 1.
        emit: Takes the events.
        wait: Seconds that a login waits for a refresh, which goes on without it.
        lease: Seconds after which a process counts as dead that is refreshing and gives no
            sign of life.
    """

    def __init__(
        self,
        store: Store,
        runner: Runner,
        providers: Providers,
        *,
        clock: Any,
        now: Callable[[], float],
        random: Callable[[], float],
        emit: Emitter,
        wait: float = 15.0,
        lease: float = 15.0,
    ) -> None:
        self._store = store
        self._runner = runner
        self._providers = providers
        self._clock = clock
        self._now = now
        self._random = random
        self._emit = emit
        self._wait = wait
        self._lease = lease
        self._states: dict[str, _State] = {}

    def tokens(self, account: str, opens: Opens | None = None) -> AccountTokens:
        """Those of one account, for a `Login`.

        Args:
            account: Its name.
            opens: What they are to be for. A session may outlast a change of the account, and
                must not go on in another mailbox; None for whatever the account opens.
        """
        return AccountTokens(self, account, opens)

    async def token(self, account: str, opens: Opens | None = None) -> bytes:
        """See `gateway.maildrop.Tokens.token`, and `tokens`."""
        state = self._state(account)
        grant = state.grant
        fresh = self._within(state.read, _TRUSTED)
        if grant is None or not fresh or not _is_for(grant, opens):
            grant = _checked(await self._read(state), opens)
        if not self._good(grant):
            grant = _checked(await self._join(state), opens)
        elif self._now() >= state.due:
            state.stale = grant.access.get_secret_value()
            state.flight.begin(lambda: self._refresh(state))
        return _octets(grant)

    async def renew(self, account: str, refused: bytes, opens: Opens | None = None) -> bytes:
        """See `gateway.maildrop.Tokens.renew`, and `tokens`."""
        state = self._state(account)
        grant = _checked(await self._read(state), opens)
        if _octets(grant) == refused and not self._within(grant.refreshed, _NEW):
            state.stale = refused.decode("ascii", "replace")
            grant = _checked(await self._join(state), opens)
        return _octets(grant)

    async def refresh(self, seen: Grant) -> None:
        """Get new tokens, unless somebody has since a grant was seen: for the watch.

        Raises:
            ConsentMissing, Unavailable
        """
        state = self._state(seen.account)
        state.stale = seen.access.get_secret_value()
        await state.flight.join(lambda: self._refresh(state, broken=True))

    async def stop(self) -> None:
        """Let refreshes that are under way come to their end, if that is soon."""
        for state in self._states.values():
            if state.flight.under_way:
                with suppress(Failure):
                    await self._join(state)

    # What is known without asking anybody.

    def _state(self, account: str) -> _State:
        return self._states.setdefault(account.casefold(), _State(account))

    def _within(self, then: float, seconds: float) -> bool:
        """Whether it was so long ago at most; a clock that was put back makes nothing new."""
        return 0 <= self._now() - then < seconds

    def _good(self, grant: Grant, refused: str = "") -> bool:
        soon = self._now() + _MARGIN
        return grant.expires > soon and grant.access.get_secret_value() != refused

    def _keep(self, state: _State, grant: Grant) -> Grant:
        """Take note of a grant as it is in the store."""
        if state.grant is None or state.grant.version != grant.version:
            life = max(0.0, grant.expires - grant.refreshed)
            state.due = grant.expires - min(_AHEAD, life / 2) * (0.5 + self._random() / 2)
            state.failure = None
        state.grant, state.read = grant, self._now()
        return grant

    async def _read(self, state: _State) -> Grant:
        """The grant in the store.

        Raises:
            ConsentMissing: There is none, or it has ended.
            Unavailable, Misconfigured
        """
        grant = await self._run(lambda: self._store.grants.get(state.name))
        if grant is None or grant.broken:
            state.grant = None
            raise ConsentMissing(
                f"no access to the mailbox of {state.name}: "
                + (grant.broken if grant else "nobody has signed in for it yet")
            )
        return self._keep(state, grant)

    # Refreshing.

    async def _join(self, state: _State) -> Grant:
        if state.failure is not None and 0 < state.due - self._now() <= _PAUSE:
            raise type(state.failure)(state.failure.detail)
        grant: Any = Deferred.fromCoroutine(state.flight.join(lambda: self._refresh(state)))
        grant.addTimeout(self._wait, self._clock, _in_time)
        return cast(Grant, await grant)

    async def _refresh(self, state: _State, *, broken: bool = False) -> Grant:
        """The grant with a new access token, got by us or by another process."""
        given_up = self._now() + _LONGEST
        await self._save_late(state)
        while True:
            grant = await self._current(state, broken=broken)
            if not grant.broken and self._good(grant, state.stale):
                state.stale = ""
                return self._keep(state, grant)
            if await self._leased(grant):
                return await self._lead(state, grant)
            if self._now() > given_up:
                raise Unavailable("another process does not end its refresh")
            await self._pause(0.1 + 0.2 * self._random())

    async def _current(self, state: _State, *, broken: bool) -> Grant:
        if not broken:
            return await self._read(state)
        grant = await self._run(lambda: self._store.grants.get(state.name))
        if grant is None:
            raise ConsentMissing(f"nobody has signed in for {state.name} any more")
        return grant

    async def _leased(self, grant: Grant) -> bool:
        now = self._now()
        return await self._write(
            lambda: self._store.grants.lease(
                grant.account, grant.version, until=now + self._lease, now=now
            )
        )

    async def _prolong(self, grant: Grant) -> None:
        """A sign of life while the provider is asked."""
        until = self._now() + self._lease
        with suppress(Unavailable):
            await self._write(
                lambda: self._store.grants.prolong(grant.account, grant.version, until=until)
            )

    async def _lead(self, state: _State, grant: Grant) -> Grant:
        """Refresh, as the only one who may."""
        alive: Any = LoopingCall(self._prolong, grant)
        alive.clock = self._clock
        alive.start(self._lease / 3, now=False)
        try:
            return await self._led(state, grant)
        finally:
            alive.stop()

    async def _led(self, state: _State, grant: Grant) -> Grant:
        try:
            used, tokens = await self._ask(grant)
        except SignInRefused as refused:
            if refused.kind == "consent":
                raise await self._lost(state, grant, refused) from None
            failed = Unavailable if refused.kind == "passing" else ConsentMissing
            failure = failed(str(refused))
            raise await self._failed(state, grant, failure, refused.code) from None
        except RefreshOnly as odd:
            # The one that was shown may be worthless now.
            saved = await self._save(state, rotated(grant, odd.refresh))
            raise await self._failed(state, saved, Unavailable(odd.detail), "") from None
        except (Unavailable, Misconfigured) as error:
            failure = Unavailable(error.detail)
            raise await self._failed(state, grant, failure, "") from None
        fresh = renewed(grant, used, tokens, self._now())
        # Nobody sees the access token before the refresh token is on the disk.
        saved = await self._save(state, fresh)
        state.stale, state.failure = "", None
        self._emit(events.TokenRefreshed(grant.account, saved.previous is not None))
        return self._keep(state, saved)

    async def _ask(self, grant: Grant) -> tuple[SecretStr | None, Issued]:
        """What the provider gives, and for which refresh token."""
        whose, provider = await self._run(lambda: registered(self._store, grant.account))
        client = await self._providers.client(provider)
        if grant.refresh is None:
            scopes = presets.service_scopes(provider, upstream_of(whose, provider))
            return None, await client.client_credentials(scopes, whose.user)
        try:
            return grant.refresh, await client.refresh(grant.refresh)
        except SignInRefused as refused:
            if refused.kind != "consent" or grant.previous is None:
                raise
        tokens = await client.refresh(grant.previous)
        self._emit(events.PreviousTokenUsed(grant.account))
        return grant.previous, tokens

    async def _lost(self, state: _State, grant: Grant, refused: SignInRefused) -> Failure:
        """The consent is gone: everybody shall know."""
        state.grant, state.stale = None, ""
        if grant.broken:
            await self._write(lambda: self._store.grants.release(grant.account, grant.version))
        else:
            ended = replace(grant, broken=str(refused))
            if await self._write(lambda: self._store.grants.save(ended)):
                self._emit(events.ConsentLost(grant.account, str(refused)))
        return ConsentMissing(f"{refused} ({refused.code})")

    async def _failed(
        self, state: _State, grant: Grant, failure: Failure, code: str
    ) -> Failure:
        """It may work later. Until then the old token is used while it lasts."""
        await self._write(lambda: self._store.grants.release(grant.account, grant.version))
        self._emit(events.RefreshFailed(grant.account, failure.detail, code))
        state.stale = ""
        state.failure, state.due = failure, self._now() + _PAUSE
        return failure

    async def _save(self, state: _State, fresh: Grant) -> Grant:
        """Write it, and again if the database is away for a moment."""
        state.unsaved = fresh
        for pause in _SAVES:
            try:
                return await self._written(state, fresh)
            except Unavailable:
                await self._pause(pause)
        return await self._written(state, fresh)

    async def _save_late(self, state: _State) -> None:
        """What could not be written when it came."""
        if state.unsaved is not None:
            await self._written(state, state.unsaved)

    async def _written(self, state: _State, fresh: Grant) -> Grant:
        saved = await self._write(lambda: self._store.grants.save(fresh))
        state.unsaved = None
        if not saved:  # the owner has signed in anew meanwhile: that is better
            return await self._read(state)
        return replace(fresh, version=fresh.version + 1)

    async def _pause(self, seconds: float) -> None:
        await deferLater(self._clock, seconds)

    async def _run(self, work: Callable[[], _Result]) -> _Result:
        return await self._runner.run(work)

    async def _write(self, work: Callable[[], _Result]) -> _Result:
        return await self._runner.write(work)


def _is_for(grant: Grant, opens: Opens | None) -> bool:
    return opens is None or grant.opens == opens


def _checked(grant: Grant, opens: Opens | None) -> Grant:
    """The grant, if it is for that mailbox.

    Raises:
        ConsentMissing: It is for another.
    """
    if not _is_for(grant, opens):
        raise ConsentMissing(
            f"the account {grant.account} has another mailbox or provider since the login"
        )
    return grant


def _octets(grant: Grant) -> bytes:
    return grant.access.get_secret_value().encode("ascii")


def _in_time(_: object, seconds: float) -> None:
    raise Unavailable(f"the OAuth2 provider gives no token within {seconds:g} seconds")
