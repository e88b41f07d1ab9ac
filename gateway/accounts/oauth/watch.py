"""Keeps consents alive, and sees their end coming."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater

from gateway.accounts.model import Grant, Provider
from gateway.accounts.oauth import events, presets
from gateway.accounts.oauth.settings import OAuthSettings
from gateway.accounts.oauth.tokens import Keeper
from gateway.accounts.store import Store
from gateway.accounts.store.database import Runner
from gateway.errors import Failure
from gateway.telemetry import Emitter

_ROUND_SECONDS = 60.0
# Refreshes of a round, and seconds between two: no provider sees a crowd.
_A_ROUND = 40
_PAGE = 500
# Read in a round, of the sound ones and of the broken ones.
_PAGES = 10
_APART = 1.0
# Locked accounts are unlocked and rules of access changed without a new sign-in.
_BROKEN_EVERY = 6 * 3600.0
# Of `refresh_every`: the earliest time of a refresh.
_SOONEST = 0.7
# A provider that ends unused consents does so after twice as long, or later.
_LONG_AGO = 45 * 86_400.0
_DAY = 86_400.0
_ALARMS = "oauth-alarms"
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Foreboding:
    """Mail that will stop, or has stopped.

    Attributes:
        account: The account's name; empty if it is about all of a provider.
        provider: The provider's name.
        cause: Why, in plain words.
        advice: What to do.
        days: Until then; 0 for today, and for what has stopped.
        stopped: Whether it has.
    """

    account: str
    provider: str
    cause: str
    advice: str
    days: int
    stopped: bool = False


class Watch:
    """Runs in one process: the office, or the only worker.

    Args:
        store: Keeps the grants.
        runner: Asks it.
        keeper: Refreshes.
        settings: How often, how far ahead.
        clock: Twisted's, for waits.
        now: Seconds since 1970.
        emit: Takes the events.
    """

    def __init__(
        self,
        store: Store,
        runner: Runner,
        keeper: Keeper,
        settings: OAuthSettings,
        *,
        clock: Any,
        now: Callable[[], float],
        emit: Emitter,
    ) -> None:
        self._store = store
        self._runner = runner
        self._keeper = keeper
        self._settings = settings
        self._clock = clock
        self._now = now
        self._emit = emit
        self._tried: dict[str, float] = {}
        self._next = {False: 0, True: 0}
        self._call: Any = LoopingCall(self._look)
        self._call.clock = clock
        self._stopping = False
        self._ended: Deferred[None] | None = None

    def start(self) -> None:
        """Begin to look, now and every minute."""
        self._call.start(_ROUND_SECONDS)

    async def stop(self) -> None:
        """Look no more; a refresh that is under way comes to its end."""
        self._stopping = True
        if self._call.running:
            self._call.stop()
        if self._ended is not None:
            await self._ended

    async def look(self) -> None:
        """One round: refresh what is due, and raise the day's alarms."""
        under_way = []
        for number, grant in enumerate(await self._due()):
            if self._stopping:
                break
            if number:
                await deferLater(self._clock, _APART)
            # A provider that is slow to answer holds up the accounts of no other.
            under_way.append(Deferred.fromCoroutine(self._refresh(grant)))
        for each in under_way:
            await each
        if not self._stopping:
            await self._alarm()

    async def _refresh(self, grant: Grant) -> None:
        self._tried[grant.account] = self._now()
        with suppress(Failure):  # the keeper has told of it
            await self._keeper.refresh(grant)

    async def forebodings(self) -> Sequence[Foreboding]:
        """All that is wrong or will be, the most urgent first."""
        now, days = self._now(), self._settings.foresight_days
        return await self._run(lambda: foresee(self._store, now, days))

    async def _look(self) -> None:
        self._ended = Deferred()
        try:
            await self.look()
        except Failure:
            pass  # the database is away: the next round will see
        except Exception as error:  # noqa: BLE001 - the next round must come, whatever it was
            self._emit(events.WatchFailed(type(error).__name__))
        finally:
            ended, self._ended = self._ended, None
            ended.callback(None)

    async def _due(self) -> Sequence[Grant]:
        """A round's worth: the sound ones first, half of it at least for the broken ones."""
        sound = await self._old(broken=False)
        broken = await self._old(broken=True)
        room = max(_A_ROUND - len(broken), _A_ROUND // 2)
        return [*sound[:room], *broken][:_A_ROUND]

    async def _old(self, *, broken: bool) -> Sequence[Grant]:
        """Those that are due, from where the last round ended.

        Many that were tried of late in vain must not stand before the others for ever.
        """
        every = _BROKEN_EVERY if broken else self._settings.refresh_every * _SOONEST
        found: list[Grant] = []
        for _ in range(_PAGES):
            page = await self._page(self._now() - every, broken=broken)
            found += filter(self._is_due, page)
            self._next[broken] += len(page)
            if len(page) < _PAGE:
                self._next[broken] = 0
                break
            if len(found) >= _A_ROUND:
                break
        if len(found) > _A_ROUND:
            self._next[broken] = 0  # those that are left have a turn at once
        return found[:_A_ROUND]

    async def _page(self, before: float, *, broken: bool) -> Sequence[Grant]:
        now, offset = self._now(), self._next[broken]
        return await self._run(
            lambda: self._store.grants.unrefreshed(
                before, now, broken=broken, limit=_PAGE, offset=offset
            )
        )

    def _is_due(self, grant: Grant) -> bool:
        if grant.broken:
            return self._was_before(grant, _BROKEN_EVERY)
        # Accounts that were made in one hour are not refreshed in one hour every day.
        every = self._settings.refresh_every * (
            _SOONEST + (1 - _SOONEST) * _share(grant.account)
        )
        return self._was_before(grant, every)

    def _was_before(self, grant: Grant, seconds: float) -> bool:
        """Whether it was refreshed and tried so long ago, or before the clock was put back."""
        now, tried = self._now(), self._tried.get(grant.account, 0.0)
        return all(not 0 <= now - then < seconds for then in (tried, grant.refreshed))

    async def _alarm(self) -> None:
        """Once a day, of all processes that look together."""
        today = str(int(self._now() // _DAY))
        if await self._run(lambda: self._store.notes.get(_ALARMS)) == today:
            return
        await self._runner.write(lambda: self._store.notes.put(_ALARMS, today))
        for each in await self.forebodings():
            if each.stopped:
                self._emit(events.ConsentLost(each.account, f"{each.cause}: {each.advice}"))
            elif each.account:
                self._emit(events.ConsentEnds(each.account, each.days))
            else:
                self._emit(events.ClientSecretEnds(each.provider, each.days))

    async def _run(self, work: Callable[[], _Result]) -> _Result:
        return await self._runner.run(work)


def foresee(store: Store, now: float, days: int) -> Sequence[Foreboding]:
    """All that is wrong or will be, the most urgent first.

    Args:
        store: Asked at once.
        now: Seconds since 1970.
        days: How many ahead.
    """
    grants = store.grants.worrying(
        ends_before=now + days * _DAY, refreshed_before=now - _LONG_AGO
    )
    providers, owners = _providers(store, grants)
    found = [*_of_grants(grants, owners, now, days), *_of_providers(providers, now, days)]
    return sorted(found, key=lambda each: (not each.stopped, each.days, each.account))


def _providers(
    store: Store, grants: Sequence[Grant]
) -> tuple[Sequence[Provider], Mapping[str, Provider]]:
    """All providers, and the one of each account that has a grant."""
    providers = {each.name: each for each in store.providers.all()}
    owners: dict[str, Provider] = {}
    for grant in grants:
        account = store.accounts.get(grant.account)
        if account is not None and account.provider in providers:
            owners[grant.account] = providers[account.provider]
    return list(providers.values()), owners


def _of_grants(
    grants: Sequence[Grant], owners: Mapping[str, Provider], now: float, foresight: int
) -> Iterator[Foreboding]:
    again = "send the owner a sign-in link"
    for grant in grants:
        owner = owners.get(grant.account)
        provider = owner.name if owner else ""
        if grant.broken:
            cause, _, advice = grant.broken.partition(": ")
            yield Foreboding(grant.account, provider, cause, advice or again, 0, stopped=True)
            continue
        ends, cause = _end(grant, owner)
        if ends is None or ends - now > foresight * _DAY:
            continue
        advice = again
        if owner is not None and owner.preset == "google" and ends - grant.obtained < 8 * _DAY:
            advice = "publish the app at Google: in testing every consent ends after 7 days"
        yield Foreboding(grant.account, provider, cause, advice, _days(ends, now))


def _end(grant: Grant, owner: Provider | None) -> tuple[float | None, str]:
    """When a grant ends, as far as can be foreseen, and why."""
    if grant.consent_ends is not None:
        return grant.consent_ends, "the consent has an end that the provider has set"
    idle = presets.quirks(owner).idle_days if owner else 0
    if idle and grant.refresh is not None:
        return grant.refreshed + idle * _DAY, "the consent could not be refreshed for long"
    return None, ""


def _of_providers(
    providers: Sequence[Provider], now: float, foresight: int
) -> Iterator[Foreboding]:
    for each in providers:
        if each.secret_ends is not None and each.secret_ends - now <= foresight * _DAY:
            yield Foreboding(
                "",
                each.name,
                "the client secret ends, and with it the mail of all accounts of the provider",
                "make a new one there, and give it to the provider",
                _days(each.secret_ends, now),
            )


def _days(ends: float, now: float) -> int:
    return max(0, int((ends - now) // _DAY))


def _share(account: str) -> float:
    """A number from 0 to 1, the same for an account every time."""
    return hashlib.sha256(account.casefold().encode()).digest()[0] / 255
