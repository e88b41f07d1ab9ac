"""Administrators: who else may use the console, and one's own password."""

from pydantic import SecretStr

from gateway.accounts.model import Administrator
from gateway.accounts.passwords import hash_password, verify
from gateway.accounts.store import Store
from gateway.admin.console import visits
from gateway.admin.console.changes import changed
from gateway.admin.console.fields import Wrong, new_password, person_name, refuse
from gateway.admin.console.routes import Route
from gateway.admin.console.site import Site
from gateway.admin.console.web import Answer, Ask, Cookie, Refusal, go


async def listing(site: Site, ask: Ask) -> Answer:
    """All of them."""
    return await _page(site, ask)


async def _page(site: Site, ask: Ask, problem: str = "", name: str = "") -> Answer:
    people = await site.ask(lambda store: store.administrators.all())
    status = 400 if problem else 200
    return site.page(
        "administrators", ask, status=status, people=people, problem=problem, entered=name
    )


async def add(site: Site, ask: Ask) -> Answer:
    """One more."""
    entered = ask.text("name", 64)
    try:
        await _check_own(site, ask)
        name = person_name(entered)
        secret = SecretStr(new_password(ask.secret("password"), ask.secret("again"), name))
        known = await site.ask(lambda store: store.administrators.get(name))
        refuse(known, "an administrator")
    except Wrong as wrong:
        return await _page(site, ask, str(wrong), entered)
    await _save(site, name, secret)
    changed(site, ask, "administrator added", name)
    return go("/administrators", {"done": "administrator-added"})


async def change_password(site: Site, ask: Ask) -> Answer:
    """One's own; all other sessions of one's own end."""
    me = _me(ask)
    try:
        await _check_own(site, ask)
        secret = SecretStr(new_password(ask.secret("password"), ask.secret("again"), me))
    except Wrong as wrong:
        return await _page(site, ask, str(wrong))
    await _save(site, me, secret)
    cookie = await _afresh(site, ask, me)
    changed(site, ask, "password changed", me)
    return go("/administrators", {"done": "password-changed"}, cookie)


async def _save(site: Site, name: str, secret: SecretStr) -> None:
    hashed = await site.think(lambda: hash_password(secret))
    await site.write(lambda store: store.administrators.save(Administrator(name, hashed)))


async def _afresh(site: Site, ask: Ask, me: str) -> Cookie:
    await site.write(lambda store: store.visits.end_all_of(me))
    return await visits.begin(site, ask, "administrator", me)


async def remove(site: Site, ask: Ask) -> Answer:
    """Another one, never oneself: so somebody is always left."""
    name = ask.text("name", 64)
    if name == _me(ask):
        raise Refusal(409, "Nobody can remove himself: let another administrator do it.")
    await site.write(lambda store: _remove(store, name, _me(ask)))
    changed(site, ask, "administrator removed", name)
    return go("/administrators", {"done": "administrator-removed"})


def _remove(store: Store, name: str, by: str) -> None:
    if not store.administrators.remove(name, by):
        raise Refusal(404, "There is no such administrator (any more).")


async def _check_own(site: Site, ask: Ask) -> None:
    site.gate.pass_("login", ask.address)
    me = await site.ask(lambda store: store.administrators.get(_me(ask)))
    given = SecretStr(ask.secret("own"))
    if not await site.think(lambda: verify(me.hash if me else "", given)):
        raise Wrong("Your own password is wrong.")


def _me(ask: Ask) -> str:
    return ask.visit.who if ask.visit else ""


ROUTES = (
    Route("GET", "/administrators", "administrator", listing),
    Route("POST", "/administrators/add", "administrator", add),
    Route("POST", "/administrators/password", "administrator", change_password),
    Route("POST", "/administrators/remove", "administrator", remove),
)
