"""OAuth2 towards providers, wired together: for a worker, and for the office."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.accounts.oauth import Keeper, Providers, SignIn, Watch
from gateway.accounts.oauth.settings import OAuthSettings
from gateway.accounts.store import Store
from gateway.accounts.store.database import Runner
from gateway.app.fetch import Fetcher
from gateway.telemetry import Emitter

_OCTETS = 48  # 64 characters: RFC 7636 §4.1 wants 43 to 128


@dataclass(frozen=True, slots=True)
class OAuth:
    """What belongs together.

    Attributes:
        keeper: Gives logins their tokens.
        sign_in: For the console and the command line.
        watch: To be started in one process only.
        fetcher: Carries requests; also for an `Introspector`.
    """

    keeper: Keeper
    sign_in: SignIn
    watch: Watch
    fetcher: Fetcher

    async def stop(self) -> None:
        """Let what is under way come to its end."""
        await self.watch.stop()
        await self.keeper.stop()
        await self.fetcher.close()


def make_oauth(
    settings: OAuthSettings,
    store: Store,
    runner: Runner,
    reactor: Any,
    emit: Emitter,
    *,
    now: Callable[[], float] = time.time,
) -> OAuth:
    """The parts, built and not started."""
    fetcher = Fetcher(settings, reactor)
    providers = Providers(fetcher, now)
    keeper = Keeper(
        store,
        runner,
        providers,
        clock=reactor,
        now=now,
        random=secrets.SystemRandom().random,
        emit=emit,
        wait=settings.timeout,
    )
    sign_in = SignIn(
        store,
        runner,
        providers,
        now=now,
        random_text=lambda: secrets.token_urlsafe(_OCTETS),
        emit=emit,
    )
    watch = Watch(store, runner, keeper, settings, clock=reactor, now=now, emit=emit)
    return OAuth(keeper, sign_in, watch, fetcher)
