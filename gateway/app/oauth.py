"""OAuth2 towards providers, wired together: for a worker, and for the office."""

import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from gateway.accounts.model import Account
from gateway.accounts.names import same_name
from gateway.accounts.oauth.fetch import Fetch
from gateway.accounts.oauth.introspection import Introspector
from gateway.accounts.oauth.provider import Providers
from gateway.accounts.oauth.service import SignIn
from gateway.accounts.oauth.settings import OAuthSettings
from gateway.accounts.oauth.tokens import Keeper
from gateway.accounts.oauth.watch import Watch
from gateway.accounts.secret_file import read_secret
from gateway.accounts.settings import AccountsSettings
from gateway.accounts.store import Store
from gateway.accounts.store.database import Runner
from gateway.app.fetch import Fetcher
from gateway.maildrop import BearerToken, Tokens
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


def tokens_for(keeper: Keeper) -> Callable[[Account], Tokens]:
    """What a door gives to logins of accounts with OAuth2."""
    return lambda account: keeper.tokens(account.name, account.opens)


def introspection(
    settings: AccountsSettings, fetch: Fetch, now: Callable[[], float] = time.time
) -> Callable[[Account, BearerToken], Awaitable[bool]] | None:
    """Whether a client's own token is valid and his account's; None if nobody is asked.

    Raises:
        Misconfigured: The settings cannot be used.
    """
    own = settings.introspection
    if own.endpoint is None:
        return None
    secret = None if own.client_secret_file is None else read_secret(own.client_secret_file)
    introspector = Introspector(own, secret, fetch, now)

    async def whose(account: Account, shown: BearerToken) -> bool:
        token = SecretStr(shown.token.get_secret_value().decode("ascii", "replace"))
        name = await introspector.introspect(token)
        return same_name(name, account.name) or same_name(name, account.user)

    return whose
