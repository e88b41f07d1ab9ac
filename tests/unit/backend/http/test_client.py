"""What all requests have in common: credentials, limits, redirects, time-outs, TLS."""

from time import monotonic

import pytest
import pytest_twisted

from gateway.backend.http.origin import Targets
from gateway.errors import (
    BadCredentials,
    ConsentMissing,
    MessageGone,
    Misconfigured,
    Throttled,
    Unavailable,
)
from tests.support.fake_http import Reply
from tests.unit.backend.http.shelf import Shelf, Sink, failure, message, read

QUICK = {"idle_timeout": 0.4, "response_timeout": 0.4, "answer_timeout": 1.0}


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(400, b"bad"), Misconfigured),
        (Reply(403, b"no"), Misconfigured),
        (Reply(404, b"no"), Misconfigured),
        (Reply(408, b""), Unavailable),
        (Reply(500, b""), Unavailable),
        (Reply(502, b"<html>"), Unavailable),
        (Reply(503, b""), Unavailable),
        (Reply(429, b"", {"Retry-After": "999"}), Throttled),
        (Reply(429, b"", {"Retry-After": "Fri, 31 Dec 2999 23:59:59 GMT"}), Throttled),
        (Reply(304), Misconfigured),
        (Reply(302, b"", {"Location": "http://127.0.0.2/list"}), Misconfigured),
        (Reply(302, b"", {"Location": "https://127.0.0.1/list"}), Misconfigured),
        (Reply(302, b"", {"Location": "ftp://"}), Misconfigured),
        (Reply(302, b""), Misconfigured),
        (Reply(302, b"", {"Location": "/list"}), Misconfigured),
        (Reply(200, b"not json"), Unavailable),
        (Reply(200, b"[" * 100_000), Unavailable),
        (Reply(200, b"{}", length=5), Unavailable),
        (Reply(200, b"{}", length="close"), Unavailable),
        (Reply(200, b"{}", {"Content-Encoding": "gzip"}), Unavailable),
        (Reply(200, b"x" * 70_000), Unavailable),
        (Reply(200, b"x" * 70_000, length="chunked"), Unavailable),
        (Reply(200, b"{}", delay=3), Unavailable),
        (Reply(200, b"{}", hang=1), Unavailable),
        (Reply(200, b" " * 60_000, pace=0.2), Unavailable),
        (Reply(200, b"{}", {"X": "x" * 20_000}), Unavailable),
        (Reply(200, b"{}", {f"X-{n}": "x" * 10_000 for n in range(40)}), Unavailable),
        (Reply(401, b"no open sesame"), BadCredentials),
        (None, Unavailable),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_what_a_login_meets_is_of_the_closed_set(shelf, desk, reply, kind):
    shelf.spoil("/list", reply, times=99)
    met = await failure(desk(max_answer=65_536, **QUICK).opened())
    assert type(met) is kind or (kind is Unavailable and isinstance(met, kind)), met.detail
    assert "open sesame" not in met.detail
    assert len(shelf.heard) <= 7


@pytest_twisted.ensureDeferred
async def test_nobody_listening_is_unavailable(stack, desk):
    with Shelf() as gone:
        pass
    assert isinstance(await failure(desk(server=gone).opened()), Unavailable)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_within_the_origin_is_followed(shelf, desk, status):
    shelf.spoil("/list", Reply(status, b"", {"Location": "/list?moved=1"}))
    _, maildrop = await desk().opened()
    assert len(maildrop) == 5


@pytest_twisted.ensureDeferred
async def test_credentials_go_to_no_other_server_unless_it_is_trusted(shelf, desk, stack):
    other = stack.enter_context(Shelf([message(1)]))
    away = Reply(302, b"", {"Location": f"{other.url}/list"})
    shelf.spoil("/list", away, times=2)
    refused = await failure(desk().opened())
    assert isinstance(refused, Misconfigured)
    assert other.url in refused.detail
    assert other.heard == []
    _, maildrop = await desk(trusted_origins=[other.url]).opened()
    assert len(maildrop) == 1


@pytest_twisted.ensureDeferred
async def test_a_post_is_repeated_on_a_stale_connection_only_if_it_may_be(shelf, desk):
    d = desk()
    _session, _ = await d.opened()
    caller = d.apis[0].caller
    shelf.spoil("/remove", None)
    with pytest.raises(Unavailable):
        await caller.json("POST", "remove", send=["m00001"])
    assert "m00001" in shelf.messages
    shelf.spoil("/remove", None)
    assert await caller.json("POST", "remove", send=["m00001"], repeatable=True) == ["m00001"]


@pytest_twisted.ensureDeferred
async def test_basic_has_no_colon_in_names(desk, shelf):
    assert isinstance(await failure(desk().open(user=b"a:b")), BadCredentials)
    assert shelf.heard == []


@pytest_twisted.ensureDeferred
async def test_a_name_and_password_of_any_octets_go_as_they_are(desk, shelf):
    shelf.passwords = {"kim": "pä:ß"}
    _, maildrop = await desk().opened(password="pä:ß".encode())
    assert len(maildrop) == 5


class Tokens:
    """A login's own; the last one is all there is."""

    def __init__(self, *tokens):
        self.left = list(tokens)

    async def token(self):
        return self.left[0]

    async def renew(self, refused):
        if refused == self.left[0] and len(self.left) > 1:
            del self.left[0]
        return self.left[0]


@pytest_twisted.ensureDeferred
async def test_the_tokens_of_a_login_go_before_those_of_the_settings(shelf, desk, tmp_path):
    (tmp_path / "token").write_text("everybody")
    (tmp_path / "password").write_text("for everybody")
    d = desk(
        token_file=tmp_path / "token",
        client_password_file=tmp_path / "password",
        prefetch=False,
    )
    shelf.tokens = {"own"}
    session, maildrop = await d.opened(password=b"", tokens=Tokens(b"own", b"next", b"last"))
    assert len(maildrop) == 5
    # In the middle of the session, and again at the next one on the same connection.
    shelf.tokens = {"next"}
    assert await read(session, maildrop.refs[0]) == message(0)
    shelf.tokens = {"last"}
    session.rest()
    await session.revive()
    shelf.tokens = set()
    refused = await failure(session.snapshot())
    assert isinstance(refused, ConsentMissing)
    assert "last" not in refused.detail


@pytest_twisted.ensureDeferred
async def test_a_token_file_is_read_again_when_it_changes(shelf, desk, tmp_path):
    token = tmp_path / "token"
    token.write_text("first")
    shelf.tokens = {"first"}
    d = desk(token_file=token)
    await d.opened(password=b"whatever")
    shelf.tokens = {"the-second"}
    refused = await failure(d.opened())
    assert isinstance(refused, ConsentMissing)
    assert "first" not in refused.detail
    token.write_text("the-second\n")
    _, maildrop = await d.opened()
    assert len(maildrop) == 5


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("text", ["", "two words", "x\r\ny", "ä", "x" * 70_000])
async def test_a_file_without_a_token_is_no_consent(shelf, desk, tmp_path, text):
    token = tmp_path / "token"
    token.write_text(text)
    refused = await failure(desk(token_file=token).opened())
    assert isinstance(refused, ConsentMissing)
    token.unlink()
    assert isinstance(await failure(desk(token_file=token).opened()), ConsentMissing)


@pytest_twisted.ensureDeferred
async def test_a_token_command_runs_once_and_again_after_a_refusal(shelf, desk, tmp_path):
    counter = tmp_path / "counter"
    program = tmp_path / "token program"
    program.write_text(
        f"#!/bin/sh\necho run >>'{counter}'\necho token-$1-$(wc -l <'{counter}')\n"
    )
    program.chmod(0o700)
    shelf.tokens = {"token-a-1"}
    d = desk(token_command=f"'{program}' a")
    await d.opened()
    await d.opened()
    assert counter.read_text() == "run\n"
    shelf.tokens = {"token-a-2"}
    await d.opened()
    assert counter.read_text() == "run\nrun\n"
    shelf.tokens = set()
    assert isinstance(await failure(d.opened()), ConsentMissing)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    "command",
    ["/bin/false", "/nowhere/at-all", "/bin/sleep 60", "/bin/sh -c 'yes secret'", "/bin/echo"],
)
async def test_a_token_command_that_fails_is_no_consent(desk, command):
    d = desk(token_command=command, token_timeout=0.5)
    refused = await failure(d.opened())
    assert isinstance(refused, ConsentMissing)
    assert "secret" not in refused.detail


def test_a_token_command_must_be_readable(desk, shelf):
    with pytest.raises(Misconfigured):
        desk(token_command="'unbalanced")


@pytest_twisted.ensureDeferred
async def test_clients_need_the_password_of_the_file(shelf, desk, tmp_path):
    (tmp_path / "token").write_text("t")
    (tmp_path / "password").write_text("for clients\n")
    shelf.tokens = {"t"}
    d = desk(token_file=tmp_path / "token", client_password_file=tmp_path / "password")
    assert isinstance(await failure(d.opened(password=b"wrong")), BadCredentials)
    assert shelf.heard == []
    _, maildrop = await d.opened(password=b"for clients")
    assert len(maildrop) == 5
    (tmp_path / "password").write_text("\n")
    assert isinstance(await failure(d.opened(password=b"")), Misconfigured)


@pytest_twisted.ensureDeferred
async def test_tls_is_verified(stack, desk, certificates):
    octets = [message(1, 200_000)]
    good = stack.enter_context(Shelf(octets, pair=certificates.server))
    d = desk(server=good, authority=certificates.authority)
    session, _maildrop = await d.opened()
    assert await read(session, "m00000") == octets[0]
    assert isinstance(await failure(desk(server=good).opened()), Misconfigured)
    for pair in (certificates.wrong_name, certificates.stranger):
        bad = stack.enter_context(Shelf(octets, pair=pair))
        refused = await failure(desk(server=bad, authority=certificates.authority).opened())
        assert isinstance(refused, Misconfigured)
        assert bad.heard == []


@pytest_twisted.ensureDeferred
async def test_a_plain_server_where_tls_is_expected(shelf, desk):
    class Secure:
        url = shelf.url.replace("http://", "https://")

    assert isinstance(await failure(desk(server=Secure).opened()), Misconfigured)


# URLs.


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("list", "https://a.example/base/list"),
        ("/list?x=1#y", "https://a.example/list?x=1"),
        ("https://A.example:443/x y", "https://A.example:443/x%20y"),
        ("//a.example/ü", "https://a.example/%C3%BC"),
        ("https://trusted.example/", "https://trusted.example/"),
        ("a\r\nb", "https://a.example/base/ab"),
    ],
)
def test_targets_are_resolved(target, expected):
    targets = Targets("https://a.example/base/", ["https://trusted.example"])
    assert targets.resolve(target) == expected


@pytest.mark.parametrize(
    "target",
    [
        "https://b.example/",
        "http://a.example/",
        "https://a.example:444/",
        "//b.example",
        "https://user@a.example/",
        "https://a.example@b.example/",
        "https://a.example\\@b.example/",
        "file:///etc/passwd",
        "https://[/",
        "https://a.example:99999/",
        "data:,x",
    ],
)
def test_targets_elsewhere_are_refused(target):
    with pytest.raises(Misconfigured):
        Targets("https://a.example/base/").resolve(target)


@pytest_twisted.ensureDeferred
async def test_a_refusal_that_drips_is_not_waited_for(shelf, desk, monkeypatch):
    monkeypatch.setattr("gateway.backend.http.stream._HURRY", 0.3)
    session, _ = await desk(prefetch=False, concurrency=2).opened()
    drips = Reply(404, b"x" * 60_000, pace=0.3)
    shelf.spoil("/raw/", drips, times=2)
    began = monotonic()
    for ref in ("m00000", "m00001"):
        assert isinstance(await failure(session.body(ref).start(Sink())), MessageGone)
    assert await read(session, "m00002") == shelf.messages["m00002"]
    assert monotonic() - began < 2
