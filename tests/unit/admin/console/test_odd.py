"""Odd input at every page: refused in words, never a defect."""

import pytest

from gateway.admin.console.pages import ROUTES
from tests.support.console import Browser

FORM = "application/x-www-form-urlencoded"
NAMES = (
    "name", "device", "q", "page", "worker", "number", "key", "next", "token", "preset", "days",
    "credential", "provider", "upstream", "mailbox", "note", "password", "again", "own", "fence",
    "issuer", "tenant", "scopes", "secret_ends", "client_id", "client_secret", "enabled", "done",
    "emailaddress", "state", "code", "error", "error_description", "form",
)  # fmt: skip
ODD = {
    "huge": "9" * 400,
    "long number": "9" * 20,
    "superscript": "%C2%B2",
    "other digits": "%D9%A1",
    "negative": "-1",
    "nul": "a%00b",
    "nul utf-8": "%C0%80",
    "no utf-8": "%FF%FE",
    "surrogate": "%ED%A0%80",
    "right to left": "%E2%80%AE",
    "too long": "x" * 4097,
    "long": "x" * 4000,
    "brackets": "http%3A%2F%2F%5B",
    "port": "imaps%3A%2F%2Fh%3A99999999",
    "zone": "fe80%3A%3A1%25%0Aeth0%2F64",
    "year": "0001-01-01",
    "late year": "9999-12-31",
    "empty": "",
}


def name(route):
    return f"{route.method} {route.path}"


@pytest.fixture
def both(office, admin, monkeypatch):
    """An administrator who has come by an owner's link too."""
    monkeypatch.setattr("gateway.admin.console.gate.Gate._take", lambda *_: 0)
    office.account()
    office.device()
    admin.get(f"/welcome/{office.invite()}")
    office.events.clear()
    return admin


def fine(office, page):
    told = [each for each in office.events if type(each).__name__ == "ConsoleError"]
    assert not told, told[0].detail
    assert page.status < 500


@pytest.mark.parametrize("route", ROUTES, ids=name)
def test_odd_values_are_no_defect(both, office, route):
    path = route.path.replace("<token>", "x")
    for value in ODD.values():
        if route.method == "GET":
            for field in NAMES:
                fine(office, both.get(f"{path}?name=scan@example.org&{field}={value}"))
        else:
            csrf = both.get("/welcome" if route.who == "guest" else "/locks").csrf
            for field in NAMES:
                form = f"name=scan@example.org&device=printer&{field}={value}&csrf={csrf}"
                fine(office, both.post(path, form.encode(), Content_Type=FORM))
                if "office" not in both.cookies:  # it was the way out
                    both.log_in()
            for kind in ("", "x" * 300, "text/plain; charset=nope", "multipart/form-data", ";"):
                fine(office, both.post(path, f"csrf={csrf}".encode(), Content_Type=kind))


@pytest.mark.parametrize("path", ["%00", "%ED%A0%80", "x" * 3000, "..%2f..", "%E2%80%AE", "²"])
@pytest.mark.parametrize("before", ["/", "/welcome/", "/static/", "/account/"])
def test_odd_paths_are_no_defect(both, office, before, path):
    fine(office, both.get(before + path))


HEADERS = (
    "Host", "Origin", "Sec-Fetch-Site", "Sec-Fetch-Dest", "Content-Type", "Cookie",
    "X-Forwarded-For", "Content-Length", "Transfer-Encoding", "Expect",
)  # fmt: skip
VALUES = (
    b"", b"\xff\xfe", b"\x00", b"[", b"[::1", b"[]:80", b"x:99999999", b":", b"@", b"a@b", b"9" * 400,
    b"\xed\xa0\x80", b"multipart/form-data", b"multipart/form-data; boundary=\xff", b"office=\xff",
    b'office="\\777"; guest=\xff; known=.; form=\x01', b"127.0.0.1:8080:1", b"%00", b"chunked",
)  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("behind_proxy", [False, True])
def test_odd_fields_of_a_head_are_no_defect(both, office, header, value, behind_proxy, caplog):
    office.behind_proxy = behind_proxy
    for method, path in (("GET", "/login"), ("POST", "/login"), ("GET", "/"), ("GET", "/x")):
        answer = Browser(office).raw(method, path, {header.encode(): value})
        assert not answer or 200 <= int(answer.split()[1]) < 500, answer
    told = [each for each in office.events if type(each).__name__ == "ConsoleError"]
    assert not told, told[0].detail
