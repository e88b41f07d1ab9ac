"""How a mailbox' owner signs in at the provider; for the console and the command line."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TypeVar

from pydantic import SecretStr

from gateway.accounts.model import Account, Flow, Grant, Provider
from gateway.accounts.oauth import events, identity, presets
from gateway.accounts.oauth.causes import SignInRefused
from gateway.accounts.oauth.client import TokenClient, check_issuer, read_redirect
from gateway.accounts.oauth.fetch import checked_url
from gateway.accounts.oauth.issued import Issued, granted
from gateway.accounts.oauth.provider import Providers
from gateway.accounts.store import Store
from gateway.accounts.store.database import Runner
from gateway.errors import Misconfigured, Unavailable
from gateway.telemetry import Emitter

_CODE_SECONDS = 1800.0
_SLOWER = 5.0  # RFC 8628 §3.5
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in in a browser that has begun. A secret: keep it where the browser cannot see it.

    Attributes:
        provider: The provider's name.
        account: The account's name.
        redirect_uri: Where the browser comes back to.
        state: What it must bring along.
        nonce: What must be in the ID token.
        verifier: Of PKCE.
        expires: When it ends, in seconds since 1970.
    """

    provider: str
    account: str
    redirect_uri: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    expires: float = 0.0

    def to_json(self) -> str:
        """For `Visit.data`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Pending":
        """The opposite of `to_json`.

        Raises:
            ValueError: It is none.
        """
        try:
            return cls(**json.loads(text))
        except TypeError:
            raise ValueError("no sign-in was begun") from None


@dataclass(frozen=True, slots=True)
class DevicePending:
    """A sign-in by a device code that has begun.

    Attributes:
        user_code: What the owner enters at `uri`; `complete` has it in it, and may be empty.
        interval: Seconds to wait before each `poll_device`.
        expires: When it ends, in seconds since 1970.
    """

    provider: str
    account: str
    device_code: SecretStr
    user_code: str
    uri: str
    complete: str
    interval: float
    expires: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nobody has entered the code yet; ask again with this one, after its interval."""

    pending: DevicePending


class SignIn:
    """The flows. All may raise SignInRefused with plain words, Unavailable and Misconfigured.

    Args:
        store: Keeps providers, accounts and grants.
        runner: Asks it.
        providers: Makes clients.
        now: Seconds since 1970.
        random_text: 43 characters or more that nobody can guess, of the unreserved ones of
            URLs: `secrets.token_urlsafe`.
        emit: Takes the events.
    """

    def __init__(
        self,
        store: Store,
        runner: Runner,
        providers: Providers,
        *,
        now: Callable[[], float],
        random_text: Callable[[], str],
        emit: Emitter,
    ) -> None:
        self._store = store
        self._runner = runner
        self._providers = providers
        self._now = now
        self._random_text = random_text
        self._emit = emit

    async def begin_code(self, account: str, redirect_uri: str) -> tuple[str, Pending]:
        """Where the owner's browser is to go, and what to keep until it comes back.

        Args:
            account: The account's name.
            redirect_uri: Of the console, as the provider's registration has it.
        """
        client, whose = await self._client(account)
        checked_url(redirect_uri, "the console's address")
        state, nonce, verifier = (self._random_text() for _ in range(3))
        url = client.authorization_url(
            redirect_uri,
            presets.scopes(client.provider, upstream_of(whose, client.provider)),
            state=state,
            nonce=nonce,
            verifier=verifier,
            hint=whose.user,
        )
        until = self._now() + _CODE_SECONDS
        name = client.provider.name
        return url, Pending(name, whose.name, redirect_uri, state, nonce, verifier, until)

    async def finish_code(
        self, pending: Pending, query: str, *, any_mailbox: bool = False
    ) -> Grant:
        """The browser is back: get the tokens, see whose they are, and keep them.

        Args:
            pending: As `begin_code` gave it.
            query: Of the URL that the browser came back with, without the question mark.
            any_mailbox: Whether somebody else may sign in, who can read the mailbox.
        """
        try:
            code = read_redirect(query, pending.state)
            self._check_time(pending.expires)
            client, whose = await self._client(pending.account)
            _check_same(client.provider, pending.provider)
            check_issuer(query, client.endpoints)
            tokens = await _exchanged(client, code, pending)
            return await self._keep(
                client, whose, tokens, "code", nonce=pending.nonce, any_mailbox=any_mailbox
            )
        except SignInRefused as refused:
            raise self._noted(pending.account, refused) from None

    async def begin_device(self, account: str) -> DevicePending:
        """A code that the owner enters wherever there is a browser."""
        client, whose = await self._client(account)
        if reason := presets.quirks(client.provider).no_device:
            raise Misconfigured(reason)
        scopes = presets.scopes(client.provider, upstream_of(whose, client.provider))
        try:
            begun = await client.begin_device(scopes)
        except SignInRefused as refused:
            raise self._noted(account, refused) from None
        return DevicePending(
            client.provider.name,
            whose.name,
            begun.device_code,
            begun.user_code,
            begun.uri,
            begun.complete,
            begun.interval,
            begun.expires,
        )

    async def poll_device(
        self, pending: DevicePending, *, any_mailbox: bool = False
    ) -> Grant | Waiting:
        """Ask whether the owner has entered the code; if so, go on as `finish_code`."""
        try:
            self._check_time(pending.expires)
            client, whose = await self._client(pending.account)
            _check_same(client.provider, pending.provider)
            tokens = await client.poll_device(pending.device_code)
            return await self._keep(client, whose, tokens, "device", any_mailbox=any_mailbox)
        except SignInRefused as refused:
            if refused.kind in {"pending", "passing"}:
                return Waiting(pending)
            if refused.kind == "slow":
                return Waiting(replace(pending, interval=pending.interval + _SLOWER))
            raise self._noted(pending.account, refused) from None

    async def client_credentials(self, account: str) -> Grant:
        """Open a mailbox as the client itself: nobody signs in."""
        client, whose = await self._client(account)
        scopes = presets.service_scopes(client.provider, upstream_of(whose, client.provider))
        try:
            tokens = await client.client_credentials(scopes, whose.user)
        except SignInRefused as refused:
            raise self._noted(account, refused) from None
        grant = granted(whose.name, "client", tokens, client.provider.client_id, self._now())
        return await self._put(replace(grant, refresh=None, consent_ends=None))

    async def endpoints(self, provider: str) -> presets.Endpoints:
        """Where a provider is asked for what: to see whether it can be used at all."""
        known = await self._run(lambda: self._store.providers.get(provider))
        if known is None:
            raise Misconfigured(f"there is no provider {provider}")
        return (await self._providers.client(known)).endpoints

    async def withdraw(self, account: str) -> None:
        """Forget the tokens, and tell the provider if it can be told.

        What is kept of upstream connections ends with `upstream.warm.lifetime`.
        """
        grant = await self._run(lambda: self._store.grants.get(account))
        if grant is None:
            return
        told = False
        if grant.refresh is not None:
            try:
                client, _ = await self._client(account)
                told = await client.revoke(grant.refresh)
            except (SignInRefused, Unavailable, Misconfigured):
                pass  # it is forgotten here, whatever the provider thinks
        await self._runner.write(lambda: self._store.grants.remove(account))
        self._emit(events.ConsentWithdrawn(account, told))

    def _check_time(self, expires: float) -> None:
        if expires < self._now():
            raise SignInRefused("ended", "the sign-in took too long", "begin again")

    async def _keep(
        self,
        client: TokenClient,
        whose: Account,
        tokens: Issued,
        flow: Flow,
        *,
        nonce: str = "",
        any_mailbox: bool,
    ) -> Grant:
        called = await self._called(client, tokens, nonce)
        if not any_mailbox:
            identity.check_mailbox(whose.user, called)
        _check_enough(client.provider, upstream_of(whose, client.provider), tokens)
        subject = called[0] if called else ""
        return await self._put(granted(whose.name, flow, tokens, subject, self._now()))

    async def _called(self, client: TokenClient, tokens: Issued, nonce: str) -> Sequence[str]:
        """What the owner's names are."""
        naming = presets.naming(client.provider, client.endpoints.issuer)
        if tokens.id_token is None:
            return identity.names(await client.userinfo(tokens.access), naming)
        found = identity.claims(
            tokens.id_token,
            issuer=client.endpoints.issuer,
            client_id=client.provider.client_id,
            nonce=nonce,
            now=self._now(),
        )
        if "email" not in found:
            # OIDC Core §5.3.2: only of the same subject.
            more = await client.userinfo(tokens.access)
            found = {**more, **found} if more.get("sub") == found.get("sub") else found
        return identity.names(found, naming)

    async def _put(self, grant: Grant) -> Grant:
        await self._runner.write(lambda: self._store.grants.put(grant))
        self._emit(events.ConsentGiven(grant.account, grant.flow, grant.subject))
        return grant

    async def _client(self, account: str) -> tuple[TokenClient, Account]:
        whose, provider = await self._run(lambda: registered(self._store, account))
        return await self._providers.client(provider), whose

    async def _run(self, work: Callable[[], _Result]) -> _Result:
        return await self._runner.run(work)

    def _noted(self, account: str, refused: SignInRefused) -> SignInRefused:
        self._emit(events.SignInFailed(account, refused.cause, refused.code))
        return refused


def registered(store: Store, account: str) -> tuple[Account, Provider]:
    """An account and its provider.

    Raises:
        Misconfigured: There is no such account, or it has no provider.
    """
    whose = store.accounts.get(account)
    if whose is None:
        raise Misconfigured(f"there is no account {account}")
    provider = store.providers.get(whose.provider) if whose.credential == "oauth" else None
    if provider is None:
        raise Misconfigured(f"the account {whose.name} has no OAuth2 provider")
    return whose, provider


def upstream_of(account: Account, provider: Provider) -> str:
    """The URL of the account's mailbox."""
    return account.upstream or provider.upstream


async def _exchanged(client: TokenClient, code: str, pending: Pending) -> Issued:
    try:
        return await client.code(code, pending.redirect_uri, pending.verifier)
    except SignInRefused as refused:
        if refused.code != "invalid_grant":
            raise
        # Of a code it means something else than of a refresh token.
        cause = "the provider does not take this sign-in any more"
        raise SignInRefused("ended", cause, "begin again", refused.code) from None


def _check_same(provider: Provider, expected: str) -> None:
    if provider.name != expected:
        raise SignInRefused("ended", "the account has another provider now", "begin again")


def _check_enough(provider: Provider, upstream: str, tokens: Issued) -> None:
    """A sign-in that would not last, or not open the mailbox, is none."""
    if tokens.refresh is None:
        raise SignInRefused(
            "setup",
            "the provider gave no refresh token, so that the consent would end within the hour",
            "allow offline access in the app's registration, or ask for another scope",
            "no_refresh_token",
        )
    mail = set(presets.mail_scopes(provider, upstream))
    if presets.quirks(provider).granular and tokens.scopes and not mail <= set(tokens.scopes):
        raise SignInRefused(
            "consent",
            "the box for mail was not ticked",
            "sign in again, and tick all boxes on the provider's page",
            "partial_consent",
        )
