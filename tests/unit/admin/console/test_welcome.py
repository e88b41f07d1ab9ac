"""The owner of a mailbox: his link, the sign-in, the device password."""

import re
from dataclasses import replace

import pytest
from pydantic import SecretStr

from gateway.accounts.model import Account
from gateway.accounts.oauth.causes import SignInRefused, refusal
from gateway.accounts.passwords import normalised, verify
from gateway.errors import Misconfigured, Unavailable
from tests.support.console import Browser

NAME = "scan@example.org"
BACK = "/oauth/callback?code=abc&state=state-1"


@pytest.fixture
def owner(office, browser):
    """Somebody who has opened his link."""
    office.account()
    page = browser.get(f"/welcome/{office.invite()}")
    assert (page.status, page.location) == (303, "/welcome")
    return browser


def sign_in(owner):
    page = owner.get("/oauth/start")
    assert page.status == 303
    return owner.get(BACK)


def test_link_sign_in_and_password(office, owner):
    page = owner.get("/welcome")
    assert NAME in page.text
    assert "Sign in at office" in page.text
    page = owner.get("/oauth/start")
    assert page.location.startswith("https://id.example.org/authorize?state=state-1")
    assert "redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2Foauth%2Fcallback" in page.location
    page = owner.get(BACK)
    assert (page.status, page.location) == (303, "/welcome")
    assert office.oauth.queries == ["code=abc&state=state-1"]
    assert office.store.grants.get(NAME).flow == "code"
    page = owner.get("/welcome")
    assert "That worked" in page.text
    page = owner.post("/welcome/password", {"csrf": page.csrf})
    password = re.search(r'id="password">([^<]+)<', page.body)[1]
    device = office.store.devices.get(NAME, "printer")
    assert verify(device.hash, normalised(SecretStr(password)))
    assert device.secret is None
    assert "keeps its password" in owner.get("/welcome").text
    again = owner.post("/welcome/password", {"csrf": csrf_of(office, owner)})
    assert again.status == 409
    assert office.store.devices.get(NAME, "printer") == device


def test_a_device_that_was_revoked_is_not_brought_back_by_the_session_that_made_it(
    office, owner
):
    sign_in(owner)
    csrf = owner.get("/welcome").csrf
    assert owner.post("/welcome/password", {"csrf": csrf}).status == 200
    device = office.store.devices.get(NAME, "printer")
    office.store.devices.save(replace(device, revoked=office.time))
    assert "Show the password" not in owner.get("/welcome").text
    assert owner.post("/welcome/password", {"csrf": csrf}).status == 409
    assert office.store.devices.get(NAME, "printer").revoked == office.time


def test_the_token_leaves_the_url_at_once_and_is_in_no_page(office, browser):
    office.account()
    token = office.invite()
    page = browser.get(f"/welcome/{token}")
    assert page.header("Referrer-Policy") == "no-referrer"
    assert token not in page.location
    assert token not in browser.get("/welcome").body
    assert token not in repr(office.events)
    assert token.encode() not in b"".join(each.read_bytes() for each in office.state.iterdir())


def test_looking_at_a_link_does_not_use_it_up(office, browser):
    office.account()
    token = office.invite()
    for _ in range(3):
        Browser(office).get(f"/welcome/{token}")
    assert browser.get(f"/welcome/{token}").status == 303
    sign_in(browser)
    assert Browser(office).get(f"/welcome/{token}").status == 404


@pytest.mark.parametrize(
    "way", ["ended", "withdrawn", "unknown", "used", "disabled", "removed"]
)
def test_a_link_that_is_no_good_says_so_before_and_after_it_was_opened(office, owner, way):
    token = office.invite()
    late = Browser(office)
    late.get(f"/welcome/{token}")
    if way == "ended":
        office.time += 86_400 + 1
    elif way == "withdrawn":
        office.store.invites.withdraw(NAME)
    elif way == "used":
        office.store.invites.use(SecretStr(token), office.time)
    elif way == "disabled":
        office.store.accounts.save(Account(NAME, provider="office", enabled=False))
    elif way == "removed":
        office.store.accounts.remove(NAME)
    fresh = Browser(office).get(f"/welcome/{'x' * 40 if way == 'unknown' else token}")
    if way != "disabled":
        assert fresh.status == 404
        assert "does not work (any more)" in fresh.text
    if way != "unknown":
        for path in ("/welcome", "/oauth/start", BACK):
            assert late.get(path).status in {403, 404}
        assert office.oauth.queries == []


def test_links_are_guessed_slowly(office, browser):
    statuses = [browser.get(f"/welcome/guess-{number}").status for number in range(21)]
    assert statuses == [404] * 20 + [429]


def test_a_guest_session_ends_after_an_hour(office, owner):
    office.time += 3601
    assert owner.get("/welcome").status == 403


@pytest.mark.parametrize(
    ("refused", "title", "helps"),
    [
        (refusal({"error": "access_denied"}), "You said no", "Sign in again and agree"),
        (
            SignInRefused(
                "setup",
                "eve@example.org has signed in, and the mailbox is scan@example.org",
                "sign in as scan@example.org",
                "other_mailbox",
            ),
            "That was another mailbox",
            "Sign in as scan@example.org",
        ),
        (
            SignInRefused("ended", "the sign-in took too long", "begin again"),
            "That took too long",
            "Begin again",
        ),
        (
            refusal({"error": "invalid_client"}),
            "The provider does not accept this gateway yet",
            "Compare both",
        ),
        (refusal({}, 503), "The provider cannot do it just now", "Try again later"),
        (
            Unavailable("connection refused by 10.0.0.1"),
            "The provider cannot do it just now",
            "Try again later",
        ),
        (
            Misconfigured("the issuer is none"),
            "The provider does not accept this gateway yet",
            "administrator",
        ),
    ],
)
def test_a_sign_in_that_fails_is_told_in_plain_words_and_can_be_tried_again(
    office, owner, refused, title, helps
):
    owner.get("/oauth/start")
    office.oauth.refusal = refused
    page = owner.get(BACK)
    assert page.location == "/welcome/failed", "the code must leave the URL"
    page = owner.get(page.location)
    assert page.status == 400
    assert title in page.text
    assert helps in page.text
    assert "10.0.0.1" not in page.text
    assert "issuer is none" not in page.text
    assert office.store.grants.get(NAME) is None
    office.oauth.refusal = None
    assert "Sign in at office" in owner.get("/welcome").text
    assert sign_in(owner).location == "/welcome"


def test_a_provider_that_is_down_when_it_begins(office, owner):
    office.oauth.refusal = Unavailable("down")
    assert "cannot do it just now" in owner.follow(owner.get("/oauth/start")).text


@pytest.mark.parametrize(
    "path", [BACK, "/oauth/callback", "/oauth/callback?error=access_denied"]
)
def test_an_answer_nobody_has_asked_for_is_refused(office, owner, path):
    page = owner.follow(owner.get(path))
    assert page.status == 400
    assert office.oauth.queries == []
    assert office.store.grants.get(NAME) is None


def test_an_answer_is_taken_once(office, owner):
    owner.get("/oauth/start")
    owner.get("/oauth/callback?code=abc&state=forged")
    page = owner.follow(owner.get(BACK))
    assert "begun in another browser" in page.text
    assert len(office.oauth.queries) == 1


def test_an_answer_in_another_browser_is_refused(office, owner):
    owner.get("/oauth/start")
    other = Browser(office)
    assert other.get(BACK).status == 403
    other.get(f"/welcome/{office.invite()}")
    assert other.follow(other.get(BACK)).status == 400
    assert office.store.grants.get(NAME) is None


def test_of_two_with_one_link_one_gets_the_password(office):
    office.account()
    token = office.invite()
    first, second = Browser(office), Browser(office)
    for each in (first, second):
        each.get(f"/welcome/{token}")
        each.get("/oauth/start")
    first.get(BACK)
    late = second.get(BACK)
    assert late.status == 404
    page = first.get("/welcome")
    assert "Show the password" in page.text
    assert second.get("/welcome").status == 404


def test_no_password_before_the_sign_in(office, owner):
    page = owner.post("/welcome/password", {"csrf": csrf_of(office, owner)})
    assert page.status == 409
    assert office.store.devices.all() == []


def csrf_of(office, browser):
    visit = office.store.visits.get(SecretStr(browser.cookies["guest"]), office.time)
    return visit.csrf


def test_who_signs_in_again_keeps_the_device_password(office, owner):
    office.device()
    before = office.store.devices.get(NAME, "printer")
    page = owner.follow(sign_in(owner))
    assert "keeps its password" in page.text
    assert "Show the password" not in page.text
    assert owner.post("/welcome/password", {"csrf": csrf_of(office, owner)}).status == 409
    assert office.store.devices.get(NAME, "printer") == before


def test_a_link_without_a_device_makes_no_password(office, browser):
    office.account()
    browser.get(f"/welcome/{office.invite(device='')}")
    page = browser.follow(sign_in(browser))
    assert "nothing more to do" in page.text
    assert browser.post("/welcome/password", {"csrf": csrf_of(office, browser)}).status == 409


def test_a_revoked_device_gets_a_new_password(office, owner):
    office.device(revoked=office.time)
    page = owner.follow(sign_in(owner))
    page = owner.post("/welcome/password", {"csrf": page.csrf})
    assert page.status == 200
    assert office.store.devices.get(NAME, "printer").revoked is None


def test_a_code_for_who_has_no_browser_there(office, owner):
    csrf = owner.get("/welcome").csrf
    page = owner.follow(owner.post("/welcome/code", {"csrf": csrf}))
    assert "WDJB-MJHT" in page.text
    assert page.header("Refresh") == "5"
    assert office.oauth.polls == 0, "RFC 8628: not before the interval"
    office.time += 5
    owner.get("/welcome/code")
    owner.get("/welcome/code")
    assert office.oauth.polls == 1
    office.time += 5
    office.oauth.entered = True
    page = owner.get("/welcome/code")
    assert page.location == "/welcome"
    assert "Show the password" in owner.get("/welcome").text
    assert "device-code" not in page.body


def test_a_code_that_was_not_entered_ends(office, owner):
    owner.post("/welcome/code", {"csrf": owner.get("/welcome").csrf})
    office.time += 10
    office.oauth.refusal = SignInRefused(
        "ended", "the code was not entered in time", "begin again"
    )
    assert "That took too long" in owner.follow(owner.get("/welcome/code")).text
    assert owner.get("/welcome/code").location == "/welcome"


def test_an_administrator_makes_links_and_withdraws_them(admin, office):
    office.account()
    at = f"/account?name={NAME}"
    form = {"name": NAME, "device": "printer", "days": "3"}
    page = admin.submit(at, "/account/invite", form)
    link = re.search(r'id="link">http://127.0.0.1:8080(/welcome/[\w-]{43})<', page.body)[1]
    assert office.store.invites.of(NAME)[0].expires == office.time + 3 * 86_400
    assert link not in admin.get(at).body
    assert "makes a password for printer" in admin.get(at).text
    assert Browser(office).get(link).status == 303
    admin.submit(at, "/account/withdraw", {"name": NAME})
    assert Browser(office).get(link).status == 404
    assert admin.submit(at, "/account/invite", {**form, "device": "A B"}).status == 400


def test_an_administrator_who_is_the_owner_signs_in_at_once(admin, office):
    office.account()
    form = {"name": NAME, "device": "printer"}
    page = admin.submit(f"/account?name={NAME}", "/account/sign-in", form)
    assert page.location.startswith("/welcome/")
    assert "Sign in at office" in admin.follow(page).text
    admin.get("/oauth/start")
    assert "Show the password" in admin.follow(admin.get(BACK)).text
    assert admin.get("/").status == 200, "he is still signed in to the console"


def test_an_administrator_shows_a_code_to_the_owner(admin, office):
    office.account()
    page = admin.submit(f"/account?name={NAME}", "/account/code", {"name": NAME})
    assert "WDJB-MJHT" in admin.follow(page).text
    office.account("other@example.org")
    assert admin.get("/account/code?name=other@example.org").status == 303
    office.time += 5
    office.oauth.entered = True
    page = admin.get(f"/account/code?name={NAME}")
    assert page.location.endswith("done=connected")
    assert office.store.grants.get(NAME).flow == "device"


def test_a_mailbox_without_an_owner_and_the_end_of_a_consent(admin, office):
    office.account()
    at = f"/account?name={NAME}"
    admin.submit(at, "/account/as-client", {"name": NAME})
    assert office.store.grants.get(NAME).flow == "client"
    admin.submit(at, "/account/forget", {"name": NAME})
    assert office.store.grants.get(NAME) is None
    office.oauth.refusal = Misconfigured("Google has no client credentials for mailboxes")
    page = admin.submit(at, "/account/as-client", {"name": NAME})
    assert page.status == 400
    assert "Google has no client credentials" in page.text, "an administrator is told"


def test_an_account_with_a_password_has_nobody_to_sign_in(admin, office):
    office.account(credential="password", provider="", password=SecretStr("x"))
    for action in ("invite", "sign-in", "code", "as-client", "forget"):
        page = admin.submit(f"/account?name={NAME}", f"/account/{action}", {"name": NAME})
        assert page.status == 409
