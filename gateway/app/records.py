"""What the office keeps and reads: accounts, locks, consents."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gateway.accounts.opened import open_store
from gateway.accounts.store import Store
from gateway.accounts.store.database import Runner
from gateway.accounts.throttle.throttle import open_store as open_throttle
from gateway.app.oauth import make_oauth
from gateway.config import Settings
from gateway.errors import Failure
from gateway.telemetry import Emitter

_DAY = 86_400.0
_FORESEEN = 90 * _DAY
_KEPT_SECONDS = 60.0
Check = Callable[[], Awaitable[object]]
"""Raises if something that logins need cannot be had."""


@dataclass(frozen=True, slots=True)
class Consents:
    """How the consents of mailbox owners stand.

    Attributes:
        days: Until the first one ends, by provider; only those within 90 days.
        missing: Accounts whose owner must sign in again.
    """

    days: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    missing: int = 0


class Records:
    """Opens the database of the settings, if there is one, and closes it in the end.

    Args:
        settings: All of them.
        reactor: For everything that waits.
        emit: Takes the events.

    Raises:
        Misconfigured: What the settings name cannot be used.

    Attributes:
        store: The directory; None without one.
        runner: Asks it; None likewise.
        oauth: Signing in at providers; None without a directory.
        throttle: Locks; None if they are off.
    """

    def __init__(self, settings: Settings, reactor: Any, emit: Emitter) -> None:
        where, accounts = settings.store, settings.accounts
        self._opened = None if where is None else open_store(where, accounts)
        self.store = None if self._opened is None else self._opened.store
        self.runner = None if self.store is None else Runner(self.store.database, reactor)
        self.oauth = None
        if self.store is not None and self.runner is not None:
            self.oauth = make_oauth(accounts.oauth, self.store, self.runner, reactor, emit)
        self.throttle = None
        if accounts.throttle.enabled:
            self.throttle = open_throttle(
                settings.state.dir, accounts.throttle, time.time, emit
            )
        self._consents = Consents()
        self._read = 0.0

    @property
    def checks(self) -> Mapping[str, Check]:
        """What must work for logins to work, by its name for people."""
        store, runner = self.store, self.runner
        if store is None or runner is None:
            return {}
        return {"the directory": lambda: runner.write(lambda: store.accounts.count("-"))}

    async def consents(self) -> Consents:
        """As they were within the last minute; as they were last, if nobody can tell now."""
        store, runner = self.store, self.runner
        now = time.time()
        if store is None or runner is None or now - self._read < _KEPT_SECONDS:
            return self._consents
        self._read = now
        try:
            self._consents = await runner.write(lambda: _consents(store, now))
        except Failure:  # `/readyz` tells
            return self._consents
        return self._consents

    def start(self) -> None:
        """Begin to watch over consents."""
        if self.oauth is not None:
            self.oauth.watch.start()

    def reload(self) -> None:
        """Read the keys again.

        Raises:
            Misconfigured: They cannot be used; the old ones stay.
        """
        if self._opened is not None:
            self._opened.reload()

    async def stop(self) -> None:
        """End what is under way, and close."""
        if self.oauth is not None:
            await self.oauth.stop()
        if self.runner is not None:
            self.runner.stop()
        if self.store is not None:
            self.store.close()
        if self.throttle is not None:
            self.throttle.close()


def _consents(store: Store, now: float) -> Consents:
    days: dict[str, float] = {}
    missing = 0
    for grant in store.grants.worrying(ends_before=now + _FORESEEN, refreshed_before=-1):
        if grant.broken:
            missing += 1
        elif grant.consent_ends is not None:
            account = store.accounts.get(grant.account)
            provider = "" if account is None else account.provider
            left = (grant.consent_ends - now) / _DAY
            days[provider] = min(left, days.get(provider, left))
    return Consents(days, missing)
