"""What a token endpoint gives, as a value. Knows no I/O."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import SecretStr

from gateway.accounts.model import Flow, Grant
from gateway.errors import Unavailable

# RFC 6749 §A.12 and §A.17, without the space, which no HTTP header would carry.
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}\Z")
# RFC 6749 §5.1 lets a provider keep silent about it.
_USUAL_LIFE = 600.0
_LONGEST_LIFE = 10 * 366 * 86_400.0
# Of an access token: who says more may be wrong, and asking once a day costs nothing.
_LONGEST_USE = 86_400.0
# RFC 6749 §A.4.
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,512}\Z")


class RefreshOnly(Unavailable):
    """An answer that cannot be used but for its new refresh token: that must be kept.

    Attributes:
        refresh: It; the one that it came for may be worthless already.
    """

    def __init__(self, detail: str, refresh: SecretStr) -> None:
        super().__init__(detail)
        self.refresh = refresh


@dataclass(frozen=True, slots=True)
class Issued:
    """Tokens as they came.

    Attributes:
        refresh: Another refresh token; None if the old one stays.
        expires: When the access token ends, in seconds since 1970.
        consent_ends: The same of the refresh token, if the provider tells.
        scopes: What was granted; empty if it is what was asked for.
    """

    access: SecretStr
    refresh: SecretStr | None
    expires: float
    consent_ends: float | None
    scopes: tuple[str, ...]
    id_token: SecretStr | None = None


def issued(said: Mapping[str, Any], now: float) -> Issued:
    """The tokens of an answer (RFC 6749 §5.1).

    Raises:
        Unavailable: There is none that can be used.
        RefreshOnly: The same, with a refresh token.
    """
    access, refresh = _token(said.get("access_token")), _token(said.get("refresh_token"))
    if access is None:
        raise _unusable("the provider's answer has no access token that can be used", refresh)
    if str(said.get("token_type", "bearer")).lower() != "bearer":
        raise _unusable("the provider's access token is of another type than bearer", refresh)
    life = _seconds(said.get("expires_in"))
    consent = _seconds(said.get("refresh_token_expires_in"))
    id_token = said.get("id_token")
    return Issued(
        access=access,
        refresh=refresh,
        expires=now + min(_USUAL_LIFE if life is None else life, _LONGEST_USE),
        # Some say 0 of a refresh token that does not end.
        consent_ends=now + consent if consent else None,
        scopes=_scopes(said.get("scope")),
        id_token=SecretStr(id_token) if isinstance(id_token, str) else None,
    )


def granted(account: str, flow: Flow, tokens: Issued, subject: str, now: float) -> Grant:
    """The grant of a new consent."""
    return Grant(
        account=account,
        flow=flow,
        refresh=tokens.refresh,
        access=tokens.access,
        expires=tokens.expires,
        consent_ends=tokens.consent_ends,
        subject=subject,
        scopes=tokens.scopes,
        obtained=now,
        refreshed=now,
    )


def renewed(grant: Grant, used: SecretStr | None, tokens: Issued, now: float) -> Grant:
    """The grant after a refresh.

    The token that has just worked is kept behind a new one until that has worked too: a
    provider may have lost the new one.

    Args:
        grant: As it was.
        used: The refresh token that worked; None with client credentials.
        tokens: What came of it.
        now: Seconds since 1970.
    """
    another = tokens.refresh is not None and tokens.refresh != used
    return replace(
        grant,
        refresh=tokens.refresh or used,
        previous=used if another else None,
        access=tokens.access,
        expires=tokens.expires,
        consent_ends=tokens.consent_ends or grant.consent_ends,
        scopes=tokens.scopes or grant.scopes,
        refreshed=now,
        broken="",
    )


def rotated(grant: Grant, refresh: SecretStr) -> Grant:
    """The grant with another refresh token, and nothing else that is new."""
    return replace(grant, refresh=refresh, previous=grant.refresh)


def _unusable(detail: str, refresh: SecretStr | None) -> Unavailable:
    return Unavailable(detail) if refresh is None else RefreshOnly(detail, refresh)


def _scopes(value: object) -> tuple[str, ...]:
    """What can be kept of it: an odd one must not cost the tokens that came with it."""
    given = value if isinstance(value, list) else str(value or "").split()
    return tuple(each for each in given if isinstance(each, str) and _SCOPE.match(each))


def _token(value: object) -> SecretStr | None:
    return SecretStr(value) if isinstance(value, str) and _TOKEN.match(value) else None


def _seconds(value: object) -> float | None:
    """A number of seconds, also as a text."""
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and 0 <= seconds <= _LONGEST_LIFE else None
