"""What every request passes: who may enter, from where, and what goes back."""

import pytest

from gateway.admin.console.gate import ALLOWANCES, Gate, neighbourhood
from gateway.admin.console.headers import POLICY
from gateway.admin.console.pages import ROUTES
from gateway.admin.console.web import Refusal
from tests.support.console import NOW, PASSWORD, Browser, Office

OF_ADMINISTRATORS = [route for route in ROUTES if route.who == "administrator"]
OF_GUESTS = [route for route in ROUTES if route.who == "guest"]
POSTS = [route for route in ROUTES if route.method == "POST" and route.who != "program"]


def name(route):
    return f"{route.method} {route.path}"


def test_every_page_says_who_may_enter():
    assert {route.who for route in ROUTES} == {"anybody", "administrator", "guest", "program"}
    open_to_all = {name(route) for route in ROUTES if route.who == "anybody"}
    assert open_to_all == {"GET /setup", "GET /login", "POST /login", "GET /welcome/<token>"}


@pytest.mark.parametrize("route", OF_ADMINISTRATORS, ids=name)
def test_pages_of_administrators_are_closed_to_all_others(office, route):
    office.administrator()
    office.account()
    browser = Browser(office)
    page = browser.send(route.method, route.path, {} if route.method == "POST" else None, {})
    assert (page.status, page.location.partition("?")[0]) == (303, "/login")


@pytest.mark.parametrize("route", OF_GUESTS, ids=name)
def test_pages_of_guests_are_closed_to_all_others(admin, route):
    page = admin.send(route.method, route.path, {} if route.method == "POST" else None, {})
    assert page.status == 403


def test_a_guest_is_no_administrator_whatever_cookie_he_shows(office):
    office.administrator()
    office.account()
    owner = Browser(office)
    token = office.invite()
    owner.get(f"/welcome/{token}")
    owner.cookies["office"] = owner.cookies["guest"]
    assert owner.get("/accounts").location.startswith("/login")


def test_an_administrator_is_no_guest_whatever_cookie_he_shows(admin):
    admin.cookies["guest"] = admin.cookies["office"]
    assert admin.get("/welcome").status == 403


@pytest.mark.parametrize("csrf", ["", "x", "é", "0" * 32])
@pytest.mark.parametrize("route", POSTS, ids=name)
def test_every_form_needs_the_token_of_its_session(admin, office, route, csrf):
    office.account()
    admin.get(f"/welcome/{office.invite()}")
    page = admin.post(route.path, {"csrf": csrf, "name": "scan@example.org"})
    assert page.status == 403
    assert office.store.accounts.get("scan@example.org").enabled
    assert office.store.devices.all() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "https://evil.example", "Sec_Fetch_Site": ""},
        {"Origin": "null", "Sec_Fetch_Site": ""},
        {"Origin": "http://127.0.0.1:9999", "Sec_Fetch_Site": "same-site"},
        {"Origin": "http://127.0.0.1:9999", "Sec_Fetch_Site": ""},
        {"Origin": "https://127.0.0.1:8080", "Sec_Fetch_Site": ""},
        {"Origin": "http://127.0.0.1:8080", "Sec_Fetch_Site": "cross-site"},
    ],
)
def test_a_form_of_another_site_is_refused_though_its_token_is_right(admin, office, headers):
    office.account()
    csrf = admin.get("/account?name=scan@example.org").csrf
    form = {"csrf": csrf, "name": "scan@example.org", "enabled": "no"}
    assert admin.post("/account/switch", form, **headers).status == 403
    assert office.store.accounts.get("scan@example.org").enabled
    assert admin.post("/account/switch", form).status == 303
    assert not office.store.accounts.get("scan@example.org").enabled


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8080", "HTTP://127.0.0.1:8080", None])
def test_browsers_that_do_not_say_from_where_are_known_by_their_origin(office, origin):
    office.administrator()
    browser = Browser(office, modern=False)
    form = {"csrf": browser.get("/login").csrf, "name": "kim", "password": PASSWORD}
    headers = {} if origin is None else {"Origin": origin}
    assert browser.send("POST", "/login", form, headers).status == 303


def test_a_form_of_ours_without_an_origin_is_known_by_what_the_browser_says(office):
    office.administrator()
    browser = Browser(office)
    form = {"csrf": browser.get("/login").csrf, "name": "kim", "password": PASSWORD}
    assert browser.post("/login", form, Origin="null").status == 303


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", ""]
)
def test_a_name_that_was_made_to_lead_here_gets_nothing(office, host):
    office.administrator()
    page = Browser(office, host=host or " ").get("/login")
    assert page.status == 421
    assert page.set_cookies == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "[::1]:8080", "localhost:8080", "192.0.2.7"]
)
def test_addresses_and_localhost_cannot_be_made_to_lead_here(office, host):
    office.administrator()
    assert Browser(office, host=host).get("/login").status == 200


PAGES = [
    "/",
    "/login",
    "/setup",
    "/nope",
    "/welcome",
    "/static/console.css",
    "/static/x",
    "/mail/config-v1.1.xml",
]


@pytest.mark.parametrize("path", PAGES)
def test_the_fields_of_every_answer(browser, path):
    page = browser.get(path)
    assert page.header("Content-Security-Policy") == POLICY
    assert page.header("X-Content-Type-Options") == "nosniff"
    assert page.header("X-Frame-Options") == "DENY"
    assert page.header("Referrer-Policy") in {"same-origin", "no-referrer"}
    kept = page.header("Cache-Control")
    assert kept == ("private, max-age=300" if path.endswith(".css") else "no-store")


def test_nothing_may_come_from_elsewhere_or_be_in_a_page_itself():
    rules = dict(rule.strip().split(" ", 1) for rule in POLICY.split(";"))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert {rules[name] for name in ("script-src", "style-src", "form-action")} == {"'self'"}
    assert "unsafe" not in POLICY


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_told_so_in_words(browser, method):
    page = browser.send(method, "/login", None, {})
    assert page.status == 405
    assert "Open the page" in page.text


def test_head_is_get_without_a_body(browser):
    page = browser.send("HEAD", "/static/console.css", None, {})
    assert (page.status, page.body) == (200, "")
    assert int(page.header("Content-Length")) > 1000


@pytest.mark.parametrize(
    "form",
    [
        {f"f{number}": "x" for number in range(65)},
        {"name": "x" * 5000},
        b"\xff\xfe=%ff",
    ],
)
def test_forms_that_are_none_of_ours_are_400(admin, form):
    octets = form if isinstance(form, bytes) else None
    page = (
        admin.post("/account/new", octets, Content_Type="application/x-www-form-urlencoded")
        if octets
        else admin.post("/account/new", form)
    )
    assert page.status == 400


def test_a_body_beyond_64_kib_is_413(browser):
    page = browser.post("/autodiscover/autodiscover.xml", b"x" * (64 * 1024 + 1))
    assert page.status == 413


def test_a_defect_shows_nothing_of_its_insides(admin, office):
    async def broken():
        raise RuntimeError("secret insides")

    office.live.workers = broken
    page = admin.get("/")
    assert page.status == 500
    assert "insides" not in page.body
    assert "RuntimeError: secret insides" in office.events[-1].detail


def test_a_database_that_is_away_is_503(admin, office):
    from gateway.errors import Unavailable

    class Away:
        def __getattr__(self, _):
            raise Unavailable("accounts: OperationalError")

    office.store.accounts = Away()
    page = admin.get("/accounts")
    assert page.status == 503
    assert "OperationalError" not in page.body


def test_a_gate_refills_and_forgets_who_is_long_gone():
    time = [NOW]
    gate = Gate(lambda: time[0])
    for _ in range(ALLOWANCES["login"].tries):
        gate.pass_("login", "192.0.2.1")
    with pytest.raises(Refusal) as raised:
        gate.pass_("login", "192.0.2.1")
    assert (raised.value.status, raised.value.wait) == (429, 31)
    gate.pass_("login", "192.0.2.2")
    gate.pass_("token", "192.0.2.1")
    time[0] += 30
    gate.pass_("login", "192.0.2.1")
    with pytest.raises(Refusal):
        gate.pass_("login", "192.0.2.1")
    for number in range(10_000):
        gate.pass_("login", f"198.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")
    gate.pass_("login", "192.0.2.1")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("nonsense", ""),
    ],
)
def test_neighbours_share_an_allowance(address, expected):
    assert neighbourhood(address) == expected


def test_behind_a_proxy_the_last_address_that_it_tells_counts(tmp_path):
    office = Office(tmp_path, behind_proxy=True)
    office.administrator()
    browser = Browser(office, address="10.0.0.1")
    for _ in range(ALLOWANCES["login"].tries):
        csrf = browser.get("/login").csrf
        form = {"csrf": csrf, "name": "kim", "password": "wrong"}
        assert (
            browser.post("/login", form, X_Forwarded_For="8.8.8.8, 203.0.113.5").status == 403
        )
    blocked = browser.post("/login", {}, X_Forwarded_For="9.9.9.9, 203.0.113.5")
    assert blocked.status == 429
    other = browser.post("/login", {}, X_Forwarded_For="203.0.113.5, 203.0.113.6")
    assert other.status == 403
    office.close()


def test_without_a_proxy_nobody_can_choose_his_address(office, browser):
    office.administrator()
    for number in range(ALLOWANCES["login"].tries):
        browser.post("/login", {}, X_Forwarded_For=f"203.0.113.{number}")
    assert browser.post("/login", {}, X_Forwarded_For="203.0.113.99").status == 429
