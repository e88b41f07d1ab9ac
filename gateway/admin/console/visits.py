"""Console sessions: two cookies, one for administrators and one for guests with a link."""

import json
import secrets
from dataclasses import replace
from typing import Any

from pydantic import SecretStr

from gateway.accounts.model import Visit
from gateway.accounts.store import Store, digest_of
from gateway.admin.console.routes import Who
from gateway.admin.console.site import Site
from gateway.admin.console.web import Ask, Cookie

IDLE = 3600.0
LONGEST = 12 * 3600.0
GUEST_LONGEST = 3600.0
_RENEW = 60.0
_COOKIES = {"administrator": ("office", "Strict"), "guest": ("guest", "Lax")}


def cookie_name(site: Site, kind: str) -> str:
    """With TLS a name that no other site of the domain can set (RFC 6265bis §4.1.3)."""
    return f"__Host-{kind}" if site.secure else kind


async def begin(
    site: Site, ask: Ask, kind: Who, who: str, data: dict[str, Any] | None = None
) -> Cookie:
    """Let somebody in: always a new session, never the one that the browser had.

    Args:
        site: The console.
        ask: The request; the session that came with it ends.
        kind: `administrator` or `guest`.
        who: The administrator's name, or with a colon what a link is for.
        data: What its pages keep.
    """
    name, same_site = _COOKIES[kind]
    token = SecretStr(secrets.token_urlsafe(32))
    now = site.now()
    longest = IDLE if kind == "administrator" else GUEST_LONGEST
    kept = json.dumps({"began": now, **(data or {})})
    csrf = secrets.token_urlsafe(24)
    visit = Visit(digest_of(token), who, csrf, now + longest, kept)
    before = ask.cookies.get(cookie_name(site, name), "")

    def work(store: Store) -> None:
        store.visits.sweep(now)
        if before:
            store.visits.end(digest_of(SecretStr(before)))
        store.visits.save(visit)

    await site.write(work)
    return Cookie(cookie_name(site, name), token.get_secret_value(), same_site)


async def find(site: Site, ask: Ask, kind: Who) -> Visit | None:
    """The session of a request, moved on if it is not idle; None if there is none (more)."""
    name, _ = _COOKIES[kind]
    token = ask.cookies.get(cookie_name(site, name), "")
    if not 20 < len(token) < 100:
        return None
    now = site.now()
    visit = await site.ask(lambda store: store.visits.get(SecretStr(token), now))
    if visit is None or (":" in visit.who) is not (kind == "guest"):
        return None
    if kind == "guest" or ask.by_script:
        return visit  # a page that is left open keeps nobody signed in
    until = min(now + IDLE, float(data_of(visit)["began"]) + LONGEST)
    if until > visit.expires + _RENEW:
        visit = replace(visit, expires=until)
        await save(site, visit)
    return visit


async def end(site: Site, visit: Visit, kind: Who) -> Cookie:
    """End one; the cookie to forget it by."""
    await site.write(lambda store: store.visits.end(visit.digest))
    name, same_site = _COOKIES[kind]
    return Cookie(cookie_name(site, name), "", same_site)


def data_of(visit: Visit) -> dict[str, Any]:
    """What its pages keep."""
    found: dict[str, Any] = json.loads(visit.data)
    return found


async def keep(site: Site, visit: Visit, **values: Any) -> Visit:
    """Change what its pages keep; None forgets."""
    data = {k: v for k, v in (data_of(visit) | values).items() if v is not None}
    changed = replace(visit, data=json.dumps(data))
    await save(site, changed)
    return changed


async def save(site: Site, visit: Visit) -> None:
    """Write one that is there; one that was ended meanwhile stays so."""
    await site.write(lambda store: store.visits.change(visit))
