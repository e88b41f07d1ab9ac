"""Requests to one provider's endpoints, made and read by `oauthlib`."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import oauthlib.oauth2 as oauthlib
from pydantic import SecretStr

from gateway import __version__
from gateway.accounts.model import Provider
from gateway.accounts.oauth import assertion
from gateway.accounts.oauth.causes import SignInRefused, refusal
from gateway.accounts.oauth.fetch import Answer, Fetch, Request
from gateway.accounts.oauth.issued import Issued, issued
from gateway.accounts.oauth.presets import Endpoints, quirks
from gateway.errors import Misconfigured, Unavailable

_FORM = "application/x-www-form-urlencoded"
_DEVICE_LIFE = 900
# A provider that has taken a refresh token and is slow to answer has perhaps made it
# worthless already: whoever gives up before the answer comes loses the consent.
_LONG = 120.0
_DEVICE_INTERVAL = 5  # RFC 8628 §3.2


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """What a provider gives for a sign-in on another screen (RFC 8628 §3.2).

    Attributes:
        device_code: What we ask with.
        user_code: What the owner enters at `uri`; `complete` has it in it, and may be empty.
        interval: Seconds between two questions.
        expires: When it ends, in seconds since 1970.
    """

    device_code: SecretStr
    user_code: str
    uri: str
    complete: str
    interval: float
    expires: float


@dataclass(frozen=True, slots=True)
class TokenClient:
    """One provider.

    Attributes:
        provider: Our registration there.
        endpoints: Where it is.
        fetch: Carries requests.
        now: Seconds since 1970.
    """

    provider: Provider
    endpoints: Endpoints
    fetch: Fetch = field(repr=False)
    now: Callable[[], float] = field(repr=False)

    def authorization_url(
        self,
        redirect_uri: str,
        scopes: Sequence[str],
        *,
        state: str,
        nonce: str,
        verifier: str,
        hint: str,
    ) -> str:
        """Where the owner's browser is to go (RFC 6749 §4.1.1, RFC 7636 with S256).

        Raises:
            Misconfigured: The provider has no such page.
        """
        url = self._endpoint(self.endpoints.authorization, "browser sign-in")
        client = oauthlib.WebApplicationClient(self.provider.client_id)
        asked: Any = client.prepare_request_uri(
            _secure(url),
            redirect_uri,
            scope=list(scopes),
            state=state,
            nonce=nonce,
            code_challenge=client.create_code_challenge(verifier, "S256"),
            code_challenge_method="S256",
            **({"login_hint": hint} if "@" in hint else {}),
            **quirks(self.provider).extra,
        )
        return str(urlunsplit((urlsplit(url).scheme, *urlsplit(asked)[1:])))

    async def code(self, code: str, redirect_uri: str, verifier: str) -> Issued:
        """Tokens for an authorization code.

        Raises:
            SignInRefused, Unavailable, Misconfigured
        """
        client = oauthlib.WebApplicationClient(self.provider.client_id)
        body = client.prepare_request_body(
            code=code,
            redirect_uri=redirect_uri,
            code_verifier=verifier,
            include_client_id=False,
        )
        return await self._tokens(body)

    async def refresh(self, token: SecretStr) -> Issued:
        """Tokens for a refresh token (RFC 6749 §6), of the same scopes as before.

        Raises:
            SignInRefused, Unavailable, Misconfigured
        """
        client = oauthlib.WebApplicationClient(self.provider.client_id)
        body = client.prepare_refresh_body(refresh_token=token.get_secret_value())
        return await self._tokens(body, _LONG)

    async def client_credentials(self, scopes: Sequence[str], mailbox: str) -> Issued:
        """Tokens for ourselves (RFC 6749 §4.4), or for a mailbox of a service account's domain.

        Raises:
            SignInRefused, Unavailable, Misconfigured
        """
        client = oauthlib.BackendApplicationClient(self.provider.client_id)
        secret = self.provider.client_secret
        if secret is not None and assertion.is_service_account(secret):
            url = self._endpoint(self.endpoints.token, "token endpoint")
            signed = assertion.mailbox_assertion(secret, mailbox, scopes, url, self.now())
            form = {"grant_type": assertion.GRANT_TYPE, "assertion": signed}
            return await self._tokens(urlencode(form))
        body = client.prepare_request_body(scope=list(scopes) or None, include_client_id=False)
        return await self._tokens(body)

    async def begin_device(self, scopes: Sequence[str]) -> DeviceCode:
        """A code to be entered on another screen (RFC 8628 §3.1).

        Raises:
            SignInRefused, Unavailable, Misconfigured
        """
        url = self._endpoint(self.endpoints.device, "sign-in by a device code")
        answer = await self._post(url, urlencode({"scope": " ".join(scopes)}))
        return self._device_code(self._said(answer))

    async def poll_device(self, code: SecretStr) -> Issued:
        """Tokens if the code was entered meanwhile.

        Raises:
            SignInRefused: Of the kind `pending` or `slow` while it was not.
            Unavailable, Misconfigured
        """
        client = oauthlib.DeviceClient(self.provider.client_id)
        body = client.prepare_request_body(code.get_secret_value(), include_client_id=False)
        return await self._tokens(body)

    async def userinfo(self, access: SecretStr) -> dict[str, Any]:
        """Who the owner is (OIDC Core §5.3); empty if the provider does not tell.

        Raises:
            Unavailable, Misconfigured
        """
        if not self.endpoints.userinfo:
            return {}
        headers = {**_HEADERS, "Authorization": f"Bearer {access.get_secret_value()}"}
        answer = await self.fetch(Request("GET", self.endpoints.userinfo, headers))
        return answer.object() if answer.status == 200 else {}

    async def revoke(self, token: SecretStr) -> bool:
        """Give a token back (RFC 7009); False if the provider does not take it.

        Raises:
            Unavailable, Misconfigured
        """
        if not self.endpoints.revocation:
            return False
        body = urlencode({"token": token.get_secret_value()})
        answer = await self._post(self.endpoints.revocation, body)
        return answer.status == 200

    async def introspect(self, token: SecretStr) -> dict[str, Any]:
        """What the provider knows of a token (RFC 7662).

        Raises:
            Unavailable, Misconfigured: Also if our client may not ask.
        """
        url = self._endpoint(self.endpoints.introspection, "introspection")
        answer = await self._post(url, urlencode({"token": token.get_secret_value()}))
        if answer.status in {401, 403}:
            raise Misconfigured("the provider does not let the gateway introspect tokens")
        if answer.status != 200:
            raise Unavailable(f"the provider answers an introspection with {answer.status}")
        return answer.object()

    async def _tokens(self, body: str, patience: float = 0.0) -> Issued:
        """Read without oauthlib, which gives up a whole answer for an odd `expires_in`."""
        url = self._endpoint(self.endpoints.token, "token endpoint")
        answer = await self._post(url, body, patience)
        return issued(self._said(answer), self.now())

    def _said(self, answer: Answer) -> dict[str, Any]:
        """The object of an answer that is no refusal."""
        if answer.status == 429 or answer.status >= 500:
            raise refusal({}, answer.status)
        said = answer.object()
        if answer.status != 200 or "error" in said:
            raise refusal(said, answer.status)
        return said

    async def _post(self, url: str, body: str, patience: float = 0.0) -> Answer:
        """A form with our credentials in it, or in a header (RFC 6749 §2.3.1)."""
        headers = {**_HEADERS, "Content-Type": _FORM}
        form = dict(parse_qsl(body, keep_blank_values=True))
        secret = self.provider.client_secret
        if secret is not None and self.endpoints.basic and not self._has_key:
            headers["Authorization"] = _basic(self.provider.client_id, secret)
        elif form.get("grant_type") != assertion.GRANT_TYPE:
            form["client_id"] = self.provider.client_id
            form |= self._proof()
        return await self.fetch(
            Request("POST", url, headers, urlencode(form).encode(), patience)
        )

    @property
    def _has_key(self) -> bool:
        """Whether the secret signs, and is never shown to anybody."""
        secret = self.provider.client_secret
        return assertion.is_certificate(secret) or assertion.is_service_account(secret)

    def _proof(self) -> dict[str, str]:
        secret = self.provider.client_secret
        if secret is None:
            return {}
        if not self._has_key:
            return {"client_secret": secret.get_secret_value()}
        if assertion.is_service_account(secret):
            raise Misconfigured(
                "a service account signs in as the client only: pop3-gateway account sign-in "
                "--by client"
            )
        url, own = self.endpoints.token, self.provider.client_id
        signed = assertion.client_assertion(secret, own, url, self.now())
        return {"client_assertion_type": assertion.ASSERTION_TYPE, "client_assertion": signed}

    def _device_code(self, said: Mapping[str, Any]) -> DeviceCode:
        # Google calls it `verification_url`.
        uri = said.get("verification_uri", said.get("verification_url"))
        code, user_code = said.get("device_code"), said.get("user_code")
        if not (isinstance(uri, str) and isinstance(code, str) and isinstance(user_code, str)):
            raise Unavailable("the provider's answer has no device code")
        life, interval = said.get("expires_in"), said.get("interval")
        complete = said.get("verification_uri_complete")
        return DeviceCode(
            SecretStr(code),
            user_code,
            uri,
            complete if isinstance(complete, str) else "",
            _between(interval, _DEVICE_INTERVAL, 1.0, 60.0),
            self.now() + _between(life, _DEVICE_LIFE, 1.0, 3600.0),
        )

    def _endpoint(self, url: str, what: str) -> str:
        if not url:
            raise Misconfigured(f"the provider {self.provider.name} has no {what}")
        return url


_HEADERS = {"Accept": "application/json", "User-Agent": f"pop3-gateway/{__version__}"}


def read_redirect(query: str, state: str) -> str:
    """The code in the query of a redirect back to us (RFC 6749 §4.1.2).

    Args:
        query: As it came, without the question mark.
        state: What we sent along.

    Raises:
        SignInRefused: There is none, or it is not of this sign-in.
    """
    try:
        client = oauthlib.WebApplicationClient("")
        found: Any = client.parse_request_uri_response(f"https://console/?{query}", state)
    except oauthlib.MismatchingStateError:
        raise SignInRefused(
            "ended",
            "this is not the sign-in that was begun here",
            "begin again, in one window and with cookies allowed",
            "state",
        ) from None
    except (oauthlib.OAuth2Error, ValueError):
        raise refusal(dict(parse_qsl(query))) from None
    return str(found["code"])


def check_issuer(query: str, endpoints: Endpoints) -> None:
    """Whether a redirect is of the provider that was asked, if that tells it (RFC 9207 §2.4).

    Another one could have got hold of the code, and have it shown to this one.

    Raises:
        SignInRefused: It comes from another, or does not say so though this one would.
    """
    told = [value for name, value in parse_qsl(query) if name == "iss"]
    if endpoints.names_itself and told != [endpoints.issuer]:
        raise SignInRefused(
            "ended",
            "this answer is of another provider than was asked",
            "begin again, in one window; if it stays so, see the provider's issuer",
            "iss",
        )


def _between(value: object, usual: float, least: float, most: float) -> float:
    """What a provider says, within reason; `json` knows NaN and numbers without end."""
    if isinstance(value, int | float) and least <= value:  # nothing is less than NaN
        return float(min(value, most))
    return usual


def _secure(url: str) -> str:
    """For oauthlib, which refuses http; `fetch.checked_url` has allowed it on loopback."""
    return urlunsplit(("https", *urlsplit(url)[1:]))


def _basic(client_id: str, secret: SecretStr) -> str:
    pair = f"{quote(client_id, safe='')}:{quote(secret.get_secret_value(), safe='')}"
    return f"Basic {b64encode(pair.encode()).decode()}"
