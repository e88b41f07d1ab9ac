"""Whose mailbox was signed in to, as the provider tells it. Knows no I/O."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import jwt
from pydantic import SecretStr

from gateway.accounts.names import same_name
from gateway.accounts.oauth.causes import SignInRefused

_LEEWAY = 300.0
_TENANT_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
# In the order in which they are shown.
_NAMES = ("email", "preferred_username", "upn", "unique_name", "sub")


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
    except jwt.PyJWTError:
        raise _refused("cannot be read") from None
    if found.get("iss") not in _issuers(issuer, found):
        raise _refused("is of another issuer")
    if not _for_us(found, client_id):
        raise _refused("is for another app")
    ends = found.get("exp")
    if not isinstance(ends, int | float) or ends + _LEEWAY < now:
        raise _refused("has ended: see this machine's clock")
    if nonce and found.get("nonce") != nonce:
        raise _refused("is of another sign-in")
    return found


def names(found: Mapping[str, Any], *, email: bool = True) -> list[str]:
    """What the owner is called there, the best name first.

    Args:
        found: The claims.
        email: Whether this provider's `email` is the owner's mailbox. One that it has not
            verified (OIDC Core §5.1) is not: he may have written anybody's.
    """
    own = email and found.get("email_verified") not in {False, "false", "False"}
    values = [found.get(name) for name in _NAMES if own or name != "email"]
    return list(dict.fromkeys(value for value in values if isinstance(value, str) and value))


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
