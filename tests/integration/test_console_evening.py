"""The evening's work in Chromium, with nothing made up: office, provider, mail server, device."""

import re
import shutil
import subprocess

import pytest

from tests.integration.test_accounts import password_in
from tests.support.chromium import PHONE, chromium
from tests.support.gateway import RunningGateway, wait_until
from tests.support.nanoidp import CLIENT, CLIENT_SECRET, PASSWORD, NanoIdp
from tests.support.pop3_client import Pop3Client
from tests.support.token_dovecot import TokenDovecot

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
MINE = "correct horse battery"
MAIL = b"Subject: scan\r\n\r\nOne page.\r\n"


@pytest.fixture(scope="module")
def browser():
    with chromium() as made:
        yield made


@pytest.fixture(scope="module")
def idp():
    with NanoIdp("alice", "bob", CLIENT, rotates=True) as server:
        yield server


@pytest.fixture(scope="module")
def mail(idp):
    with TokenDovecot(idp) as server:
        server.deliver("alice", MAIL)
        yield server


@pytest.fixture(scope="module")
def gateway():
    settings = {
        "accounts": {"cache": 0.2, "throttle": {"enabled": True}},
        "upstream": {"warm": {"seconds": 0}},
        "console": {"pop3_host": "pop.example.org", "pop3_tls_port": 995},
        "log": {"level": "debug"},
    }
    flags = ("--accounts", "embedded", "--console", "127.0.0.1:0")
    with RunningGateway("", flags=flags, settings=settings, workers=2) as running:
        yield running
        log = running.log_path.read_text()
        for secret in (CLIENT_SECRET, PASSWORD, MINE, "eyJ", "/setup?token=", "/welcome/"):
            assert secret not in log
        assert "Traceback" not in log


class Evening:
    """What people do, page by page."""

    def __init__(self, gateway, idp, mail, browser):
        self.gateway, self.idp, self.mail, self.browser = gateway, idp, mail, browser
        self.faults = []
        self.contexts = []

    def person(self, **more):
        context = self.browser.new_context(**more)
        self.contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._heard)
        return page

    def _heard(self, message):
        own = message.location.get("url", "").startswith(self.gateway.console)
        if own and message.type in {"error", "warning"} and "status of 4" not in message.text:
            self.faults.append(message.text)

    def set_up(self):
        page = self.person()
        page.goto(self.gateway.console)
        assert page.get_by_text("pop3-gateway console-link").is_visible()
        link = self.gateway.manage("console-link").strip()
        assert link.startswith(f"{self.gateway.console}/setup?token=")
        page.goto(link)
        page.get_by_label("Name").fill("kim")
        page.get_by_label("Password").fill(MINE)
        page.get_by_label("The same again").fill(MINE)
        page.get_by_role("button", name="Make me").click()
        assert page.get_by_role("heading", name="The first evening").is_visible()
        self.gateway.manage("console-link", status=1)  # nobody gets a second one
        return page

    def connect(self, page):
        page.get_by_role("link", name="Connect the provider").click()
        page.get_by_role("link", name="Another provider").click()
        shown = page.locator("#redirect").inner_text()
        assert shown == f"{self.gateway.console}/oauth/callback"
        page.get_by_label("Issuer").fill(self.idp.url)
        page.get_by_label("Client ID").fill(CLIENT)
        page.get_by_label("Client secret").fill(CLIENT_SECRET)
        where = f"imap://{self.mail.host}:{self.mail.port}"
        page.get_by_label("Where its mail is").fill(where)
        page.get_by_role("button", name="Add it").click()
        page.get_by_role("button", name="See whether it answers").click()
        assert page.get_by_text(f"{self.idp.url}/token", exact=True).is_visible()

    def account(self, page, name, mailbox):
        page.goto(f"{self.gateway.console}/account/new")
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_label("Name of the mailbox").fill(mailbox)
        page.get_by_role("button", name="Add it").click()

    def link(self, page, name):
        page.goto(f"{self.gateway.console}/account?name={name}")
        if not page.get_by_role("button", name="Make a link").is_visible():
            page.get_by_text("Sign in again").click()
        page.get_by_role("button", name="Make a link").click()
        return page.locator("#link").inner_text()

    def sign_in(self, owner, user):
        owner.get_by_role("link", name="Sign in at").click()
        owner.locator("[name=username]").fill(user)
        owner.locator("[name=password]").fill(PASSWORD)
        owner.locator("[name=password]").press("Enter")
        owner.wait_for_url(f"{self.gateway.console}/**")


@pytest.fixture(scope="module")
def evening(gateway, idp, mail, browser):
    made = Evening(gateway, idp, mail, browser)
    yield made
    for context in made.contexts:
        context.close()
    assert made.faults == []


@pytest.fixture(scope="module")
def page(evening):
    """An administrator at the overview, with a provider."""
    page = evening.set_up()
    evening.connect(page)
    return page


@pytest.fixture(scope="module")
def device_password(evening, page):
    """Of a device of alice's: from a link on her telephone."""
    evening.account(page, "scan", "alice")
    owner = evening.person(viewport=PHONE, is_mobile=True, has_touch=True)
    owner.goto(evening.link(page, "scan"))
    evening.sign_in(owner, "alice")
    assert owner.get_by_role("heading", name="That worked").is_visible()
    owner.get_by_role("button", name="Show the password").click()
    return owner.locator("#password").inner_text()


def by_curl(gateway, user, password, path="1"):
    command = [shutil.which("curl"), "-sS", "--user", f"{user}:{password}"]
    url = f"pop3://{gateway.host}:{gateway.port}/{path}"
    return subprocess.run([*command, url], capture_output=True, check=False, timeout=60)


def test_from_an_empty_gateway_to_mail_by_curl(evening, gateway, page, device_password):
    fetched = by_curl(gateway, "scan", device_password)
    assert fetched.returncode == 0, fetched.stderr
    assert fetched.stdout == MAIL

    def seen():
        page.goto(f"{gateway.console}/account?name=scan")
        return "never" not in page.get_by_role("row", name="printer").inner_text()

    wait_until(seen, timeout=30, what="the device to be noted")
    page.goto(gateway.console)
    assert page.get_by_text("The first evening").count() == 0
    server = page.get_by_role("row", name=f"imap://{evening.mail.host}:{evening.mail.port}")
    assert "works" in server.inner_text()


def test_the_overview_counts_what_was_fetched(gateway, page, device_password):
    assert by_curl(gateway, "scan", device_password).returncode == 0

    def counted():
        page.goto(gateway.console)
        told = page.locator(".figures").inner_text()
        return re.search(r"Messages, 24 h\s+[1-9]", told)

    wait_until(counted, timeout=90, what="the minute to be over")


def test_a_live_session_is_seen_and_ended_and_nothing_is_deleted(
    gateway, page, device_password
):
    with Pop3Client(gateway.host, gateway.port) as client:
        client.ok("USER scan")
        client.ok(f"PASS {device_password}")
        client.ok("DELE 1")
        page.goto(f"{gateway.console}/sessions")
        row = page.get_by_role("row", name="scan")
        assert "printer" in row.inner_text()
        row.get_by_role("button", name="End").click()
        assert "Nothing was deleted" in page.get_by_role("status").inner_text()
        assert client.rest() == b""
    assert by_curl(gateway, "scan", device_password).stdout == MAIL


def test_wrong_passwords_are_seen_and_lifted(gateway, page, device_password):
    for number in range(2, 4):
        assert by_curl(gateway, "scan", f"wrong-{number}").returncode == 67
    page.goto(f"{gateway.console}/locks")
    row = page.get_by_role("row", name="scan").first
    assert "2 different wrong passwords" in row.inner_text()
    row.get_by_role("button", name="Lift").click()
    assert page.get_by_role("status").inner_text() == "It was lifted."
    assert page.get_by_role("row", name="scan").count() == 0
    page.goto(gateway.console)
    assert page.get_by_text("A wrong name or password.").is_visible()


def test_the_wrong_owner_is_told_so_and_tries_again(evening, page):
    evening.account(page, "mine", "bob")
    owner = evening.person()
    owner.goto(evening.link(page, "mine"))
    evening.sign_in(owner, "alice")
    assert owner.get_by_role("heading", name="That was another mailbox").is_visible()
    assert "alice@example.org" in owner.locator("main").inner_text()
    owner.context.clear_cookies(domain=evening.idp.host, name="session")
    owner.get_by_role("link", name="Try again").click()
    evening.sign_in(owner, "bob")
    assert owner.get_by_role("heading", name="That worked").is_visible()


def test_a_code_is_entered_on_another_screen(evening, idp, page):
    evening.account(page, "by-code", "bob")
    page.get_by_role("button", name="Sign in by a code").click()
    idp.enter(page.locator(".big").inner_text(), "bob")
    page.wait_for_url("**done=connected", timeout=60_000)
    assert "signed in" in page.locator("main").inner_text()


def test_a_new_consent_keeps_the_device_password(evening, gateway, page, device_password):
    page.goto(f"{gateway.console}/account?name=scan")
    page.get_by_text("Sign in again").click()
    page.get_by_role("button", name="Withdraw the consent").click()

    def refused():
        return b"SYS/TEMP" in tried(gateway, device_password)

    wait_until(refused, timeout=60, what="the workers to know")
    page.goto(gateway.console)
    owner = evening.person()
    owner.goto(evening.link(page, "scan"))
    evening.sign_in(owner, "alice")
    assert "devices keep their passwords" in owner.locator("main").inner_text()
    wait_until(
        lambda: tried(gateway, device_password).startswith(b"+OK"),
        timeout=60,
        what="mail to flow again",
    )
    page.goto(gateway.console)
    assert page.get_by_text("Nobody has signed in to this mailbox yet.").count() or (
        page.get_by_text("does not let us into this mailbox").count()
    )


def tried(gateway, password, user="scan"):
    with Pop3Client(gateway.host, gateway.port) as client:
        client.ok(f"USER {user}")
        return client.command(f"PASS {password}")


def test_a_revoked_device_gets_in_no_more(gateway, page):
    """An account of its own, without a consent: tests come in any order."""
    gateway.manage("account", "add", "retired", "--provider", "office")
    password = password_in(gateway.manage("device", "add", "retired", "old-printer"))
    assert b"[SYS/TEMP]" in tried(gateway, password, "retired")
    page.goto(f"{gateway.console}/account?name=retired")
    page.get_by_role("button", name="Revoke").click()
    wait_until(
        lambda: b"[AUTH]" in tried(gateway, password, "retired"),
        timeout=30,
        what="the workers to know",
    )


def test_thunderbird_and_outlook_are_told_where_pop3_is(gateway):
    url = f"{gateway.console}/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=a@b.c"
    found = subprocess.run(
        [shutil.which("curl"), "-sS", url], capture_output=True, check=True, timeout=30
    )
    assert b"<hostname>pop.example.org</hostname>" in found.stdout
    assert b"<port>995</port>" in found.stdout
