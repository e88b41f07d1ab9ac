"""The owner of a mailbox: a link, the sign-in at the provider, the device password."""

from dataclasses import asdict

from pydantic import SecretStr

from gateway.accounts.model import Account, Device, Provider, Visit
from gateway.accounts.oauth.causes import SignInRefused
from gateway.accounts.oauth.service import Pending
from gateway.accounts.store import Store
from gateway.admin.console import signing, visits
from gateway.admin.console.changes import changed
from gateway.admin.console.guides import GUIDES
from gateway.admin.console.pages.devices import shown, store_new
from gateway.admin.console.ports import SignIn
from gateway.admin.console.routes import Route
from gateway.admin.console.signing import Why
from gateway.admin.console.site import Site
from gateway.admin.console.web import Answer, Ask, Refusal, go

_WHO = "invite:"
_GONE = (
    "This link was used already, has ended, or was withdrawn. Ask whoever sent it for a new "
    "one. A device that works goes on working."
)


class _Guest:
    """Who has come by a link."""

    def __init__(self, ask: Ask, visit: Visit, account: Account, provider: Provider) -> None:
        self.visit = visit
        self.data = visits.data_of(visit)
        self.account = account
        self.provider = provider
        self.title = GUIDES[provider.preset].title
        if provider.preset == "oidc":
            self.title = provider.name
        self.ask = ask

    @property
    def token(self) -> SecretStr:
        """Of the link."""
        return SecretStr(self.data["token"])


async def link(site: Site, ask: Ask) -> Answer:
    """Take the token out of the URL, into a session. Looking at a link does not use it up."""
    site.gate.pass_("token", ask.address)
    token = SecretStr(ask.path.rpartition("/")[2][:200])
    invite = await site.ask(lambda store: store.invites.get(token, site.now()))
    if invite is None:
        return site.page("lapsed", ask, status=404)
    kept = {"token": token.get_secret_value(), "device": invite.device}
    cookie = await visits.begin(site, ask, "guest", f"{_WHO}{invite.account}", kept)
    return go("/welcome", {}, cookie)


async def _guest(site: Site, ask: Ask) -> tuple[_Guest, SignIn]:
    visit = ask.visit
    if visit is None or not visit.who.startswith(_WHO) or site.oauth is None:
        raise Refusal(404, _GONE)
    name = visit.who.removeprefix(_WHO)

    def work(store: Store) -> tuple[Account | None, Provider | None]:
        account = store.accounts.get(name)
        return account, store.providers.get(account.provider) if account else None

    account, provider = await site.ask(work)
    if account is None or provider is None or not account.enabled:
        raise Refusal(404, _GONE)
    return _Guest(ask, visit, account, provider), site.oauth


async def _unused(site: Site, ask: Ask) -> tuple[_Guest, SignIn]:
    """With a link that can still be used."""
    guest, oauth = await _guest(site, ask)
    if not await site.ask(lambda store: store.invites.get(guest.token, site.now())):
        raise Refusal(404, _GONE)
    return guest, oauth


async def welcome(site: Site, ask: Ask) -> Answer:
    """What this is; or, after the sign-in, the next step."""
    guest, _ = await _guest(site, ask)
    if guest.data.get("signed_in"):
        return await _next(site, ask, guest)
    guest, _ = await _unused(site, ask)
    return site.page("welcome", ask, guest=guest, account=guest.account)


async def _next(site: Site, ask: Ask, guest: _Guest) -> Answer:
    owed = guest.data.get("device", "")
    known = await site.ask(lambda s: s.devices.get(guest.account.name, owed)) if owed else None
    is_owed = bool(owed) and (known is None or known.revoked is not None)
    is_owed = is_owed and not guest.data.get("shown")
    return site.page(
        "welcome_done", ask, guest=guest, account=guest.account, device=owed, is_owed=is_owed
    )


async def start(site: Site, ask: Ask) -> Answer:
    """Off to the provider.

    By a link and no form: the provider may send people on to others, which a form may not.
    """
    site.gate.pass_("sign-in", ask.address)
    guest, oauth = await _unused(site, ask)
    try:
        url, pending = await signing.tried(
            oauth.begin_code(guest.account.name, f"{site.url}/oauth/callback")
        )
    except SignInRefused as refused:
        return await _failed(site, guest.visit, refused)
    await visits.keep(site, guest.visit, pending=pending.to_json())
    return go(url)


async def callback(site: Site, ask: Ask) -> Answer:
    """Back from the provider."""
    site.gate.pass_("sign-in", ask.address)
    guest, oauth = await _unused(site, ask)
    pending = guest.data.get("pending")
    if not pending:
        return await _failed(site, guest.visit, signing.LATE)
    # What has begun is finished once, whatever comes of it.
    visit = await visits.keep(site, guest.visit, pending=None)
    try:
        await signing.tried(oauth.finish_code(Pending.from_json(pending), ask.query_text))
    except SignInRefused as refused:
        return await _failed(site, visit, refused)
    return await _signed_in(site, ask, guest, visit)


async def _failed(site: Site, visit: Visit, refused: SignInRefused) -> Answer:
    """Out of the URL, which may have the provider's code in it, to a page that says why."""
    await visits.keep(site, visit, failed=asdict(signing.why(refused)), code=None, polled=None)
    return go("/welcome/failed")


async def failed(site: Site, ask: Ask) -> Answer:
    """Why it did not come off."""
    guest, _ = await _guest(site, ask)
    if "failed" not in guest.data:
        return go("/welcome")
    return signing.failed(site, ask, guest.account, Why(**guest.data["failed"]))


async def _signed_in(site: Site, ask: Ask, guest: _Guest, visit: Visit) -> Answer:
    used = await site.write(lambda store: store.invites.use(guest.token, site.now()))
    # Of two who came by one link, and both were the owner, one gets the password.
    device = guest.data.get("device", "") if used else ""
    await visits.keep(site, visit, signed_in=True, device=device, code=None, polled=None)
    changed(site, ask, "signed in", guest.account.name)
    return go("/welcome")


async def begin_code(site: Site, ask: Ask) -> Answer:
    """Get a code to enter at the provider on another machine."""
    site.gate.pass_("sign-in", ask.address)
    guest, oauth = await _unused(site, ask)
    try:
        code = await signing.tried(oauth.begin_device(guest.account.name))
    except SignInRefused as refused:
        return await _failed(site, guest.visit, refused)
    await signing.keep_code(site, guest.visit, code)
    return go("/welcome/code")


async def show_code(site: Site, ask: Ask) -> Answer:
    """Show it until it was entered."""
    guest, oauth = await _unused(site, ask)
    if "code" not in guest.data:
        return go("/welcome")
    try:
        code = await signing.poll(site, oauth, guest.visit)
    except SignInRefused as refused:
        return await _failed(site, guest.visit, refused)
    if code is None:
        return await _signed_in(site, ask, guest, guest.visit)
    return site.page("code", ask, account=guest.account, code=code, refresh=code.interval)


async def make_password(site: Site, ask: Ask) -> Answer:
    """The device password: here and now, and never again."""
    guest, _ = await _guest(site, ask)
    name = guest.data.get("device", "")
    if not guest.data.get("signed_in") or not name:
        raise Refusal(409, "There is no password to be made by this link.")
    known = await site.ask(lambda store: store.devices.get(guest.account.name, name))
    if guest.data.get("shown") or (known is not None and known.revoked is None):
        raise Refusal(409, "The password was shown already. If it got lost, ask for a new one.")
    device = known or Device(guest.account.name, name, "", "", created=site.now())
    password = await store_new(site, device, keep=False)
    # Or who revokes the device within this session's hour would find it alive again.
    await visits.keep(site, guest.visit, shown=True)
    changed(site, ask, "device added", f"{guest.account.name}/{name}")
    return shown(site, ask, guest.account, name, password)


ROUTES = (
    Route("GET", "/welcome/<token>", "anybody", link),
    Route("GET", "/welcome", "guest", welcome),
    Route("GET", "/welcome/failed", "guest", failed),
    Route("GET", "/welcome/code", "guest", show_code),
    Route("POST", "/welcome/code", "guest", begin_code),
    Route("POST", "/welcome/password", "guest", make_password),
    Route("GET", "/oauth/start", "guest", start),
    Route("GET", "/oauth/callback", "guest", callback),
)
