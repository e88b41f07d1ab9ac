"""The first run: whoever has read the token on this machine becomes the administrator."""

import hmac
from pathlib import Path

from pydantic import SecretStr

from gateway.accounts.model import Administrator
from gateway.accounts.passwords import hash_password
from gateway.admin.console import events, visits
from gateway.admin.console.fields import Wrong, new_password, person_name
from gateway.admin.console.routes import Route
from gateway.admin.console.site import Site
from gateway.admin.console.web import Answer, Ask, Refusal, go
from gateway.admin.setup_token import drop_link, make_link, read_token
from gateway.errors import Failure

_WHO = "setup:"
_OVER = "The console has its administrator. Sign in instead."


def _state(site: Site) -> Path:
    return Path(site.settings["state"]["dir"])


def _fits(site: Site, given: str) -> bool:
    token = read_token(_state(site))
    return bool(token) and hmac.compare_digest(given.encode(), token.encode())


async def prepare(site: Site) -> None:
    """Write the link of the first run, or take away one that is of no use any more."""
    try:
        if await site.ask(lambda store: store.administrators.all()):
            drop_link(_state(site))
            return
        path = make_link(_state(site), site.url)
    except Failure as failure:
        site.emit(events.ConsoleError("/setup", failure.detail))
        return
    site.emit(events.SetupAwaits(str(path)))


async def _open(site: Site) -> None:
    if await site.ask(lambda store: store.administrators.all()):
        raise Refusal(404, _OVER)


async def enter(site: Site, ask: Ask) -> Answer:
    """Take the token out of the URL, into a session."""
    site.gate.pass_("token", ask.address)
    await _open(site)
    if not _fits(site, ask.asked("token")):
        return site.page("setup_wait", ask, status=403 if ask.asked("token") else 200)
    cookie = await visits.begin(site, ask, "guest", _WHO)
    return go("/setup/administrator", {}, cookie)


async def form(site: Site, ask: Ask) -> Answer:
    """Name and password of the first administrator."""
    _check(ask)
    await _open(site)
    return site.page("setup", ask, name="")


async def make(site: Site, ask: Ask) -> Answer:
    """Make him, and let him in."""
    _check(ask)
    await _open(site)
    name, password = ask.text("name", 64), ask.secret("password")
    try:
        name = person_name(name)
        secret = SecretStr(new_password(password, ask.secret("again"), name))
    except Wrong as wrong:
        return site.page("setup", ask, status=400, name=name, problem=str(wrong))
    hashed = await site.think(lambda: hash_password(secret))
    made = Administrator(name, hashed)
    if not await site.write(lambda store: store.administrators.add_first(made)):
        raise Refusal(404, _OVER)
    drop_link(_state(site))
    cookie = await visits.begin(site, ask, "administrator", name)
    assert ask.visit is not None  # noqa: S101 - `_check` has looked
    return go("/", {"done": "welcome"}, cookie, await visits.end(site, ask.visit, "guest"))


def _check(ask: Ask) -> None:
    if ask.visit is None or ask.visit.who != _WHO:
        raise Refusal(403, "Open the link again that pop3-gateway console-link prints.")


ROUTES = (
    Route("GET", "/setup", "anybody", enter),
    Route("GET", "/setup/administrator", "guest", form),
    Route("POST", "/setup/administrator", "guest", make),
)
