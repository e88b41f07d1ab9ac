"""How an account's mailbox is opened: by a link for its owner, by a code, or as a client."""

import secrets

from pydantic import SecretStr

from gateway.accounts.model import Invite
from gateway.accounts.oauth.causes import SignInRefused
from gateway.accounts.store import digest_of
from gateway.admin.console import signing, visits
from gateway.admin.console.changes import changed
from gateway.admin.console.fields import Wrong, device_name
from gateway.admin.console.pages.accounts import Row, found
from gateway.admin.console.ports import SignIn
from gateway.admin.console.routes import Route
from gateway.admin.console.site import Site
from gateway.admin.console.web import Answer, Ask, Refusal, go

_DAY = 86_400.0
_DAYS = {"1", "3", "7", "14"}


async def _oauth(site: Site, name: str) -> tuple[Row, SignIn]:
    row = await found(site, name)
    if row.account.credential != "oauth" or site.oauth is None:
        raise Refusal(409, "This account does not sign in at a provider.")
    return row, site.oauth


async def _make(site: Site, ask: Ask, row: Row, days: float) -> str:
    """A new link's token."""
    device = ask.text("device", 64)
    try:
        if device:
            device_name(device)
    except Wrong as wrong:
        raise Refusal(400, str(wrong)) from None
    token = SecretStr(secrets.token_urlsafe(32))
    until = site.now() + days * _DAY
    invite = Invite(row.account.name, digest_of(token), until, device)
    await site.write(lambda store: store.invites.add(invite))
    changed(site, ask, "link made", row.account.name)
    return token.get_secret_value()


async def invite(site: Site, ask: Ask) -> Answer:
    """Make a link, and show it: here and now, and never again."""
    row, _ = await _oauth(site, ask.text("name"))
    days = ask.text("days", 2)
    token = await _make(site, ask, row, float(days if days in _DAYS else 7))
    link = f"{site.url}/welcome/{token}"
    return site.page("invite", ask, account=row.account, link=link, days=days)


async def sign_in_here(site: Site, ask: Ask) -> Answer:
    """The administrator is the owner, or sits beside him."""
    row, _ = await _oauth(site, ask.text("name"))
    token = await _make(site, ask, row, 1 / 24)
    return go(f"/welcome/{token}")


async def withdraw(site: Site, ask: Ask) -> Answer:
    """No link works any more."""
    row = await found(site, ask.text("name"))
    await site.write(lambda store: store.invites.withdraw(row.account.name))
    changed(site, ask, "links withdrawn", row.account.name)
    return go("/account", {"name": row.account.name, "done": "links-withdrawn"})


async def as_client(site: Site, ask: Ask) -> Answer:
    """Without an owner: as the application itself, for shared mailboxes."""
    row, oauth = await _oauth(site, ask.text("name"))
    try:
        await signing.tried(oauth.client_credentials(row.account.name))
    except SignInRefused as refused:
        return signing.failed(site, ask, row.account, signing.why(refused))
    changed(site, ask, "signed in as client", row.account.name)
    return go("/account", {"name": row.account.name, "done": "connected"})


async def begin_code(site: Site, ask: Ask) -> Answer:
    """Get a code that the owner enters at the provider, wherever he is."""
    row, oauth = await _oauth(site, ask.text("name"))
    try:
        code = await signing.tried(oauth.begin_device(row.account.name))
    except SignInRefused as refused:
        return signing.failed(site, ask, row.account, signing.why(refused))
    assert ask.visit is not None  # noqa: S101 - the route is for administrators
    await signing.keep_code(site, ask.visit, code, code_of=row.account.name)
    return go("/account/code", {"name": row.account.name})


async def show_code(site: Site, ask: Ask) -> Answer:
    """Show it until it was entered."""
    row, oauth = await _oauth(site, ask.asked("name"))
    assert ask.visit is not None  # noqa: S101 - the route is for administrators
    if visits.data_of(ask.visit).get("code_of") != row.account.name:
        return go("/account", {"name": row.account.name})
    try:
        code = await signing.poll(site, oauth, ask.visit)
    except SignInRefused as refused:
        await signing.forget_code(site, ask.visit)
        return signing.failed(site, ask, row.account, signing.why(refused))
    if code is not None:
        return site.page("code", ask, account=row.account, code=code, refresh=code.interval)
    await signing.forget_code(site, ask.visit)
    changed(site, ask, "signed in by code", row.account.name)
    return go("/account", {"name": row.account.name, "done": "connected"})


async def forget(site: Site, ask: Ask) -> Answer:
    """Forget the tokens, and tell the provider so."""
    row, oauth = await _oauth(site, ask.text("name"))
    await oauth.withdraw(row.account.name)
    changed(site, ask, "consent withdrawn", row.account.name)
    return go("/account", {"name": row.account.name, "done": "consent-withdrawn"})


ROUTES = (
    Route("POST", "/account/invite", "administrator", invite),
    Route("POST", "/account/sign-in", "administrator", sign_in_here),
    Route("POST", "/account/withdraw", "administrator", withdraw),
    Route("POST", "/account/as-client", "administrator", as_client),
    Route("POST", "/account/forget", "administrator", forget),
    Route("POST", "/account/code", "administrator", begin_code),
    Route("GET", "/account/code", "administrator", show_code),
)
