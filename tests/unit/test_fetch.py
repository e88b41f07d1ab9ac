"""Requests to providers: bounded, to trusted servers only, and never sent twice."""

import pytest
import pytest_twisted

from gateway.accounts.oauth.fetch import Request
from gateway.accounts.oauth.settings import OAuthSettings
from gateway.app.fetch import Fetcher
from gateway.errors import Misconfigured, Unavailable
from tests.support.fake_http import FakeHttp, Reply


class Site(FakeHttp):
    def answer(self, request):
        return Reply(200, {"path": request.path, "said": request.body.decode()})


@pytest.fixture
def site():
    with Site() as server:
        yield server


def fetcher(**settings):
    from twisted.internet import reactor

    return Fetcher(OAuthSettings(**settings), reactor)


@pytest_twisted.ensureDeferred
async def test_an_answer_comes_whole(site):
    fetch = fetcher()
    answer = await fetch(Request("POST", f"{site.url}/token", {"X-A": "b"}, b"c=d"))
    assert answer.status == 200
    assert answer.object() == {"path": "/token", "said": "c=d"}
    [heard] = site.heard
    assert heard.headers["x-a"] == "b"
    assert heard.headers["connection"] == "close"
    await fetch.close()


@pytest.mark.parametrize(
    "reply",
    [
        None,
        Reply(200, b"x" * 300_000),
        Reply(200, b"x" * 300_000, length="chunked"),
        Reply(200, b"abc", cut=1),
        Reply(200, b"abc", hang=1),
        Reply(200, b"", delay=5),
        Reply(200, b"abc", {"Content-Encoding": "gzip"}),
        Reply(raw=b"nonsense\r\n\r\n"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_is_no_answer(site, reply):
    site.spoil("/", reply, times=9)
    fetch = fetcher(timeout=0.5)
    for method in ("GET", "POST"):
        body = b"" if method == "POST" else None
        with pytest.raises(Unavailable, match="provider"):
            await fetch(Request(method, f"{site.url}/token", {}, body))
    assert site.count("/", "POST") == 1
    await fetch.close()


@pytest_twisted.ensureDeferred
async def test_patience_is_for_one_request(site):
    site.spoil("/", lambda request, reply: Reply(200, b"{}", delay=0.6), times=2)
    fetch = fetcher(timeout=0.2)
    with pytest.raises(Unavailable, match=r"in 0\.2 seconds"):
        await fetch(Request("GET", f"{site.url}/"))
    answer = await fetch(Request("GET", f"{site.url}/", patience=20.0))
    assert answer.status == 200
    await fetch.close()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest_twisted.ensureDeferred
async def test_a_redirect_is_not_followed(site, status):
    """The form has our secret in it."""
    site.spoil("/token", Reply(status, b"", {"Location": f"{site.url}/elsewhere"}))
    fetch = fetcher()
    answer = await fetch(Request("POST", f"{site.url}/token", {}, b"client_secret=x"))
    assert answer.status == status
    assert site.count("/elsewhere") == 0
    await fetch.close()


@pytest_twisted.ensureDeferred
async def test_only_trusted_servers_are_asked(certificates):
    with Site(certificates.server) as server:
        for trusted in (False, True):
            fetch = fetcher(**({"ca": certificates.authority} if trusted else {}))
            request = Request("POST", f"{server.url}/token", {}, b"secret")
            if trusted:
                assert (await fetch(request)).status == 200
            else:
                with pytest.raises(Misconfigured, match="OAuth2 provider's certificate"):
                    await fetch(request)
                assert server.heard == []
            await fetch.close()


@pytest_twisted.ensureDeferred
async def test_nobody_there():
    with Site() as server:
        url = server.url
    fetch = fetcher()
    with pytest.raises(Unavailable, match="refused the connection"):
        await fetch(Request("GET", url))
    await fetch.close()
