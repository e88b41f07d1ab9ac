"""Providers: where accounts sign in, and what must be registered there."""

from dataclasses import replace
from datetime import UTC, datetime

from pydantic import SecretStr

from gateway.accounts.model import Preset, Provider
from gateway.admin.console.changes import changed
from gateway.admin.console.fields import Wrong, device_name, issuer_url, refuse, upstream_url
from gateway.admin.console.guides import GUIDES, Guide
from gateway.admin.console.routes import Route
from gateway.admin.console.site import Site
from gateway.admin.console.web import Answer, Ask, Refusal, go
from gateway.errors import Failure

_SCOPES = 32


async def listing(site: Site, ask: Ask) -> Answer:
    """All of them."""
    return site.page(
        "providers",
        ask,
        providers=await site.ask(lambda store: store.providers.all()),
        guides=GUIDES,
    )


async def new(site: Site, ask: Ask) -> Answer:
    """Whose? Then what to register there, and the form."""
    guide = GUIDES.get(ask.asked("preset", 16))
    if guide is None:
        return site.page("provider_choice", ask, guides=GUIDES)
    made = Provider(guide.name, guide.preset, guide.upstream, "")
    return _form(site, ask, made, is_new=True)


async def edit(site: Site, ask: Ask) -> Answer:
    """The form for one that is there."""
    return _form(site, ask, await _found(site, ask.asked("name", 64)), is_new=False)


def _form(
    site: Site, ask: Ask, provider: Provider, *, is_new: bool, problem: str = ""
) -> Answer:
    ends = provider.secret_ends
    return site.page(
        "provider_form",
        ask,
        status=400 if problem else 200,
        provider=provider,
        guide=GUIDES[provider.preset],
        redirect=f"{site.url}/oauth/callback",
        ends=f"{datetime.fromtimestamp(ends, UTC):%Y-%m-%d}" if ends else "",
        is_new=is_new,
        problem=problem,
    )


async def add(site: Site, ask: Ask) -> Answer:
    """Make one."""
    guide = _guide(ask)
    before = Provider(ask.text("name", 64), guide.preset, "", "")
    entered = _entered(ask, before)
    try:
        device_name(entered.name)
        made = _checked(ask, entered)
        refuse(await site.ask(lambda store: store.providers.get(made.name)), "a provider")
    except Wrong as wrong:
        return _form(site, ask, entered, is_new=True, problem=str(wrong))
    return await _save(site, ask, made)


async def save(site: Site, ask: Ask) -> Answer:
    """Change one; its name and whose it is stay."""
    entered = _entered(ask, await _found(site, ask.text("name", 64)))
    try:
        made = _checked(ask, entered)
    except Wrong as wrong:
        return _form(site, ask, entered, is_new=False, problem=str(wrong))
    return await _save(site, ask, made)


async def _save(site: Site, ask: Ask, made: Provider) -> Answer:
    await site.write(lambda store: store.providers.save(made))
    changed(site, ask, "provider saved", made.name)
    return go("/provider", {"name": made.name, "done": "provider-saved"})


def _guide(ask: Ask) -> Guide:
    guide = GUIDES.get(ask.text("preset", 16))
    if guide is None:
        raise Refusal(400)
    return guide


def _entered(ask: Ask, before: Provider) -> Provider:
    given = ask.secret("client_secret").strip()
    keep = None if ask.text("forget_secret") == "yes" else before.client_secret
    preset: Preset = before.preset
    return replace(
        before,
        upstream=ask.text("upstream", 1000),
        client_id=ask.text("client_id", 500),
        client_secret=SecretStr(given) if given else keep,
        issuer=ask.text("issuer", 1000) if preset == "oidc" else "",
        tenant=ask.text("tenant", 255) if preset == "microsoft" else "",
        scopes=ask.lines("scopes"),
    )


def _checked(ask: Ask, entered: Provider) -> Provider:
    if not entered.client_id:
        raise Wrong("Enter the client ID that the provider shows.")
    if len(entered.scopes) > _SCOPES:
        raise Wrong(f"There may be {_SCOPES} scopes.")
    issuer = issuer_url(entered.issuer) if entered.preset == "oidc" else ""
    return replace(
        entered,
        issuer=issuer,
        upstream=upstream_url(entered.upstream, needed=True),
        secret_ends=_day(ask.text("secret_ends", 10)),
    )


def _day(text: str) -> float | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise Wrong("Write the day as 2027-12-31.") from None


async def check(site: Site, ask: Ask) -> Answer:
    """Ask the provider where its endpoints are."""
    provider = await _found(site, ask.text("name", 64))
    if site.oauth is None:
        raise Refusal(409, "Signing in is not set up.")
    endpoints, problem = None, ""
    try:
        endpoints = await site.oauth.endpoints(provider.name)
    except Failure as failure:
        problem = f"{failure.detail[:1].upper()}{failure.detail[1:]}."
    return site.page(
        "provider_check", ask, provider=provider, endpoints=endpoints, problem=problem
    )


async def ask_to_remove(site: Site, ask: Ask) -> Answer:
    """Are you sure?"""
    provider = await _found(site, ask.asked("name", 64))
    return site.page(
        "confirm",
        ask,
        title=f"Remove the provider {provider.name}?",
        text="Only if no account uses it. Its client secret is forgotten.",
        action="/provider/remove",
        button="Remove the provider",
        hidden={"name": provider.name},
        back=("/provider", provider.name),
    )


async def remove(site: Site, ask: Ask) -> Answer:
    """Take it away."""
    name = ask.text("name", 64)
    await site.write(lambda store: store.providers.remove(name))
    changed(site, ask, "provider removed", name)
    return go("/providers", {"done": "provider-removed"})


async def _found(site: Site, name: str) -> Provider:
    provider = await site.ask(lambda store: store.providers.get(name))
    if provider is None:
        raise Refusal(404, "There is no such provider (any more).")
    return provider


ROUTES = (
    Route("GET", "/providers", "administrator", listing),
    Route("GET", "/provider/new", "administrator", new),
    Route("POST", "/provider/new", "administrator", add),
    Route("GET", "/provider", "administrator", edit),
    Route("POST", "/provider", "administrator", save),
    Route("POST", "/provider/check", "administrator", check),
    Route("GET", "/provider/remove", "administrator", ask_to_remove),
    Route("POST", "/provider/remove", "administrator", remove),
)
