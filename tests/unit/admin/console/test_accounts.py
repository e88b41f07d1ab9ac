"""Accounts and their devices, as administrators see and change them."""

import pytest
from pydantic import SecretStr

from gateway.accounts.model import Grant
from gateway.accounts.passwords import normalised, verify
from tests.support.console import Browser

NAME = "scan@example.org"
HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}@x"


def add(admin, **more):
    form = {"name": NAME, "credential": "oauth", "provider": "office"} | more
    return admin.submit("/account/new", "/account/new", form)


@pytest.fixture
def account(office):
    return office.account()


def device_page(admin, **more):
    return admin.submit(
        f"/device/new?name={NAME}", "/device/new", {"name": NAME, "device": "printer", **more}
    )


def password_in(page):
    import re

    return re.search(r'id="password">([^<]+)<', page.body)[1]


def test_an_account_is_added_changed_disabled_and_removed(admin, office):
    office.account("first@example.org")
    page = add(admin, note="2nd floor")
    assert page.location == "/account?name=scan%40example.org&done=account-added"
    assert "2nd floor" in admin.follow(page).text
    page = admin.submit(
        f"/account/edit?name={NAME}",
        "/account/edit",
        {
            "name": NAME,
            "credential": "password",
            "password": "s3cret",
            "upstream": "imaps://i.example",
        },
    )
    saved = office.store.accounts.get(NAME)
    assert (saved.credential, saved.password, saved.provider) == (
        "password",
        SecretStr("s3cret"),
        "",
    )
    assert "s3cret" not in admin.follow(page).body
    assert "s3cret" not in admin.get(f"/account/edit?name={NAME}").body
    admin.submit(f"/account?name={NAME}", "/account/switch", {"name": NAME, "enabled": "no"})
    assert "disabled" in admin.get(f"/account?name={NAME}").text
    page = admin.submit(f"/account/remove?name={NAME}", "/account/remove", {"name": NAME})
    assert office.store.accounts.get(NAME) is None
    assert "is gone" in admin.follow(page).text
    assert [event.what for event in office.events if hasattr(event, "what")] == [
        "account added",
        "account changed",
        "account disabled",
        "account removed",
    ]


def test_a_kept_password_stays_if_none_is_entered(admin, office):
    add(admin, credential="password", password="s3cret")
    form = {"name": NAME, "credential": "password", "password": "", "note": "x"}
    admin.submit(f"/account/edit?name={NAME}", "/account/edit", form)
    assert office.store.accounts.get(NAME).password == SecretStr("s3cret")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": ""}, "1 to 320"),
        ({"name": "a/b"}, "no slash"),
        ({"name": "x" * 321}, "more than it may"),
        ({"name": "a\x00b"}, "cannot be typed"),
        ({"provider": "nowhere"}, "Choose a provider"),
        ({"credential": "password"}, "Enter the mailbox' password"),
        ({"upstream": "example.org"}, "imaps://imap.example.org"),
        ({"upstream": "imaps://kim:secret@example.org"}, "imaps://imap.example.org"),
        ({"upstream": "https://example.org"}, "imaps://imap.example.org"),
        ({"upstream": "imaps://example.org:0"}, "imaps://imap.example.org"),
        ({"upstream": "imaps://[::1"}, "imaps://imap.example.org"),
        ({"name": "FIRST@example.org"}, "already"),
    ],
)
def test_what_cannot_be_taken_is_told_beside_the_form(admin, office, change, told):
    office.account("first@example.org")
    page = add(admin, **change)
    assert page.status == 400
    assert told in page.text
    assert office.store.accounts.count() == 1


def test_another_mailbox_needs_another_consent(admin, office, account):
    office.oauth._keep(NAME, "code")
    form = {"name": NAME, "credential": "oauth", "provider": "office", "note": "x"}
    admin.submit(f"/account/edit?name={NAME}", "/account/edit", form)
    assert office.store.grants.get(NAME) is not None
    admin.submit(f"/account/edit?name={NAME}", "/account/edit", {**form, "mailbox": "other"})
    assert office.store.grants.get(NAME) is None


def test_hostile_names_are_text_everywhere(admin, office):
    name = HOSTILE.replace("/", "")
    office.account(name, note=HOSTILE, mailbox=HOSTILE)
    office.device(name, "printer", note=HOSTILE, last_peer=HOSTILE)
    from urllib.parse import quote

    pages = [
        "/accounts",
        f"/accounts?q={quote('<script>')}",
        f"/account?name={quote(name)}",
        f"/account/edit?name={quote(name)}",
        f"/account/remove?name={quote(name)}",
        f"/device/new?name={quote(name)}",
        f"/device/settings?name={quote(name)}&device={quote('<script>')}",
        f"/account?name={quote('<script>nobody')}",
    ]
    for path in pages:
        page = admin.get(path)
        assert "<script>alert" not in page.body
        assert "<script>nobody" not in page.body
        assert "49@x" not in page.body
    assert "<script>" in admin.get(pages[2]).text


def test_a_list_is_searched_and_turned_page_by_page(admin, office):
    for number in range(51):
        office.account(f"user{number:02}@example.org")
    page = admin.get("/accounts")
    assert "51 accounts, page 1 of 2" in page.text
    assert "user50" not in page.text
    assert "user50" in admin.get("/accounts?page=2").text
    assert "user07" in admin.get("/accounts?q=USER07").text
    assert "1 account " in admin.get("/accounts?q=USER07").text + " "
    assert "No account has “zzz”" in admin.get("/accounts?q=zzz").text
    assert admin.get("/accounts?page=99999999").status == 200
    assert admin.get("/accounts?page=-1").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/account?name=none",
        "/account/edit?name=none",
        f"/device?name={NAME}&device=none",
        "/provider?name=none",
    ],
)
def test_what_is_gone_is_404(admin, account, path):
    assert admin.get(path).status == 404


def test_a_device_password_is_shown_once_and_opens_the_device(admin, office, account):
    page = device_page(admin, fence="192.0.2.17 192.0.2.0/24", tls_only="yes", note="hall")
    password = password_in(page)
    assert len(password) == 19
    assert page.header("Cache-Control") == "no-store"
    device = office.store.devices.get(NAME, "printer")
    assert verify(device.hash, normalised(SecretStr(password)))
    assert (device.fence, device.tls_only, device.note) == (
        ("192.0.2.17/32", "192.0.2.0/24"),
        True,
        "hall",
    )
    assert device.secret is None
    assert device.scram
    for path in (
        f"/account?name={NAME}",
        f"/device?name={NAME}&device=printer",
        f"/device/settings?name={NAME}&device=printer",
    ):
        assert password not in admin.get(path).body
    assert password not in repr(office.events)
    assert device_page(admin).status == 400, "a reload of the answer makes no second password"


def test_a_password_is_kept_only_by_choice(admin, office, account):
    page = device_page(admin, keep="yes")
    assert office.store.devices.get(NAME, "printer").secret == SecretStr(password_in(page))
    assert "is kept, for APOP" in admin.get(f"/device?name={NAME}&device=printer").text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"device": "Drucker 1"}, "a-z, 0-9 and dashes"),
        ({"device": "-x"}, "a-z, 0-9 and dashes"),
        ({"fence": "192.0.2.300"}, "192.0.2.0/24"),
        ({"fence": "fe80::1%eth0"}, "192.0.2.0/24"),
        ({"fence": "\n".join(f"192.0.2.{number}" for number in range(17))}, "16 networks"),
    ],
)
def test_devices_that_cannot_be(admin, office, account, change, told):
    page = device_page(admin, **change)
    assert page.status == 400
    assert told in page.text
    assert office.store.devices.all() == []


def test_a_device_is_changed_revoked_renewed_and_removed(admin, office, account):
    old = password_in(device_page(admin, keep="yes"))
    at, this = f"/account?name={NAME}", {"name": NAME, "device": "printer"}
    admin.submit(at, "/device", {**this, "fence": "10.0.0.0/8", "note": "cellar"})
    assert office.store.devices.get(NAME, "printer").fence == ("10.0.0.0/8",)
    assert admin.submit(at, "/device", {**this, "fence": "x"}).status == 400
    assert admin.submit(at, "/device/remove", this).status == 409
    admin.submit(at, "/device/revoke", this)
    device = office.store.devices.get(NAME, "printer")
    assert device.revoked == office.time
    assert device.secret is None, "nobody needs it any more"
    assert "revoked" in admin.get(at).text
    new = password_in(admin.submit(at, "/device/renew", this))
    device = office.store.devices.get(NAME, "printer")
    assert device.revoked is None
    assert verify(device.hash, normalised(SecretStr(new)))
    assert not verify(device.hash, normalised(SecretStr(old)))
    assert (device.fence, device.note) == (("10.0.0.0/8",), "cellar")
    admin.submit(at, "/device/revoke", this)
    admin.submit(at, "/device/remove", this)
    assert office.store.devices.all() == []


def test_settings_have_the_fields_of_common_devices(admin, office, account):
    text = device_page(admin).text
    for word in (
        "Epson",
        "Fuji Xerox",
        "Brother",
        "Canon",
        "HP",
        "Ricoh",
        "Thunderbird",
        "Outlook",
        "Apple Mail",
        "fetchmail",
        "mpop",
        "curl",
    ):
        assert word in text
    assert "pop3s://127.0.0.1:1995/" in text
    assert "POP3 Server Port Number 1110" in text, "Epson has no TLS there"


def test_a_consent_that_is_gone_is_plain_and_can_be_mended(admin, office, account):
    office.store.grants.put(
        Grant(NAME, "code", None, SecretStr("a"), 0, broken="the consent was withdrawn")
    )
    page = admin.get(f"/account?name={NAME}")
    assert "consent is gone" in page.text
    assert "the consent was withdrawn" in page.text
    assert "Make a link for the owner" in page.text
    assert "nothing changes at the devices" in page.text


def test_what_two_administrators_do_at_once_is_told(admin, office, account):
    other = Browser(office)
    other.log_in()
    csrf = other.get(f"/account/remove?name={NAME}").csrf
    admin.submit(f"/account/remove?name={NAME}", "/account/remove", {"name": NAME})
    page = other.post("/account/remove", {"csrf": csrf, "name": NAME})
    assert page.status == 409
    assert "there is no account" in page.text
