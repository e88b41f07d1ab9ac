"""What a REST mailbox does wrong at login, and how it ends on the POP3 wire."""

import pytest

from gateway.errors import (
    BadCredentials,
    MaildropBusy,
    Misconfigured,
    Throttled,
    Unavailable,
)
from tests.faults.rest.scene import at, hang, problem, reply, vanish

pytestmark = pytest.mark.servers


LOGIN = {
    "500": (problem(500), Unavailable),
    "503": (problem(503), Unavailable),
    "429 for long": (problem(429, retry_after="9999"), Throttled),
    "403 disabled": (problem(403, "account-disabled"), Misconfigured),
    "404": (problem(404), Misconfigured),
    "401": (problem(401, www_authenticate="Basic"), BadCredentials),
    "hangs": (hang, Unavailable),
    "hangs up": (vanish, Unavailable),
    "redirects elsewhere": (problem(307, location="http://127.0.0.2:9/x"), Misconfigured),
    "HTML": (lambda e: e.answer(200, {}, "text/html"), Unavailable),
    "a number": (lambda e: e.answer(200, 7), Unavailable),
    "null": (lambda e: e.answer(200, None), Unavailable),
    "nothing": (lambda e: (e.answer(200), e.resize(b"")), Unavailable),
    "deep JSON": (lambda e: (e.answer(200), e.resize(b"[" * 60_000)), Unavailable),
    "too much": (lambda e: e.answer(200, "x" * 100_000), Unavailable),
    "compressed": (lambda e: e.answer(200, {}, content_encoding="gzip"), Unavailable),
}


@pytest.mark.parametrize("path", ["/session", "/messages"])
@pytest.mark.parametrize("name", LOGIN)
def test_a_login_that_fails_is_told_and_never_an_empty_maildrop(scene, path, name):
    fault, failure = LOGIN[name]
    scene.proxy.before = at(path, fault)
    if path == "/messages":
        scene.proxy.twist = at("/changes", problem(410))  # the whole list is needed
    assert scene.try_login() == reply(failure)
    scene.is_well_again()


@pytest.mark.parametrize("name", ["500", "hangs", "HTML", "null", "401"])
def test_changes_that_fail(scene, name):
    scene.login().quit()
    fault, failure = LOGIN[name]
    scene.proxy.before = at("/changes", fault)
    assert scene.try_login() == reply(failure)
    scene.is_well_again()


def test_after_410_on_changes_everything_is_listed(scene):
    scene.login().quit()
    scene.proxy.before = at("/changes", problem(410, "state-unknown"))
    client = scene.login()
    assert client.ok("STAT").split()[1] == b"3"


@pytest.mark.parametrize("status", [429, 503])
def test_a_short_retry_after_is_waited_for(scene, status):
    left = [1]

    def busy(exchange):
        if left and exchange.path == "/session":
            left.pop()
            exchange.problem(status, retry_after="1")

    scene.proxy.before = busy
    assert scene.try_login().startswith(b"+OK")


def test_a_held_lock_is_in_use(scene):
    scene.proxy.before = at("/lock", problem(423, "locked"), "POST")
    assert scene.try_login() == reply(MaildropBusy)
    scene.is_well_again()


PAGES = {
    "a page is missing": lambda page: page.update(next=None),
    "pages without end": lambda page: page.update(next="again"),
    "another state": lambda page: page.update(state="other"),
    "another generation": lambda page: page.update(generation="2"),
    "a size below nothing": lambda page: page["messages"][0].update(size=-1),
    "a size in words": lambda page: page["messages"][0].update(size="12"),
    "an id that is no text": lambda page: page["messages"][0].update(id=7),
    "an empty id": lambda page: page["messages"][0].update(id=""),
    "an endless id": lambda page: page["messages"][0].update(id="x" * 5000),
    "no messages": lambda page: page.pop("messages"),
}


@pytest.mark.parametrize("name", PAGES)
def test_pages_that_do_not_fit_are_no_maildrop(scene, name):
    first = [True]

    def before(exchange):
        if exchange.path == "/changes":
            exchange.problem(410)
        exchange.target = exchange.target.replace("cursor=again", "x=y")

    def twist(exchange):
        # Of the first page alone, so that its state and those of others differ.
        if exchange.is_list and ("cursor" not in exchange.query or not first):
            page = exchange.json
            PAGES[name](page)
            exchange.json = page

    scene.proxy.before, scene.proxy.twist = before, twist
    assert scene.try_login() == reply(Unavailable)
    scene.is_well_again()
