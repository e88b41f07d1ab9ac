"""Checks without the drivers go where the environment says."""

import ssl
from http.client import HTTPSConnection

import pytest

from gateway.backend.http.origin import Origin
from gateway.cli.way import way_to
from gateway.errors import Misconfigured


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("http", "https", "no", "request"):
        for each in (f"{name}_proxy", f"{name}_proxy".upper(), "REQUEST_METHOD"):
            monkeypatch.delenv(each, raising=False)


def way(url):
    context = ssl.create_default_context() if url.startswith("https") else None
    return way_to(Origin.of(url), "/a%20b?c=d", context, 1.0)


def place(found):
    return found.connection.host, found.connection.port, found.target


def test_without_a_proxy():
    for url, port in (("http://mail.invalid", 80), ("https://mail.invalid:444", 444)):
        found = way(url)
        assert place(found) == ("mail.invalid", port, "/a%20b?c=d")
        assert found.fields == {}
        assert found.proxy is None
        assert isinstance(found.connection, HTTPSConnection) is (port == 444)


def test_a_proxy_for_http_gets_the_whole_url(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://user:pass@proxy.invalid:3128")
    found = way("http://mail.invalid:8080")
    assert place(found) == ("proxy.invalid", 3128, "http://mail.invalid:8080/a%20b?c=d")
    assert found.fields == {"Proxy-Authorization": "Basic dXNlcjpwYXNz"}
    assert way("https://mail.invalid").proxy is None


def test_a_proxy_for_https_gets_its_credentials_outside_the_tunnel_alone(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://user:pass@proxy.invalid:3128")
    found = way("https://mail.invalid")
    assert place(found) == ("proxy.invalid", 3128, "/a%20b?c=d")
    assert isinstance(found.connection, HTTPSConnection)
    assert found.connection._tunnel_host == "mail.invalid"
    assert found.connection._tunnel_port == 443
    assert found.fields == {}
    assert way("https://localhost:1").proxy is None


def test_a_proxy_that_cannot_be_used(monkeypatch):
    monkeypatch.setenv("https_proxy", "https://user:pass@proxy.invalid:3128")
    with pytest.raises(Misconfigured, match="HTTPS_PROXY"):
        way("https://mail.invalid")
