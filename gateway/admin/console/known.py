"""Browsers that have signed in before: a cookie that only such a one can show.

Whoever guesses at an administrator's name uses up its allowance, from however many
addresses; these browsers have one of their own, so that nobody can shut an administrator out.
"""

import hashlib
import hmac
import secrets

from gateway.accounts.model import Administrator
from gateway.admin.console.site import Site
from gateway.admin.console.visits import cookie_name
from gateway.admin.console.web import Ask, Cookie

_LASTS = 180 * 86_400
_LONGEST = 200


def remember(site: Site, administrator: Administrator) -> Cookie:
    """The cookie for a browser that has signed in; another password makes it worthless."""
    number = secrets.token_urlsafe(16)
    value = f"{number}.{_signature(administrator, number)}"
    return Cookie(cookie_name(site, "known"), value, "Strict", _LASTS)


def recognised(site: Site, ask: Ask, administrator: Administrator | None) -> str:
    """The number of a browser that this administrator has signed in with; else empty."""
    value = ask.cookies.get(cookie_name(site, "known"), "")
    number, _, signature = value.partition(".")
    if administrator is None or not number or len(value) > _LONGEST:
        return ""
    expected = _signature(administrator, number)
    fits = hmac.compare_digest(signature.encode(), expected.encode())
    return number if fits else ""


def _signature(administrator: Administrator, number: str) -> str:
    # The hash has a salt that nobody outside knows, and is another with another password.
    text = f"known browser\0{administrator.name}\0{number}"
    return hmac.new(administrator.hash.encode(), text.encode(), hashlib.sha256).hexdigest()
