"""Autoconfig and autodiscover."""

from xml.etree import ElementTree as ET

import pytest

from gateway.admin.console.pages.programs import requested_address
from tests.support.console import Browser, Office

OUTLOOK = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"
REQUEST = """<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">
 <Request><EMailAddress>{}</EMailAddress>
 <AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request>
</Autodiscover>"""
PATHS = ["/.well-known/autoconfig/mail/config-v1.1.xml", "/mail/config-v1.1.xml"]


@pytest.mark.parametrize("path", PATHS)
def test_thunderbird_is_told_where_pop3_is(browser, path):
    page = browser.get(f"{path}?emailaddress=kim@Example.org")
    assert page.header("Content-Type") == "application/xml; charset=utf-8"
    root = ET.fromstring(page.body)
    assert root.find("emailProvider/domain").text == "example.org"
    server = root.find("emailProvider/incomingServer")
    assert server.get("type") == "pop3"
    assert {each.tag: each.text for each in server} == {
        "hostname": "127.0.0.1",
        "port": "1995",
        "socketType": "SSL",
        "authentication": "password-cleartext",
        "username": "%EMAILADDRESS%",
    }


@pytest.mark.parametrize(
    ("listen", "socket", "encryption"),
    [
        ({"plain": ["0.0.0.0:110"], "tls": [], "cert": "x.pem"}, "STARTTLS", "TLS"),
        ({"plain": ["0.0.0.0:110"], "tls": [], "cert": None}, "plain", None),
    ],
)
def test_without_a_tls_port(tmp_path, listen, socket, encryption):
    office = Office(tmp_path)
    office.settings["listen"] = listen
    office.settings["console"]["pop3_host"] = "pop.example.org"
    browser = Browser(office)
    server = ET.fromstring(browser.get(PATHS[0]).body).find("emailProvider/incomingServer")
    assert (server.find("socketType").text, server.find("port").text) == (socket, "110")
    assert server.find("hostname").text == "pop.example.org"
    page = browser.post("/autodiscover/autodiscover.xml", REQUEST.format("a@b.c").encode())
    protocol = ET.fromstring(page.body).find(
        f"{OUTLOOK}Response/{OUTLOOK}Account/{OUTLOOK}Protocol"
    )
    found = protocol.find(f"{OUTLOOK}Encryption")
    assert (None if found is None else found.text) == encryption
    assert protocol.find(f"{OUTLOOK}SSL").text == "off"
    office.close()


def test_outlook_is_told_where_pop3_is(browser):
    page = browser.post(
        "/autodiscover/autodiscover.xml",
        REQUEST.format("kim@example.org").encode(),
        Content_Type="text/xml",
    )
    protocol = ET.fromstring(page.body).find(
        f"{OUTLOOK}Response/{OUTLOOK}Account/{OUTLOOK}Protocol"
    )
    found = {each.tag.removeprefix(OUTLOOK): each.text for each in protocol}
    assert found["Type"] == "POP3"
    assert (found["Server"], found["Port"], found["SSL"]) == ("127.0.0.1", "1995", "on")
    assert found["LoginName"] == "kim@example.org"


def test_programs_come_by_any_name_and_from_anywhere(office):
    browser = Browser(office, host="autoconfig.example.org")
    assert browser.get(PATHS[1]).status == 200
    octets = REQUEST.format("a@b.c").encode()
    page = browser.post(
        "/Autodiscover/Autodiscover.xml", octets, Origin="null", Sec_Fetch_Site="cross-site"
    )
    assert page.status == 200


def test_who_has_an_account_is_not_told(office, browser):
    office.account("scan@example.org")
    known, unknown = (
        browser.get(f"{PATHS[0]}?emailaddress={name}@example.org").body
        for name in ("scan", "nobody")
    )
    assert known == unknown
    known, unknown = (
        browser.post(
            "/autodiscover/autodiscover.xml", REQUEST.format(f"{name}@example.org").encode()
        ).body.replace(name, "")
        for name in ("scan", "nobody")
    )
    assert known == unknown


@pytest.mark.parametrize(
    "address", ["a@<b>", 'a@"x', "", "a@" + "b" * 300, "a@b&c;", "a@-", "a@é.x"]
)
def test_hostile_domains_are_not_repeated(browser, address):
    from urllib.parse import quote

    page = browser.get(f"{PATHS[0]}?emailaddress={quote(address)}")
    assert ET.fromstring(page.body).find("emailProvider/domain").text == "127.0.0.1"


BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>
<Autodiscover><Request><EMailAddress>&b;@x.y</EMailAddress></Request></Autodiscover>"""
OUTSIDE = """<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<Autodiscover><Request><EMailAddress>&a;@x.y</EMailAddress></Request></Autodiscover>"""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<x",
        b"\xff\xfe\x00",
        BOMB.encode(),
        OUTSIDE.encode(),
        b"<!DOCTYPE x><Autodiscover><EMailAddress>a@b</EMailAddress></Autodiscover>",
        REQUEST.format("").encode(),
        REQUEST.format("no address").encode(),
        REQUEST.format("a@b" + "c" * 400).encode(),
    ],
)
def test_requests_that_are_none_are_told_so(browser, body):
    assert requested_address(body) is None
    page = browser.post("/autodiscover/autodiscover.xml", body)
    assert page.status == 200
    assert "<ErrorCode>600</ErrorCode>" in page.body
    assert "root:" not in page.body


def test_deep_nesting_is_read_without_harm():
    depth = 20_000
    octets = b"<a>" * depth + b"</a>" * depth
    assert requested_address(octets) is None


def test_programs_are_counted(browser):
    statuses = {browser.get(PATHS[0]).status for _ in range(61)}
    assert statuses == {200, 429}
