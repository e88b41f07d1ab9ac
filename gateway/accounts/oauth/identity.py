"""Whose mailbox was signed in to, as the provider tells it. Knows no I/O."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

import jwt
from pydantic import SecretStr

from gateway.accounts.names import same_name
from gateway.accounts.oauth.causes import SignInRefused
from gateway.accounts.oauth.presets import Naming

_LEEWAY = 300.0
_TENANT_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_LONGEST = 320


def claims(
    id_token: SecretStr, *, issuer: str, client_id: str, nonce: str, now: float
) -> dict[str, Any]:
    """The claims of an ID token that came straight from the token endpoint.

    By TLS, so that its signature need not be checked (OIDC Core §3.1.3.7, number 6).

    Args:
        id_token: As it came.
        issuer: Of the provider; `{tenantid}` in it stands for the token's own tenant.
        client_id: Ours.
        nonce: Of the request; empty if there was none.
        now: Seconds since 1970.

    Raises:
        SignInRefused: It is not for us.
    """
    try:
        found: dict[str, Any] = jwt.decode(
            id_token.get_secret_value(), options={"verify_signature": False}
        )
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise _refused("cannot be read") from None
    named = found.get("iss")
    if not isinstance(named, str) or named not in _issuers(issuer, found):
        raise _refused("is of another issuer")
    if not _for_us(found, client_id):
        raise _refused("is for another app")
    ends = found.get("exp")
    if not isinstance(ends, int | float) or ends + _LEEWAY < now:
        raise _refused("has ended: see this machine's clock")
    if nonce and found.get("nonce") != nonce:
        raise _refused("is of another sign-in")
    return found


def names(found: Mapping[str, Any], naming: Naming) -> list[str]:
    """What the owner is called there, the best name first.

    Where `email` tells the address, no other claim is taken for one: owners may choose some
    of those themselves (OIDC Core §5.7).

    Args:
        found: The claims.
        naming: Which of them say whose mailbox it is.
    """
    values = [value for value in map(found.get, naming.claims) if _is_name(value)]
    email = found.get("email")
    # Some write a truth as a text, or as a number.
    vouched = found.get(naming.voucher, not naming.must_vouch) in (True, "true", "1")
    if naming.must_vouch:  # the others are vouched for by the provider itself
        others = values
    else:
        others = [value for value in values if "@" not in value or not _is_name(email)]
    first = [email] if _is_name(email) and vouched else []
    return list(dict.fromkeys([*first, *others]))


def _is_name(value: object) -> TypeGuard[str]:
    """Whether it can be compared, shown and kept."""
    return isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable()


def check_mailbox(expected: str, called: Iterable[str]) -> None:
    """Compare with the mailbox that was meant.

    Raises:
        SignInRefused: Somebody else has signed in.
    """
    called = list(called)
    if any(same_name(expected, name) for name in called):
        return
    raise SignInRefused(
        "setup",
        f"{called[0]} has signed in, and the mailbox is {expected}"
        if called
        else "the provider does not tell who has signed in",
        f"sign in as {expected} (sign out at the provider first, or use a private window), or "
        "let the administrator allow another's sign-in for a shared mailbox",
        "other_mailbox",
    )


def _issuers(issuer: str, found: Mapping[str, Any]) -> set[str]:
    if "{tenantid}" in issuer:
        tenant = found.get("tid")
        known = isinstance(tenant, str) and _TENANT_ID.match(tenant)
        return {issuer.replace("{tenantid}", tenant)} if known and tenant else set()
    # Google's may be without its scheme.
    bare = issuer.removeprefix("https://")
    return {issuer, bare} if bare == "accounts.google.com" else {issuer}


def _for_us(found: Mapping[str, Any], client_id: str) -> bool:
    audience = found.get("aud")
    if isinstance(audience, list):
        alone = len(audience) == 1
        return client_id in audience and (alone or found.get("azp") == client_id)
    return bool(audience == client_id)


def _refused(how: str) -> SignInRefused:
    return SignInRefused(
        "setup", f"the provider's ID token {how}", "begin again; if it stays so, see the log"
    )
