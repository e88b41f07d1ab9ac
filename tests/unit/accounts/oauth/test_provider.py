"""Discovery, and the two places of a client's secret."""

import base64
import json

import pytest
from pydantic import SecretStr

from gateway.accounts.model import Provider
from gateway.accounts.oauth.fetch import Answer, Request
from gateway.accounts.oauth.provider import Providers, endpoints_of
from gateway.errors import Misconfigured, Unavailable
from tests.unit.accounts.oauth.desk import DAY, ISSUER, METADATA, run

PROVIDER = Provider("p", "oidc", "", "a:b", SecretStr("c d"), issuer=f"{ISSUER}/")


class Site:
    def __init__(self, metadata=METADATA, status=200):
        self.answer = Answer(status, json.dumps(metadata).encode())
        self.now = 0.0
        self.asked = []
        self.providers = Providers(self.fetch, lambda: self.now)

    async def fetch(self, request):
        self.asked.append(request)
        if request.method == "GET":
            return self.answer
        return Answer(200, b'{"access_token": "x", "refresh_token": "y"}')


def test_an_issuer_is_asked_once_a_day():
    site = Site()
    for _ in range(3):
        client = run(site.providers.client(PROVIDER))
        assert client.endpoints.token == f"{ISSUER}/token"
    assert [each.url for each in site.asked] == [f"{ISSUER}/.well-known/openid-configuration"]
    site.now = DAY
    run(site.providers.client(PROVIDER))
    assert len(site.asked) == 2


@pytest.mark.parametrize(
    ("status", "failure"),
    [(500, Unavailable), (429, Unavailable), (404, Misconfigured), (302, Misconfigured)],
)
def test_an_issuer_that_does_not_tell(status, failure):
    site = Site(status=status)
    for _ in range(2):
        with pytest.raises(failure):
            run(site.providers.client(PROVIDER))
    assert len(site.asked) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://other.example"},
        {"issuer": None},
        {"issuer": f"{ISSUER}/other"},
        {"token_endpoint": "http://idp.example/token"},
        {"token_endpoint": ["x"]},
        {"userinfo_endpoint": "ftp://idp.example"},
    ],
)
def test_metadata_that_would_lead_elsewhere(change):
    """OpenID Connect Discovery §4.3."""
    with pytest.raises(Misconfigured):
        endpoints_of({**METADATA, **change}, ISSUER)


def test_microsoft_s_issuer_has_a_place_for_the_tenant():
    place = "https://login.microsoftonline.com"
    found = endpoints_of(
        {**METADATA, "issuer": f"{place}/{{tenantid}}/v2.0"}, f"{place}/common/v2.0"
    )
    assert found.issuer == f"{place}/{{tenantid}}/v2.0"


@pytest.mark.parametrize(
    ("methods", "basic"),
    [
        (["client_secret_basic"], True),
        (["client_secret_post", "client_secret_basic"], True),
        (["client_secret_post"], False),
        (None, True),
        ("x", False),
    ],
)
def test_where_the_secret_goes(methods, basic):
    named = "token_endpoint_auth_methods_supported"
    metadata = {name: value for name, value in METADATA.items() if name != named}
    if methods is not None:
        metadata[named] = methods
    site = Site(metadata)
    run(run(site.providers.client(PROVIDER)).refresh(SecretStr("r")))
    request = site.asked[-1]
    assert ("Authorization" in request.headers) == basic
    if basic:
        # RFC 6749 §2.3.1: both halves in the form of a form.
        pair = base64.b64decode(request.headers["Authorization"].removeprefix("Basic "))
        assert pair == b"a%3Ab:c%20d"
        assert b"client_" not in request.body
    else:
        assert b"client_secret=c+d" in request.body


def test_a_request_shows_no_secret():
    request = Request("POST", "https://x", {"Authorization": "Basic s3cret"}, b"s3cret")
    assert "s3cret" not in repr(request)
    assert "s3cret" not in repr(Answer(200, b"s3cret"))


def test_a_provider_without_what_is_asked_for():
    site = Site({"issuer": ISSUER})
    client = run(site.providers.client(PROVIDER))
    for work in (
        lambda: client.refresh(SecretStr("r")),
        lambda: client.begin_device(()),
        lambda: client.introspect(SecretStr("t")),
    ):
        with pytest.raises(Misconfigured, match="the provider p has no"):
            run(work())
    assert run(client.userinfo(SecretStr("t"))) == {}
    assert run(client.revoke(SecretStr("t"))) is False
