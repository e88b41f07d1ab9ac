"""The environment's proxies, and requests through one that need no tunnel."""

from base64 import b64encode

import pytest
import pytest_twisted

from gateway.backend.http.origin import Origin
from gateway.backend.http.proxy import proxy_for
from gateway.errors import Misconfigured
from tests.support.fake_http import Reply
from tests.unit.backend.http.shelf import failure


def proxy(url, **environment):
    return proxy_for(Origin.of(url), environment)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_environment_names_the_proxy(scheme):
    url, other = f"{scheme}://mail.example.org/", {"http": "https", "https": "http"}[scheme]
    found = proxy(url, **{scheme: "http://proxy:3128"})
    assert found.origin == Origin("http", "proxy", 3128)
    assert found.authorization == b""
    assert str(found) == "http://proxy:3128"
    assert proxy(url, **{scheme: "proxy:3128"}) == found
    assert proxy(url, **{scheme: "HTTP://proxy:3128/"}) == found
    assert proxy(url, **{scheme: "http://[::1]"}).origin == Origin("http", "::1", 80)
    assert proxy(url) is None
    assert proxy(url, **{other: "http://proxy"}) is None


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_some_go_without(scheme):
    proxies = {scheme: "https://even-a-wrong-one"}
    for names in ("example.org", "*", "other,mail.example.org"):
        assert proxy(f"{scheme}://mail.example.org/", **proxies, no=names) is None
    for host in ("127.0.0.1", "127.9.9.9:8", "localhost:80", "LOCALHOST.", "[::1]:9"):
        assert proxy(f"{scheme}://{host}/", **proxies) is None


@pytest.mark.parametrize(
    ("userinfo", "pair"),
    [
        ("kim:secret", b"kim:secret"),
        ("kim", b"kim:"),
        (":secret", b":secret"),
        ("k%40m:p%3A%2F%23%25", b"k@m:p:/#%"),
        ("kim:p:q@r", b"kim:p:q@r"),
        ("kim:%C3%A4", b"kim:\xc3\xa4"),
        ("kim:%FF%0D%0A", b"kim:\xff\r\n"),
    ],
)
def test_credentials_are_decoded_and_hidden(userinfo, pair):
    found = proxy("https://mail.example.org/", https=f"http://{userinfo}@proxy:3128")
    encoded = b64encode(pair)
    assert found.authorization == b"Basic " + encoded
    assert found.origin == Origin("http", "proxy", 3128)
    assert encoded.decode() not in f"{found!r} {found}"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "url",
    [
        "https://kim:pw@proxy",
        "HTTPS://kim:pw@proxy",
        "socks5://kim:pw@proxy",
        "http://",
        "http://kim:pw@",
        "http://kim:pw@proxy:port",
        "http://kim:pw@proxy:99999",
        "http://kim:1/pw@proxy",
        "http://kim:1?pw@proxy",
        "http://kim:1#pw@proxy",
        "http://k%3Am:pw@proxy",
        "http://kim:pw\udcff@proxy",
        "http://[kim:pw@proxy",
    ],
)
def test_a_proxy_that_cannot_be_used_is_not_gone_round(scheme, url):
    with pytest.raises(Misconfigured, match=f"{scheme.upper()}_PROXY") as refused:
        proxy(f"{scheme}://mail.example.org/", **{scheme: url})
    assert "pw" not in str(refused.value)
    assert refused.value.__cause__ is None


class Far:
    url = "http://mail.invalid:8080"


@pytest.fixture
def as_proxy(shelf, monkeypatch):
    """The shelf takes absolute URLs; returns the requests."""
    answer, seen = shelf.answer, []

    def through(request):
        seen.append((request.target, request.headers.get("proxy-authorization")))
        request.target = request.target.removeprefix(Far.url)
        return answer(request)

    shelf.answer = through
    for name in ("NO_PROXY", "no_proxy", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", shelf.url.replace("//", "//us%65r:pass@"))
    return seen


@pytest_twisted.ensureDeferred
async def test_plain_requests_go_to_the_proxy(desk, as_proxy):
    _, maildrop = await desk(server=Far).opened()
    assert len(maildrop) == 5
    expected = "Basic " + b64encode(b"user:pass").decode()
    assert as_proxy == [("http://mail.invalid:8080/list", expected)]


@pytest_twisted.ensureDeferred
async def test_what_a_proxy_sends_back_is_not_in_the_log(shelf, desk, as_proxy):
    secret = b64encode(b"user:pass")
    for status in (403, 407):
        shelf.spoil("/list", Reply(status, b"you said Basic " + secret))
        refused = await failure(desk(server=Far).opened())
        assert isinstance(refused, Misconfigured)
        assert str(status) in refused.detail
        assert secret.decode() not in refused.detail
