"""Google's and Microsoft's token endpoints, as their documentation has them.

developers.google.com/identity/protocols/oauth2/web-server and .../limited-input-device;
learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow, .../v2-oauth2-device-code
and .../reference-error-codes. Owners sign in by ``code_of``: no page is shown.
"""

import itertools
import time
from typing import ClassVar
from urllib.parse import parse_qs

import jwt

from tests.support.fake_http import FakeHttp, Reply

CLIENT, SECRET = "client-1", "secret of the client"
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"


class FakeProvider(FakeHttp):
    """Codes and refresh tokens by number.

    Attributes:
        good: Refresh tokens that are.
        said: Of what each refusal is made of, by kind.
    """

    said: ClassVar = {}

    def __init__(self, **options):
        super().__init__(**options)
        self.good = set()
        self._codes = {}
        self._numbers = itertools.count(1)

    def answer(self, request):
        if request.method == "GET":
            return Reply(200, self.metadata())
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return self.refusal("secret")
        return self.granted(request.path, form)

    def metadata(self):
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "device_authorization_endpoint": f"{self.url}/device",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    @property
    def issuer(self):
        return self.url

    def refusal(self, kind):
        status, body = self.said[kind]
        return Reply(status, body)

    def code_of(self, owner, url):
        """The query with which the owner's browser comes back from ``url``."""
        asked = {name: values[0] for name, values in parse_qs(url.partition("?")[2]).items()}
        code = f"code-{next(self._numbers)}"
        self._codes[code] = (owner, asked)
        return f"code={code}&state={asked['state']}&iss=x&session_state=y"

    def granted(self, path, form):
        kind = form.get("grant_type")
        if kind == "authorization_code":
            owner, asked = self._codes.pop(form["code"], (None, None))
            return self.refusal("code") if owner is None else self.tokens(owner, asked)
        if kind == "refresh_token":
            known = form["refresh_token"] in self.good
            return self.tokens() if known else self.refusal("refresh")
        return self.refusal("kind")

    def tokens(self, owner=None, asked=None):
        number = next(self._numbers)
        body = {"access_token": f"at-{number}", "token_type": "Bearer", "expires_in": 3599}
        body["scope"] = (asked or {}).get("scope", "scope")
        if owner is not None or self.rotates:
            body["refresh_token"] = f"1//{number}" if not self.rotates else f"0.AX{number}"
            self.good.add(body["refresh_token"])
        if owner is not None:
            claims = {"aud": CLIENT, "exp": time.time() + 3600, "nonce": asked["nonce"]}
            body["id_token"] = jwt.encode({**claims, **self.owner(owner)}, "k" * 32, "HS256")
        return Reply(200, {**body, **self.extra})

    rotates = False
    extra: ClassVar = {}


class FakeGoogle(FakeProvider):
    """Gives a refresh token at the sign-in only, and that one stays."""

    said: ClassVar = {
        "secret": (
            401,
            {"error": "invalid_client", "error_description": "The OAuth client was not found."},
        ),
        "code": (400, {"error": "invalid_grant", "error_description": "Malformed auth code."}),
        "refresh": (
            400,
            {
                "error": "invalid_grant",
                "error_description": "Token has been expired or revoked.",
            },
        ),
        "kind": (400, {"error": "unsupported_grant_type"}),
    }

    def owner(self, name):
        return {"iss": self.issuer, "sub": "1104", "email": name, "email_verified": True}


class FakeMicrosoft(FakeProvider):
    """Gives another refresh token each time, and the old ones stay good."""

    rotates = True

    @property
    def issuer(self):
        return f"{self.url}/{TENANT}/v2.0"

    said: ClassVar = {
        "secret": (
            401,
            {
                "error": "invalid_client",
                "error_description": "AADSTS7000222: The provided client secret keys for app "
                "'client-1' are expired. Trace ID: 0000aaaa-11bb Timestamp: 2026-11-26 05:00Z",
                "error_codes": [7000222],
                "timestamp": "2026-11-26 05:00:00Z",
                "trace_id": "0000aaaa-11bb",
                "correlation_id": "aaaa0000-bb11",
                "error_uri": "https://login.microsoftonline.com/error?code=7000222",
            },
        ),
        "code": (
            400,
            {
                "error": "invalid_grant",
                "error_description": "AADSTS54005: OAuth2 Authorization code was already "
                "redeemed, please retry with a new valid code or use an existing refresh token.",
                "error_codes": [54005],
            },
        ),
        "refresh": (
            400,
            {
                "error": "invalid_grant",
                "error_description": "AADSTS50173: The provided grant has expired due to it "
                "being revoked, a fresh auth token is needed. The user might have changed or "
                "reset their password.",
                "error_codes": [50173],
                "suberror": "bad_token",
            },
        ),
        "kind": (400, {"error": "unsupported_grant_type", "error_codes": [70003]}),
    }

    def owner(self, name):
        return {"iss": self.issuer, "sub": "AAA", "tid": TENANT, "preferred_username": name}
