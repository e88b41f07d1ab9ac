"""Tunnels through a proxy: what opens one, what does not, and what is seen of it."""

from base64 import b64encode

import pytest
import pytest_twisted
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IHostnameResolver
from twisted.internet.task import deferLater
from zope.interface import implementer

from gateway.backend.http.origin import Origin
from gateway.backend.http.proxy import Proxy
from gateway.backend.http.tunnel import LARGEST_HEAD, connect_request, is_open
from gateway.errors import Misconfigured, Unavailable
from tests.support.certificates import FAR
from tests.support.connect_proxy import (
    ConnectProxy,
    dripping,
    endless,
    endless_interim,
    hangs_up,
    resets,
    says,
    silent,
)
from tests.support.fake_http import Reply
from tests.unit.backend.http.shelf import Shelf, failure, message, read

OPEN = b"HTTP/1.1 200 OK\r\n\r\n"
GO_ON = b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n"


class FarShelf(Shelf):
    @property
    def url(self):
        return f"https://{FAR}:{self.port}"


@pytest.fixture
def far(stack, certificates):
    octets = [message(1), message(2, 300_000)]
    return stack.enter_context(FarShelf(octets, pair=certificates.far))


@pytest.fixture
def proxy(stack, monkeypatch):
    running = stack.enter_context(ConnectProxy())
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", running.url)
    return running


@pytest.fixture
def open_far(desk, far, certificates):
    def make(server=far, **settings):
        return desk(server=server, authority=certificates.authority, **settings)

    return make


@implementer(IHostnameResolver)
class Resolver:
    """Knows one name, which is not far at all."""

    def resolveHostName(self, receiver, hostName, portNumber=0, *_, **__):  # noqa: N803
        receiver.resolutionBegan(None)
        if hostName == FAR:
            receiver.addressResolved(IPv4Address("TCP", "127.0.0.1", portNumber))
        receiver.resolutionComplete()


@pytest.fixture
def resolver():
    from twisted.internet import reactor

    before = reactor.installNameResolver(Resolver())
    yield
    reactor.installNameResolver(before)


async def until_gone(proxy):
    """Until the proxy has seen the end of all connections."""
    from twisted.internet import reactor

    for _ in range(1000):
        if proxy.clients == 0:
            return
        await deferLater(reactor, 0.01)
    raise AssertionError("there is a connection left")


# What is asked and what is answered.


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://mail.example.org/", b"mail.example.org:443"),
        ("https://mail.example.org:80/", b"mail.example.org:80"),
        ("https://[2001:db8::1]/", b"[2001:db8::1]:443"),
    ],
)
def test_the_request_has_host_and_port(url, place):
    bare = Proxy(Origin("http", "proxy", 80))
    lines = [b"CONNECT " + place + b" HTTP/1.1", b"Host: " + place]
    end = [b"", b""]
    assert connect_request(Origin.of(url), bare) == b"\r\n".join(lines + end)
    named = Proxy(bare.origin, b"Basic eDp5")
    lines.append(b"Proxy-Authorization: Basic eDp5")
    assert connect_request(Origin.of(url), named) == b"\r\n".join(lines + end)


@pytest.mark.parametrize(
    "answer",
    [
        OPEN,
        b"HTTP/1.0 200 Connection established\r\nProxy-agent: x\r\n\r\n",
        b"HTTP/1.1 299\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        GO_ON * 7 + OPEN,
        OPEN[:-4] + b"\r\nX: " + b"x" * (LARGEST_HEAD - len(OPEN) - 5) + b"\r\n\r\n",
    ],
)
def test_a_success_is_one_when_it_is_whole(answer):
    assert is_open(answer)
    for end in {*range(len(answer) - 1, 0, -1 - len(answer) // 50), 0}:
        assert not is_open(answer[:end])


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"SSH-2.0-OpenSSH\r\n", Misconfigured),
        (b"\x15\x03\x01", Misconfigured),
        (b"HTTP/2 200\r\n\r\n", Misconfigured),
        (b"\r\n" + OPEN, Misconfigured),
        (b"HTTP/1.1 200 OK\n\n", Misconfigured),
        (b"HTTP/1.1 200 OK\nX: y\r\n\r\n", Misconfigured),
        (b"HTTP/1.1 20 OK\r\n\r\n", Misconfigured),
        (b"HTTP/1.1 2000 OK\r\n\r\n", Misconfigured),
        (b"HTTP/1.1 600 OK\r\n\r\n", Misconfigured),
        (b"HTTP/1.1  200 OK\r\n\r\n", Misconfigured),
        (b"HTTP/1.1 200\rOK\r\n\r\n", Misconfigured),
        (b"HTTP/1.1 101 Switching\r\n\r\n", Misconfigured),
        (b"HTTP/1.1 302 Found\r\nLocation: https://x/\r\n\r\n", Misconfigured),
        (b"HTTP/1.1 400 Bad\r\n\r\n", Misconfigured),
        (b"HTTP/1.1 403 No\r\n\r\nwhy", Misconfigured),
        (b"HTTP/1.1 405 No\r\n\r\n", Misconfigured),
        (b"HTTP/1.1 407 Who\r\n\r\n", Misconfigured),
        (b"HTTP/1.1 501 No\r\n\r\n", Misconfigured),
        (GO_ON + b"HTTP/1.1 407 Who\r\n\r\n", Misconfigured),
        (GO_ON + b"garbage\r\n\r\n", Misconfigured),
        (b"HTTP/1.1 429 Slow\r\n\r\n", Unavailable),
        (b"HTTP/1.1 500 Oh\r\n\r\n", Unavailable),
        (b"HTTP/1.1 503 Oh\r\n\r\n", Unavailable),
        (b"HTTP/1.1 504 Oh\r\n\r\n", Unavailable),
        (OPEN + b"\x16", Unavailable),
        (OPEN + b"HTTP/1.1 200 OK\r\n\r\n", Unavailable),
        (GO_ON * 8, Unavailable),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * LARGEST_HEAD, Unavailable),
        (OPEN[:-4] + b"\r\nX: " + b"x" * LARGEST_HEAD + b"\r\n\r\n", Unavailable),
    ],
)
def test_anything_else_opens_no_tunnel(answer, kind):
    with pytest.raises(kind) as refused:
        is_open(answer)
    assert type(refused.value) is kind
    assert refused.value.detail


# On the wire.


@pytest_twisted.ensureDeferred
async def test_requests_share_a_tunnel(proxy, far, open_far):
    session, _maildrop = await open_far(prefetch=False).opened()
    assert await read(session, "m00001") == far.messages["m00001"]
    assert await read(session, "m00000") == far.messages["m00000"]
    assert len(far.heard) == 3
    place = f"{FAR}:{far.port}"
    assert proxy.heard == [f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n".encode()]


@pytest_twisted.ensureDeferred
async def test_a_tunnel_that_was_cut_is_dug_anew(proxy, far, open_far):
    session, _maildrop = await open_far(prefetch=False).opened()
    proxy.cut()
    assert await read(session, "m00001") == far.messages["m00001"]
    assert len(proxy.heard) == 2


@pytest_twisted.ensureDeferred
async def test_an_answer_in_pieces(proxy, open_far):
    proxy.piecewise = True
    proxy.success = GO_ON + proxy.success
    _, maildrop = await open_far().opened()
    assert len(maildrop) == 2


@pytest_twisted.ensureDeferred
async def test_the_proxy_gets_its_credentials_and_no_others(proxy, far, open_far, monkeypatch):
    proxy.credentials = "us er:p@ss:word"
    monkeypatch.setenv("https_proxy", proxy.url.replace("//", "//us%20er:p%40ss%3Aword@"))
    _, maildrop = await open_far().opened()
    assert len(maildrop) == 2
    (head,) = proxy.heard
    assert head.count(b"uthorization") == 1
    assert "proxy-authorization" not in far.heard[0].headers


@pytest_twisted.ensureDeferred
async def test_a_proxy_that_wants_other_credentials(proxy, far, open_far, monkeypatch):
    proxy.credentials = "user:right"
    monkeypatch.setenv("https_proxy", proxy.url.replace("//", "//user:wrong@"))
    refused = await failure(open_far().opened())
    assert isinstance(refused, Misconfigured)
    assert "407" in refused.detail
    assert "HTTPS_PROXY" in refused.detail
    assert "wrong" not in refused.detail
    assert b64encode(b"user:wrong").decode() not in refused.detail
    assert far.heard == []


@pytest_twisted.ensureDeferred
async def test_no_proxy_is_honoured(proxy, resolver, open_far, monkeypatch):
    monkeypatch.setenv("no_proxy", FAR)
    _, maildrop = await open_far().opened()
    assert len(maildrop) == 2
    assert proxy.heard == []


@pytest_twisted.ensureDeferred
async def test_loopback_goes_without(proxy, stack, open_far, certificates):
    near = stack.enter_context(Shelf([message(1)], pair=certificates.server))
    _, maildrop = await open_far(near).opened()
    assert len(maildrop) == 1
    assert proxy.heard == []


@pytest_twisted.ensureDeferred
async def test_a_trusted_origin_has_its_own_way(proxy, stack, far, open_far, certificates):
    near = stack.enter_context(Shelf([message(1)], pair=certificates.server))
    far.spoil("/list", Reply(307, b"", {"Location": f"{near.url}/list"}))
    _, maildrop = await open_far(trusted_origins=[near.url]).opened()
    assert len(maildrop) == 1
    assert len(proxy.heard) == 1


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (says(b"HTTP/1.1 403 Forbidden\r\n\r\n"), Misconfigured, "403"),
        (says(b"HTTP/1.1 503 No\r\n\r\n"), Unavailable, "503"),
        (says(b"220 mail.example.org ESMTP\r\n"), Misconfigured, "HTTP proxy"),
        (says(OPEN + b"HTTP/1.1 200 OK\r\n\r\n[]"), Unavailable, "plaintext"),
        (says(OPEN), Unavailable, "did not answer in time"),
        (endless, Unavailable, "does not end"),
        (endless_interim, Unavailable, "does not end"),
        (dripping, Unavailable, "in time"),
        (silent, Unavailable, "in time"),
        (resets, Unavailable, "hung up"),
        (hangs_up, Unavailable, "hung up"),
    ],
    ids=str,
)
async def test_a_proxy_that_fails(proxy, far, open_far, fault, kind, words):
    proxy.fault = fault
    refused = await failure(open_far(connect_timeout=0.3, response_timeout=1).opened())
    assert type(refused) is kind
    assert words in refused.detail
    assert far.heard == []
    await until_gone(proxy)
    proxy.fault = None
    _, maildrop = await open_far().opened()
    assert len(maildrop) == 2


@pytest_twisted.ensureDeferred
async def test_a_request_that_is_given_up_leaves_no_tunnel(proxy, open_far):
    proxy.fault = silent
    refused = await failure(open_far(connect_timeout=30, response_timeout=0.3).opened())
    assert type(refused) is Unavailable
    assert len(proxy.heard) == 1
    await until_gone(proxy)


@pytest_twisted.ensureDeferred
async def test_no_proxy_there(resolver, open_far, monkeypatch):
    with ConnectProxy() as gone:
        pass
    monkeypatch.setenv("https_proxy", gone.url)
    refused = await failure(open_far().opened())
    assert type(refused) is Unavailable
    assert refused.detail == "the proxy refused the connection"
    monkeypatch.setenv("https_proxy", "http://proxy.invalid:3128")
    refused = await failure(open_far().opened())
    assert type(refused) is Unavailable
    assert refused.detail == "the proxy's name has no address in the DNS"


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("kind", ["wrong_name", "stranger", "server"])
async def test_the_certificate_behind_the_tunnel_is_verified(
    proxy, stack, open_far, certificates, kind
):
    bad = stack.enter_context(FarShelf([message(1)], pair=getattr(certificates, kind)))
    refused = await failure(open_far(bad).opened())
    assert isinstance(refused, Misconfigured)
    assert "certificate" in refused.detail
    assert bad.heard == []
    assert len(proxy.heard) == 1


@pytest_twisted.ensureDeferred
async def test_a_plain_server_behind_the_tunnel(proxy, stack, open_far):
    plain = stack.enter_context(FarShelf([message(1)]))
    refused = await failure(open_far(plain).opened())
    assert isinstance(refused, Misconfigured)
    assert "TLS" in refused.detail
    assert plain.heard == []
