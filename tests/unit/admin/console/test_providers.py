"""Providers, and who else administers."""

import pytest
from pydantic import SecretStr

from gateway.errors import Unavailable
from tests.support.console import PASSWORD, Browser

FORM = {
    "preset": "oidc",
    "name": "office",
    "issuer": "https://id.example.org/",
    "client_id": "gateway",
    "client_secret": "very-secret",
    "upstream": "imaps://imap.example.org",
    "secret_ends": "2027-12-31",
    "scopes": "openid email",
}


def add(admin, **change):
    return admin.submit("/provider/new?preset=oidc", "/provider/new", {**FORM, **change})


def test_a_provider_is_added_changed_and_removed_and_its_secret_never_shown(admin, office):
    page = add(admin)
    provider = office.store.providers.get("office")
    assert provider.client_secret == SecretStr("very-secret")
    assert provider.issuer == "https://id.example.org"
    assert provider.scopes == ("openid", "email")
    for path in (page.location, "/providers", "/provider?name=office"):
        assert "very-secret" not in admin.get(path).body
    assert 'value="2027-12-31"' in admin.get("/provider?name=office").body
    admin.submit(
        "/provider?name=office", "/provider", {**FORM, "client_secret": "", "client_id": "g2"}
    )
    assert office.store.providers.get("office").client_id == "g2"
    assert office.store.providers.get("office").client_secret == SecretStr("very-secret")
    forget = {**FORM, "client_secret": "", "forget_secret": "yes"}
    admin.submit("/provider?name=office", "/provider", forget)
    assert office.store.providers.get("office").client_secret is None
    admin.submit("/provider/remove?name=office", "/provider/remove", {"name": "office"})
    assert office.store.providers.all() == []


def test_the_redirect_uri_is_there_to_be_copied(admin):
    for preset in ("google", "microsoft", "oidc"):
        page = admin.get(f"/provider/new?preset={preset}")
        assert ">http://127.0.0.1:8080/oauth/callback<" in page.body


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "Office!"}, "a-z, 0-9 and dashes"),
        ({"client_id": ""}, "client ID"),
        ({"issuer": ""}, "issuer's URL"),
        ({"issuer": "http://id.example.org"}, "issuer's URL"),
        ({"issuer": "javascript:alert(1)"}, "issuer's URL"),
        ({"upstream": ""}, "where the mail is"),
        ({"secret_ends": "soon"}, "2027-12-31"),
        ({"scopes": " ".join(map(str, range(33)))}, "32 scopes"),
    ],
)
def test_what_cannot_be_taken_is_told(admin, office, change, told):
    page = add(admin, **change)
    assert page.status == 400
    assert told in page.text
    assert "very-secret" not in page.body
    assert office.store.providers.all() == []


def test_two_of_one_name_cannot_be(admin):
    add(admin)
    assert "already" in add(admin).text


def test_one_that_accounts_use_stays(admin, office):
    office.account()
    page = admin.submit("/provider/remove?name=office", "/provider/remove", {"name": "office"})
    assert page.status == 409
    assert "1 accounts use the provider" in page.text


def test_discovery_is_tried(admin, office):
    add(admin)
    page = admin.submit("/provider?name=office", "/provider/check", {"name": "office"})
    assert "https://id.example.org/token" in page.text
    office.oauth.refusal = Unavailable("the issuer answers discovery with 502")
    page = admin.submit("/provider?name=office", "/provider/check", {"name": "office"})
    assert "The issuer answers discovery with 502." in page.text


def test_an_unknown_preset_gets_the_choice(admin):
    assert "Where is the mail?" in admin.get("/provider/new?preset=x").text
    page = admin.submit("/provider/new?preset=oidc", "/provider/new", {**FORM, "preset": "x"})
    assert page.status == 400


NEW = {
    "name": "lee",
    "password": "a b c d e f g h",
    "again": "a b c d e f g h",
    "own": PASSWORD,
}


def test_an_administrator_is_added_and_removed_with_his_sessions(admin, office):
    page = admin.submit("/administrators", "/administrators/add", NEW)
    assert "was added" in admin.follow(page).text
    lee = Browser(office)
    assert lee.log_in("lee", "a b c d e f g h").status == 303
    admin.submit("/administrators", "/administrators/remove", {"name": "lee"})
    assert lee.get("/").status == 303
    assert lee.log_in("lee", "a b c d e f g h").status == 403
    page = admin.submit("/administrators", "/administrators/remove", {"name": "lee"})
    assert page.status == 404


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"own": "wrong"}, "Your own password is wrong"),
        ({"again": "x"}, "differ"),
        ({"name": "kim"}, "already"),
        ({"name": "a:b"}, "colon"),
    ],
)
def test_an_administrator_who_cannot_be(admin, office, change, told):
    page = admin.submit("/administrators", "/administrators/add", {**NEW, **change})
    assert page.status == 400
    assert told in page.text
    assert len(office.store.administrators.all()) == 1


def test_nobody_removes_himself(admin, office):
    page = admin.submit("/administrators", "/administrators/remove", {"name": "kim"})
    assert page.status == 409
    assert len(office.store.administrators.all()) == 1


def test_a_new_password_ends_all_other_sessions(admin, office):
    other = Browser(office)
    other.log_in()
    before = admin.cookies["office"]
    form = {"own": PASSWORD, "password": "another good one", "again": "another good one"}
    page = admin.submit("/administrators", "/administrators/password", form)
    assert page.status == 303
    assert admin.cookies["office"] != before
    assert admin.get("/").status == 200
    assert other.get("/").status == 303
    assert other.log_in().status == 403
    assert other.log_in(password="another good one").status == 303
    wrong = admin.submit("/administrators", "/administrators/password", {**form, "own": "x"})
    assert wrong.status == 400
