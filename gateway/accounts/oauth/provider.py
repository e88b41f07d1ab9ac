"""Which endpoints a provider has: those of its preset, or what its issuer tells."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.accounts.model import Provider
from gateway.accounts.oauth.client import TokenClient
from gateway.accounts.oauth.fetch import Fetch, Request, checked_url
from gateway.accounts.oauth.flight import Flight
from gateway.accounts.oauth.presets import Endpoints, known_endpoints
from gateway.errors import Misconfigured, Unavailable

_WELL_KNOWN = "/.well-known/openid-configuration"
_KEPT_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class _Found:
    endpoints: Endpoints
    until: float


class Providers:
    """Makes clients of providers; remembers for a day what discovery has found.

    Args:
        fetch: Carries requests.
        now: Seconds since 1970.
    """

    def __init__(self, fetch: Fetch, now: Callable[[], float]) -> None:
        self._fetch = fetch
        self._now = now
        self._found: dict[str, _Found] = {}
        # One for each issuer: one that is slow to answer holds up no other.
        self._flights: dict[str, Flight[_Found]] = {}

    async def client(self, provider: Provider) -> TokenClient:
        """The provider's client.

        Raises:
            Unavailable: The issuer does not tell where its endpoints are.
            Misconfigured: What it tells cannot be used, or there is no issuer.
        """
        endpoints = known_endpoints(provider) or await self._discovered(provider)
        return TokenClient(provider, endpoints, self._fetch, self._now)

    async def _discovered(self, provider: Provider) -> Endpoints:
        issuer = checked_url(provider.issuer, "the issuer").rstrip("/")
        found = self._found.get(issuer)
        if found is None or not 0 < found.until - self._now() <= _KEPT_SECONDS:
            flight = self._flights.setdefault(issuer, Flight())
            found = await flight.join(lambda: self._look_up(issuer))
        return found.endpoints

    async def _look_up(self, issuer: str) -> _Found:
        found = _Found(await self._ask(issuer), self._now() + _KEPT_SECONDS)
        self._found[issuer] = found
        return found

    async def _ask(self, issuer: str) -> Endpoints:
        """OpenID Connect Discovery §4."""
        request = Request("GET", issuer + _WELL_KNOWN, {"Accept": "application/json"})
        answer = await self._fetch(request)
        if answer.status == 429 or answer.status >= 500:
            raise Unavailable(f"the issuer answers discovery with {answer.status}")
        if answer.status != 200:
            raise Misconfigured(
                f"the issuer answers discovery with {answer.status}: it is the URL before "
                f"{_WELL_KNOWN}"
            )
        return endpoints_of(answer.object(), issuer)


def endpoints_of(said: Mapping[str, Any], issuer: str) -> Endpoints:
    """The endpoints in an issuer's metadata (OpenID Connect Discovery §3, RFC 8414 §2).

    Raises:
        Misconfigured: They are another issuer's (§4.3), or secrets may not go there.
    """
    named = said.get("issuer")
    if not isinstance(named, str) or named.rstrip("/") not in _spellings(issuer):
        raise Misconfigured("the issuer calls itself something else: give that URL")
    methods = said.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    # Where both are taken, the one that RFC 6749 §2.3.1 wants servers to have.
    basic = isinstance(methods, list) and "client_secret_basic" in methods
    return Endpoints(
        issuer=named,
        authorization=_url(said, "authorization_endpoint"),
        token=_url(said, "token_endpoint"),
        device=_url(said, "device_authorization_endpoint"),
        userinfo=_url(said, "userinfo_endpoint"),
        revocation=_url(said, "revocation_endpoint"),
        introspection=_url(said, "introspection_endpoint"),
        basic=basic,
        names_itself=said.get("authorization_response_iss_parameter_supported") is True,
    )


def _spellings(issuer: str) -> set[str]:
    """Microsoft's `common` has a place-holder for the tenant."""
    return {issuer, re.sub(r"/(common|organizations|consumers)/", "/{tenantid}/", issuer)}


def _url(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name, "")
    if not isinstance(value, str):
        raise Misconfigured(f"the issuer's {name} is no URL")
    return checked_url(value, f"the issuer's {name}") if value else ""
