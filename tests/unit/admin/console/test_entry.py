"""Signing in and out, and how long that lasts."""

import pytest
from pydantic import SecretStr

from gateway.accounts import passwords
from gateway.accounts.model import Administrator
from gateway.admin.console import visits
from gateway.admin.console.events import ConsoleLogin, ConsoleLoginRefused
from gateway.admin.console.pages import entry
from tests.support.console import HASH, PASSWORD, Browser, Office


def test_before_the_first_administrator_the_way_leads_to_the_set_up(browser):
    page = browser.follow(browser.get("/accounts?q=x"))
    assert "console-link" in page.text


def test_in_and_out(office, browser):
    office.administrator()
    page = browser.get("/accounts")
    assert page.location == "/login?next=%2Faccounts"
    form = browser.get(page.location)
    page = browser.post(
        "/login", {"csrf": form.csrf, "name": "kim", "password": PASSWORD, "next": "/accounts"}
    )
    assert (page.status, page.location) == (303, "/accounts")
    page = browser.get("/accounts")
    assert page.status == 200
    cookie = dict(browser.cookies)
    out = browser.post("/logout", {"csrf": page.csrf})
    assert "office" not in browser.cookies
    assert "signed out" in browser.follow(out).text
    browser.cookies = cookie
    assert browser.get("/accounts").status == 303, (
        "the session must end here, not in the browser"
    )
    assert [type(event) for event in office.events] == [ConsoleLogin]


@pytest.mark.parametrize("name", ["kim", "nobody", "", "Kim "])
def test_a_wrong_name_or_password_gets_one_answer_after_one_check(
    office, browser, monkeypatch, name
):
    office.administrator()
    checked = []

    def verify(hashed, password):
        checked.append(hashed)
        return passwords.verify(hashed, password)

    monkeypatch.setattr(entry, "verify", verify)
    form = browser.get("/login")
    page = browser.post(
        "/login", {"csrf": form.csrf, "name": name, "password": "wrong password"}
    )
    assert page.status == 403
    assert "Name or password is wrong." in page.text
    assert checked == ["" if name.strip().lower() != "kim" else HASH]
    assert office.events == [ConsoleLoginRefused("192.0.2.1")]


def test_telephones_begin_a_name_with_a_capital(office, browser):
    office.administrator()
    assert browser.log_in("Kim").status == 303


def test_guessing_is_slowed_down_by_address(office, browser):
    office.administrator()
    for _ in range(10):
        assert browser.log_in(password="wrong password").status == 403
    page = browser.log_in()
    assert page.status == 429
    assert page.header("Retry-After") == "31"
    assert "31 seconds" in page.text
    assert Browser(office, address="192.0.2.2").log_in().status == 303
    office.time += 31
    assert browser.log_in().status == 303


def guess(office, name, times=20):
    """From an address each, as those do who have many."""
    for number in range(times):
        other = Browser(office, address=f"198.51.100.{number}")
        assert other.log_in(name, "wrong password").status == 403


@pytest.mark.parametrize("name", ["kim", "Kim", "nobody"])
def test_guessing_from_many_addresses_is_slowed_down_by_name(office, name):
    office.administrator()
    guess(office, name)
    page = Browser(office, address="203.0.113.1").log_in(name)
    assert (page.status, page.header("Retry-After")) == (429, "31")
    assert "signed in with before" in page.text
    office.time += 31
    assert Browser(office, address="203.0.113.1").log_in(name).status != 429


def test_nobody_can_shut_out_a_browser_that_has_signed_in_before(office, browser):
    office.administrator()
    browser.log_in()
    guess(office, "kim", 19)
    assert Browser(office, address="203.0.113.1").log_in().status == 429
    assert browser.log_in().status == 303


def test_a_browser_is_known_under_the_name_that_has_signed_in_with_it(office, browser):
    office.administrator()
    office.administrator("sam")
    browser.log_in("sam")
    guess(office, "kim")
    assert browser.log_in("kim").status == 429
    assert browser.log_in("sam").status == 303


def test_such_a_browser_has_an_allowance_of_its_own(office, browser):
    office.administrator()
    browser.log_in()
    guess(office, "kim", 19)
    for number in range(9):
        browser.address = f"203.0.113.{number}"
        assert browser.log_in(password="wrong password").status == 403
    assert browser.log_in().status == 303
    assert browser.cookies["known"]


@pytest.mark.parametrize(
    "spoil", [lambda v: v[:-1] + "x", lambda v: "a" + v, lambda _: "\xe4.\xe4"]
)
def test_nobody_makes_such_a_cookie_himself(office, browser, spoil):
    office.administrator()
    browser.log_in()
    guess(office, "kim", 19)
    browser.cookies["known"] = spoil(browser.cookies["known"])
    assert browser.log_in().status == 429


def test_another_password_makes_the_cookie_worthless(office, browser):
    office.administrator()
    browser.log_in()
    office.store.administrators.save(
        Administrator("kim", passwords.hash_password(SecretStr(PASSWORD)))
    )
    guess(office, "kim", 19)
    assert browser.log_in().status == 429


def test_the_form_must_be_of_this_browser(office, browser):
    office.administrator()
    csrf = Browser(office).get("/login").csrf
    browser.get("/login")
    page = browser.post("/login", {"csrf": csrf, "name": "kim", "password": PASSWORD})
    assert page.status == 403
    assert "office" not in browser.cookies


def test_a_session_that_somebody_planted_is_not_taken_over(office, browser):
    office.administrator()
    browser.cookies["office"] = "planted" * 6
    browser.log_in()
    mine = browser.cookies["office"]
    assert mine != "planted" * 6
    browser.log_in()
    assert browser.cookies["office"] != mine
    browser.cookies["office"] = mine
    assert browser.get("/").status == 303, "the session before the login must be over"


@pytest.mark.parametrize(
    "next_page",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "a\tb"],
)
def test_after_the_login_nobody_is_sent_elsewhere(office, browser, next_page):
    office.administrator()
    form = browser.get("/login")
    page = browser.post(
        "/login", {"csrf": form.csrf, "name": "kim", "password": PASSWORD, "next": next_page}
    )
    assert page.status == 400 or page.location == "/"


def test_an_idle_session_ends(admin, office):
    office.time += visits.IDLE - 1
    assert admin.get("/").status == 200
    office.time += visits.IDLE - 1
    assert admin.get("/").status == 200
    office.time += visits.IDLE + 1
    assert admin.get("/").status == 303


def test_a_page_that_looks_by_itself_keeps_nobody_signed_in(admin, office):
    for _ in range(4):
        office.time += visits.IDLE / 4
        admin.get("/", Sec_Fetch_Dest="empty")
    assert admin.get("/").status == 303


def test_every_session_ends_after_twelve_hours(admin, office):
    start = office.time
    while office.time < start + visits.LONGEST - 1800:
        office.time += 1800
        assert admin.get("/").status == 200, office.time - start
    office.time = start + visits.LONGEST + 1
    assert admin.get("/").status == 303


def test_cookies_are_closed_to_scripts_and_other_sites(office, browser):
    office.administrator()
    page = browser.log_in()
    of_session = next(each for each in page.set_cookies if each.startswith("office="))
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(of_session.split("; "))


def test_with_tls_cookies_are_of_this_host_alone(tmp_path):
    office = Office(tmp_path, url="https://mail-in.example.org")
    office.administrator()
    browser = Browser(office)
    page = browser.log_in()
    cookies = [each.split("; ") for each in page.set_cookies]
    assert all(parts[0].startswith("__Host-") and "Secure" in parts for parts in cookies)
    assert all(not any(part.startswith("Domain") for part in parts) for parts in cookies)
    assert browser.get("/").status == 200
    office.close()


def test_the_store_has_no_cookie_and_no_token_in_clear(admin, office):
    octets = b"".join(each.read_bytes() for each in office.state.iterdir())
    assert admin.cookies["office"].encode() not in octets


@pytest.mark.parametrize(
    "odd", ["a=b c", "flag", 'j={"a": 1, "b": 2}', "m\u00fcll=\u00e4", f"{'a' * 5000}=1", "=;="]
)
def test_odd_cookies_of_another_service_of_the_host_sign_nobody_out(admin, odd):
    """Cookies know no ports: all that serves on 127.0.0.1 shares them."""
    admin.cookies = {"odd": f"1; {odd}", **admin.cookies}
    assert "Overview" in admin.get("/").text
