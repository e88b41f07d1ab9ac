"""Signing in and out of the console."""

import secrets

from pydantic import SecretStr

from gateway.accounts.model import Administrator
from gateway.accounts.passwords import verify
from gateway.accounts.store import Store
from gateway.admin.console import events, known, visits
from gateway.admin.console.gate import check_csrf
from gateway.admin.console.routes import Route
from gateway.admin.console.site import Site
from gateway.admin.console.web import Answer, Ask, Cookie, go

_WRONG = "Name or password is wrong."


def _own(path: str) -> str:
    """A page of ours to go to, never one elsewhere."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if plain else "/"


async def form(site: Site, ask: Ask) -> Answer:
    """Ask for name and password; before the first administrator, lead to the set-up."""
    if not await site.ask(lambda store: store.administrators.all()):
        return go("/setup")
    return _form(site, ask, _own(ask.asked("next", 2000)))


def _form(site: Site, ask: Ask, then: str, *, status: int = 200, problem: str = "") -> Answer:
    # Nobody is known here yet: the form must carry what the browser has as a cookie.
    token = secrets.token_urlsafe(24)
    cookie = Cookie(visits.cookie_name(site, "form"), token, "Strict")
    return site.page(
        "login", ask, status=status, csrf=token, then=then, problem=problem, cookies=(cookie,)
    )


async def enter(site: Site, ask: Ask) -> Answer:
    """Let an administrator in; unknown ones are told the same after the same time."""
    site.gate.pass_("login", ask.address)
    check_csrf(ask, ask.cookies.get(visits.cookie_name(site, "form"), ""))
    name, password = ask.text("name", 64), SecretStr(ask.secret("password"))
    then = _own(ask.text("next", 2000))
    found = await site.ask(lambda store: _found(store, name))
    _pass_name(site, ask, name, found)
    right = await site.think(lambda: verify(found.hash if found else "", password))
    if found is None or not right:
        site.emit(events.ConsoleLoginRefused(ask.address))
        return _form(site, ask, then, status=403, problem=_WRONG)
    cookie = await visits.begin(site, ask, "administrator", found.name)
    site.emit(events.ConsoleLogin(found.name, ask.address))
    form = Cookie(visits.cookie_name(site, "form"), "", "Strict")
    return go(then, {}, cookie, form, known.remember(site, found))


def _pass_name(site: Site, ask: Ask, name: str, found: Administrator | None) -> None:
    """Guesses from many addresses: slowed down by the name, whether somebody has it or not."""
    if number := known.recognised(site, ask, found):
        site.gate.pass_name("known browser", number)
    elif found is not None:
        site.gate.pass_name("name", found.name)
    else:
        site.gate.pass_name("nobody", name.lower())


def _found(store: Store, name: str) -> Administrator | None:
    # Telephones begin a name with a capital.
    return store.administrators.get(name) or store.administrators.get(name.lower())


async def leave(site: Site, ask: Ask) -> Answer:
    """End the session, here and everywhere this cookie is."""
    visit = ask.visit
    cookies = (await visits.end(site, visit, "administrator"),) if visit else ()
    return go("/login", {"done": "logged-out"}, *cookies)


ROUTES = (
    Route("GET", "/login", "anybody", form),
    Route("POST", "/login", "anybody", enter),
    Route("POST", "/logout", "administrator", leave),
)
