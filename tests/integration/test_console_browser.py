"""The console in real Chromium: by keyboard, on a telephone, without scripts, for all eyes."""

import json
import subprocess
import sys

import pytest

from tests.support.chromium import PHONE, chromium

pytestmark = pytest.mark.servers
PASSWORD = "correct horse battery"
NAME = "scan@example.org"


class Running:
    """A console on a port, and people with browsers."""

    def __init__(self, told, browser):
        self.url = told["url"]
        self.setup = told["setup"]
        self.browser = browser
        self.faults = []
        self.contexts = []

    def person(self, **more):
        context = self.browser.new_context(**more)
        context.set_default_timeout(20_000)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        return page

    def _heard(self, message):
        # A page with a status of 4xx is one of ours, and tells it to people.
        if message.type in {"error", "warning"} and "status of 4" not in message.text:
            self.faults.append(message.text)

    def administrator(self, **more):
        page = self.person(**more)
        page.goto(self.setup)
        page.get_by_label("Name").fill("kim")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("The same again").fill(PASSWORD)
        page.get_by_role("button", name="Make me").click()
        return page

    def provider(self, page):
        page.goto(f"{self.url}/provider/new?preset=oidc")
        page.get_by_label("Issuer").fill("https://id.example.org")
        page.get_by_label("Client ID").fill("gateway")
        page.get_by_label("Client secret").fill("s3cret")
        page.get_by_label("Where its mail is").fill("imaps://imap.example.org")
        page.get_by_role("button", name="Add it").click()

    def account(self, page):
        self.provider(page)
        page.goto(f"{self.url}/account/new")
        page.get_by_label("Name", exact=True).fill(NAME)
        page.get_by_role("button", name="Add it").click()

    def link(self, page):
        self.account(page)
        page.get_by_role("button", name="Make a link").click()
        return page.locator("#link").inner_text()


@pytest.fixture(scope="module")
def browser():
    with chromium() as made:
        yield made


@pytest.fixture
def console(tmp_path, browser):
    command = [sys.executable, "-m", "tests.support.console_server", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        running = Running(json.loads(process.stdout.readline()), browser)
        yield running
        for context in running.contexts:
            context.close()
        process.stdin.close()
    assert running.faults == []


def sign_in(owner):
    owner.get_by_role("link", name="Sign in at").click()
    owner.get_by_role("link", name="Yes").click()


def make_password(owner):
    owner.get_by_role("button", name="Show the password").click()
    return owner.locator("#password").inner_text()


def test_an_owner_with_a_telephone(console):
    link = console.link(console.administrator())
    owner = console.person(viewport=PHONE, has_touch=True, is_mobile=True)
    owner.goto(link)
    assert owner.url == f"{console.url}/welcome"
    sign_in(owner)
    password = make_password(owner)
    assert len(password) == 19
    box = owner.locator("#password").bounding_box()
    assert box["height"] < 80, "the password must stand in one line"
    owner.get_by_text("Brother").click()
    assert owner.get_by_text("Mailbox Password").is_visible()
    owner.goto(link)
    assert owner.get_by_role("heading", name="This link does not work").is_visible()


def test_an_owner_who_says_no_and_then_yes(console):
    owner = console.person()
    owner.goto(console.link(console.administrator()))
    owner.get_by_role("link", name="Sign in at").click()
    owner.get_by_role("link", name="No").click()
    assert owner.get_by_role("heading", name="You said no").is_visible()
    owner.get_by_role("link", name="Try again").click()
    sign_in(owner)
    assert len(make_password(owner)) == 19


def test_everything_without_scripts(console):
    page = console.administrator(java_script_enabled=False)
    link = console.link(page)
    assert page.locator("[data-copy]:visible").count() == 0
    owner = console.person(java_script_enabled=False)
    owner.goto(link)
    sign_in(owner)
    assert len(make_password(owner)) == 19
    page.goto(f"{console.url}/sessions")
    page.get_by_role("button", name="End").first.click()
    assert (
        page.get_by_role("status").inner_text() == "The session was ended. Nothing was deleted."
    )
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Name").fill("kim")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    assert page.get_by_role("heading", name="Overview").is_visible()


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def tab_to(page, text):
    """Go by the tabulator until what has the focus is called so."""
    for _ in range(60):
        page.keyboard.press("Tab")
        named = page.evaluate(
            "(e => (e.labels?.[0] || e).innerText.trim().split('\\n')[0])(document.activeElement)"
        )
        if named.startswith(text):
            return
    raise AssertionError(f"the tabulator does not lead to {text}")


def test_with_the_keyboard_alone(console):
    page = console.person()
    page.goto(console.setup)
    page.keyboard.type("kim")
    press(page, "Tab")
    page.keyboard.type(PASSWORD)
    press(page, "Tab")
    page.keyboard.type(PASSWORD)
    press(page, "Enter")
    page.wait_for_url("**/?done=welcome")
    press(page, "Tab")
    skip = page.locator(".skip")
    assert skip.evaluate("e => e === document.activeElement")
    assert skip.bounding_box()["y"] >= 0, "the link to skip shows itself"
    press(page, "Enter")
    tab_to(page, "Connect the provider")
    press(page, "Enter")
    page.wait_for_url("**/provider/new")
    tab_to(page, "Another provider")
    press(page, "Enter")
    page.wait_for_url("**preset=oidc")
    for label, text in [
        ("Issuer", "https://id.example.org"),
        ("Client ID", "gateway"),
        ("Where its mail is", "imaps://imap.example.org"),
    ]:
        tab_to(page, label)
        page.keyboard.type(text)
    press(page, "Enter")
    page.wait_for_url("**done=provider-saved")
    page.goto(f"{console.url}/account/new")
    page.keyboard.type(NAME)
    press(page, "Enter")
    page.wait_for_url("**done=account-added")
    tab_to(page, "Add a device")
    press(page, "Enter")
    page.wait_for_url("**/device/new**")
    page.keyboard.type("printer")
    press(page, "Enter")
    assert len(page.locator("#password").inner_text()) == 19


PAGES = [
    "/",
    "/accounts",
    "/accounts?q=zzz",
    f"/account?name={NAME}",
    "/account/new",
    f"/account/edit?name={NAME}",
    f"/account/remove?name={NAME}",
    f"/device/new?name={NAME}",
    f"/device/settings?name={NAME}&device=printer",
    "/providers",
    "/provider/new",
    "/provider/new?preset=microsoft",
    "/provider?name=office",
    "/sessions",
    "/locks",
    "/administrators",
    "/nope",
]

# What a page needs for those who do not see it, or see it badly.
FAULTS = """
() => {
  const faults = [];
  const rgb = text => {
    const parts = text.match(/[\\d.]+/g).map(Number);
    return parts.length < 4 ? [...parts, 1] : parts;
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgb(getComputedStyle(e).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [255, 255, 255, 1];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility() || element.closest("svg")) continue;
    const [a, b] = [light(rgb(getComputedStyle(element).color)), light(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faults.push(`contrast ${contrast.toFixed(2)}: ${node.textContent.trim()}`);
  }
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!field.labels.length) faults.push(`no label: ${field.name}`);
  for (const one of document.querySelectorAll("a, button, summary"))
    if (!one.textContent.trim()) faults.push(`no name: ${one.outerHTML}`);
  for (const svg of document.querySelectorAll("svg[role=img]"))
    if (!svg.getAttribute("aria-label")) faults.push("a plot without words");
  const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
  if (new Set(ids).size !== ids.length) faults.push(`an id twice: ${ids}`);
  for (const one of document.querySelectorAll("[aria-describedby], [aria-labelledby], label[for]"))
    for (const name of ["aria-describedby", "aria-labelledby", "for"]) {
      const id = one.getAttribute(name);
      if (id && !document.getElementById(id)) faults.push(`${name} leads nowhere: ${id}`);
    }
  if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
  if (!document.documentElement.lang) faults.push("no language");
  if (document.documentElement.scrollWidth > innerWidth)
    faults.push(`wider than the screen: ${document.documentElement.scrollWidth}`);
  if (document.querySelector("[style], style, script:not([src])")) faults.push("style or script in the page");
  return faults;
}
"""


DESK = {"width": 1280, "height": 800}


@pytest.mark.parametrize(("scheme", "size"), [("light", DESK), ("dark", PHONE)])
def test_all_pages_for_all_eyes(console, scheme, size):
    page = console.administrator(viewport=size, color_scheme=scheme, reduced_motion="reduce")
    faults = {}
    link = console.link(page)
    faults["/account/invite"] = page.evaluate(FAULTS)
    for path in PAGES:
        page.goto(console.url + path)
        for summary in page.locator("summary:visible").all():
            summary.click()
        faults[path] = page.evaluate(FAULTS)
    owner = console.person(viewport=size, color_scheme=scheme, reduced_motion="reduce")
    owner.goto(link)
    faults["/welcome"] = owner.evaluate(FAULTS)
    sign_in(owner)
    faults["/welcome, signed in"] = owner.evaluate(FAULTS)
    make_password(owner)
    faults["/welcome/password"] = owner.evaluate(FAULTS)
    owner.goto(f"{console.url}/login")
    faults["/login"] = owner.evaluate(FAULTS)
    assert {path: found for path, found in faults.items() if found} == {}


def test_the_list_of_sessions_stays_fresh_and_keeps_nobodys_place(console):
    page = console.administrator()
    page.clock.install()
    page.goto(f"{console.url}/sessions")
    other = console.person(storage_state=page.context.storage_state())
    other.goto(f"{console.url}/sessions")
    assert page.locator("tbody tr").count() == 4
    other.get_by_role("button", name="End").first.click()
    page.get_by_role("button", name="End").first.focus()
    with page.expect_request("**/sessions"):
        page.get_by_role("heading", name="Sessions").click()
        page.evaluate("document.activeElement.blur()")
        page.clock.run_for(10_500)
    page.locator("tbody tr").nth(3).wait_for(state="detached")
    page.get_by_role("button", name="End").first.click()
    assert page.get_by_role("status").is_visible(), "the forms that came later work too"


def test_a_link_is_copied(console):
    page = console.administrator()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    link = console.link(page)
    page.get_by_role("button", name="Copy the link").click()
    assert page.evaluate("navigator.clipboard.readText()") == link
    page.get_by_text("Copied").wait_for()


def test_a_page_elsewhere_cannot_use_the_administrators_session(console):
    """A real cross-site form: the cookie is Strict, and the form is refused besides."""
    page = console.administrator()
    console.account(page)
    evil = page.context.new_page()
    evil.goto(
        "data:text/html,<form method=post action='" + console.url + "/account/switch'>"
        f"<input name=name value='{NAME}'><input name=enabled value=no><button>x</button></form>"
    )
    evil.click("button")
    assert "Disable it" not in evil.content()
    page.goto(f"{console.url}/account?name={NAME}")
    assert page.get_by_role("button", name="Disable it").is_visible()


def test_no_other_site_can_frame_the_console(console):
    page = console.administrator()
    evil = page.context.new_page()
    evil.set_content(f"<iframe src='{console.url}/'></iframe>")
    frame = evil.frames[-1]
    frame.wait_for_load_state()
    assert "Overview" not in frame.content()
