"""Whose is a token that a POP3 client itself brings (RFC 7662)."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import SecretStr

from gateway.accounts.model import Provider
from gateway.accounts.oauth.client import TokenClient
from gateway.accounts.oauth.fetch import Fetch, checked_url
from gateway.accounts.oauth.presets import Endpoints
from gateway.accounts.oauth.settings import IntrospectionSettings
from gateway.errors import BadCredentials, Misconfigured

_LEEWAY = 30.0


class Introspector:
    """Asks whoever issued a token.

    Args:
        settings: Where and how.
        secret: Of our client there; None without one.
        fetch: Carries requests.
        now: Seconds since 1970.

    Raises:
        Misconfigured: There is no endpoint, or secrets may not go there.
    """

    def __init__(
        self,
        settings: IntrospectionSettings,
        secret: SecretStr | None,
        fetch: Fetch,
        now: Callable[[], float],
    ) -> None:
        if settings.endpoint is None:
            raise Misconfigured("there is no introspection endpoint")
        url = checked_url(settings.endpoint, "the introspection endpoint")
        endpoints = Endpoints("", "", "", introspection=url, basic=settings.basic)
        provider = Provider("introspection", "oidc", "", settings.client_id, secret)
        self._settings = settings
        self._client = TokenClient(provider, endpoints, fetch, now)
        self._now = now

    async def introspect(self, token: SecretStr) -> str:
        """The name of the user whose token it is.

        Raises:
            BadCredentials: It is not good, or not for us.
            Unavailable, Misconfigured: It cannot be known.
        """
        said = await self._client.introspect(token)
        if said.get("active") is not True:
            raise BadCredentials("the token is not active")
        ends = said.get("exp")
        if isinstance(ends, int | float) and ends + _LEEWAY < self._now():
            raise BadCredentials("the token has ended")
        self._check_for_us(said)
        name = said.get(self._settings.name)
        if not isinstance(name, str) or not name:
            raise Misconfigured(f"introspection tells no {self._settings.name} of the token")
        return name

    def _check_for_us(self, said: Mapping[str, Any]) -> None:
        """A token that somebody gave to another service must not open his mailbox here."""
        audience, scope = self._settings.audience, self._settings.scope
        told = said.get("aud")
        heard = told if isinstance(told, list) else [told]
        if audience and audience not in heard:
            raise BadCredentials("the token is for another audience")
        if scope and scope not in str(said.get("scope", "")).split():
            raise BadCredentials("the token lacks the scope")
