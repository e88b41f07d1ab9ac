"""What is asked for at whose door."""

import pytest

from gateway.accounts.model import Provider
from gateway.accounts.oauth import presets
from gateway.accounts.oauth.fetch import checked_url
from gateway.errors import Misconfigured


def provider(preset, **more):
    return Provider("p", preset, "", "id", **more)


@pytest.mark.parametrize(
    ("preset", "upstream", "expected"),
    [
        ("google", "imaps://imap.gmail.com", ["https://mail.google.com/", "openid", "email"]),
        (
            "google",
            "gmail://",
            ["https://www.googleapis.com/auth/gmail.modify", "openid", "email"],
        ),
        (
            "microsoft",
            "imaps://outlook.office365.com",
            [
                "https://outlook.office.com/IMAP.AccessAsUser.All",
                "offline_access",
                "openid",
                "profile",
                "email",
            ],
        ),
        (
            "microsoft",
            "graph://contoso.example",
            [
                "https://graph.microsoft.com/Mail.ReadWrite",
                "offline_access",
                "openid",
                "profile",
                "email",
            ],
        ),
        ("oidc", "jmap+https://jmap.example", ["openid", "offline_access", "email"]),
        ("oidc", "IMAP+STARTTLS://imap.example", ["openid", "offline_access", "email"]),
    ],
)
def test_scopes(preset, upstream, expected):
    assert list(presets.scopes(provider(preset), upstream)) == expected


@pytest.mark.parametrize(
    ("preset", "issuer", "strict"),
    [
        ("microsoft", "https://login.microsoftonline.com/{tenantid}/v2.0", True),
        ("oidc", "https://login.microsoftonline.com/{tenantid}/v2.0", True),
        ("oidc", "https://sts.windows.net/x/", True),
        ("oidc", "https://idp.example", False),
        ("google", "https://accounts.google.com", False),
    ],
)
def test_microsoft_names_mailboxes_its_own_way_whatever_the_preset(preset, issuer, strict):
    assert presets.naming(provider(preset), issuer).must_vouch == strict


def test_scopes_of_the_administrator_go_before_the_preset_s():
    own = provider("google", scopes=("https://mail.google.com/", "email"))
    assert presets.scopes(own, "gmail://") == ("https://mail.google.com/", "email", "openid")
    assert presets.scopes(own, "jmap+https://x") == presets.scopes(own, "gmail://")


@pytest.mark.parametrize(
    ("preset", "upstream"),
    [("google", "graph://x"), ("microsoft", "gmail://"), ("microsoft", "rest+https://x")],
)
def test_a_kind_of_upstream_that_the_preset_does_not_know(preset, upstream):
    with pytest.raises(Misconfigured, match="knows no scopes"):
        presets.scopes(provider(preset), upstream)


def test_service_mailboxes():
    imap = presets.service_scopes(provider("microsoft"), "imaps://outlook.office365.com")
    assert imap == ("https://outlook.office365.com/.default",)
    graph = presets.service_scopes(provider("microsoft"), "graph://tenant")
    assert graph == ("https://graph.microsoft.com/.default",)
    assert presets.service_scopes(provider("oidc"), "imaps://x") == ()
    with pytest.raises(Misconfigured, match="Google has no client credentials"):
        presets.service_scopes(provider("google"), "imaps://imap.gmail.com")


@pytest.mark.parametrize(
    "tenant", ["", "contoso.example", "72f988bf-86f1-41af-91ab-2d7cd011db47"]
)
def test_the_tenant_is_in_all_of_microsoft_s_urls(tenant):
    found = presets.known_endpoints(provider("microsoft", tenant=tenant))
    place = f"https://login.microsoftonline.com/{tenant or 'common'}/oauth2/v2.0/"
    assert found.authorization == f"{place}authorize"
    assert found.token == f"{place}token"
    assert found.device == f"{place}devicecode"


@pytest.mark.parametrize("tenant", ["a/b", "../x", "a b", ".", "a?b", "a#", "é"])
def test_a_tenant_that_is_none(tenant):
    with pytest.raises(Misconfigured):
        presets.known_endpoints(provider("microsoft", tenant=tenant))


def test_an_issuer_goes_before_the_preset_s_endpoints():
    assert presets.known_endpoints(provider("google", issuer="https://x")) is None
    assert presets.known_endpoints(provider("google")).issuer == "https://accounts.google.com"
    with pytest.raises(Misconfigured, match="no issuer"):
        presets.known_endpoints(provider("oidc"))


@pytest.mark.parametrize(
    "url",
    ["https://idp.example/x?y", "http://127.0.0.1:1", "http://[::1]:1/", "http://localhost/x"],
)
def test_where_secrets_may_go(url):
    assert checked_url(url, "it") == url


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example",
        "http://127.0.0.1.example",
        "http://localhost.example",
        "ftp://127.0.0.1",
        "https://",
        "https://user:pw@idp.example",
        "https://idp.example/#x",
        "idp.example",
        "https://[::1",
        "",
    ],
)
def test_where_secrets_may_not_go(url):
    with pytest.raises(Misconfigured):
        checked_url(url, "it")
