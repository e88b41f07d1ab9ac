"""Drivers by URL: what they share, and what they must not get."""

import pytest
from twisted.internet.task import Clock

from gateway.app.backends import Backends, canonical
from gateway.backend.embedded.driver import MaildirBackend
from gateway.backend.http.auth import Basic, Bearer
from gateway.backend.http.driver import HttpBackend
from gateway.backend.imap.driver import ImapBackend
from gateway.backend.warm import WarmConnections
from gateway.config import load
from gateway.errors import Misconfigured
from gateway.index import NoIndex
from gateway.telemetry import Emitter


@pytest.fixture
def maildir(tmp_path):
    for name in ("cur", "new", "tmp"):
        (tmp_path / "Maildir" / name).mkdir(parents=True)
    return f"maildir://{tmp_path / 'Maildir'}"


@pytest.fixture
def make(tmp_path):
    def made(**values):
        given = {"state.dir": str(tmp_path), "accounts.store": "embedded"}
        given |= {key.replace("__", "."): value for key, value in values.items()}
        return Backends(load(None, given), Clock(), Emitter(lambda *_: None), NoIndex())

    return made


def driver(backend):
    return backend._backend if isinstance(backend, WarmConnections) else backend


def test_each_url_has_its_driver_and_keeps_it(make):
    backends = make(upstream__url="imaps://own.example.org")
    own = backends.get("")
    assert isinstance(driver(own), ImapBackend)
    assert backends.get("imaps://own.example.org:993") is own
    other = backends.get("imaps://other.example.org:993")
    assert other is not own
    assert backends.get("imaps://other.example.org:993") is other
    assert isinstance(driver(backends.get("gmail://")), HttpBackend)


def test_all_share_what_is_bounded(make):
    backends = make(upstream__url="imaps://own.example.org")
    first, second = backends.get(""), backends.get("imaps://other.example.org:993")
    assert first._parked is second._parked
    assert driver(first)._shared.budget is driver(second)._shared.budget


def test_without_an_upstream_of_its_own_it_is_said(make):
    with pytest.raises(Misconfigured, match=r"no upstream\.url"):
        make().get("")


def test_the_token_of_the_settings_goes_nowhere_else(make, tmp_path):
    token = tmp_path / "token"
    token.write_text("secret")
    backends = make(
        upstream__url="rest+https://own.example.org",
        upstream__http__token_file=str(token),
    )
    own = driver(backends.get(""))
    other = driver(backends.get("rest+https://other.example.org:443"))
    assert isinstance(own._room.authorization, Bearer)
    assert isinstance(other._room.authorization, Basic)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("nonsense", "scheme"),
        ("imap://192.0.2.1:143", "without TLS"),
        ("rest+http://192.0.2.1:80", "without TLS"),
        ("maildir:///srv/mail", "file of the gateway"),
        ("profile+https://x:443?profile=/etc/passwd", "file of the gateway"),
        ("profile+https://x:443?profile=none", "none"),
        ("profile+https://x:443?profile=inbucket", "sees no password"),
    ],
)
def test_what_the_database_may_not_name(make, url, why):
    with pytest.raises(Misconfigured, match=why):
        make().get(url)


def test_plaintext_is_for_those_who_allow_it(make):
    backends = make(upstream__allow_plaintext=True)
    assert isinstance(driver(backends.get("imap://192.0.2.1:143")), ImapBackend)
    assert isinstance(driver(make().get("imap://127.0.0.1:143")), ImapBackend)


def test_the_settings_file_may_name_a_maildir_that_has_a_password(make, maildir, tmp_path):
    routes = [{"match": "*", "upstream": maildir}]
    with pytest.raises(Misconfigured, match="everybody knows"):
        make(routes=routes).get(maildir)
    password = tmp_path / "password"
    password.write_text("secret")
    backends = make(routes=routes, upstream__maildir__password_file=str(password))
    assert isinstance(driver(backends.get(maildir)), MaildirBackend)


def test_a_maildir_that_left_the_settings_file_is_the_database_s_to_name_no_more(
    make, maildir, tmp_path
):
    password = tmp_path / "password"
    password.write_text("secret")
    kept = {"match": "kept.example.org", "upstream": "imaps://kept.example.org:993"}
    values = {"upstream__maildir__password_file": str(password)}
    backends = make(routes=[{"match": "*", "upstream": maildir}, kept], **values)
    backends.get(maildir)
    mine = backends.get("imaps://kept.example.org:993")
    given = {"state.dir": str(tmp_path), "accounts.store": "embedded", "routes": [kept]}
    backends.trust(load(None, given))
    assert backends.get("imaps://kept.example.org:993") is mine
    with pytest.raises(Misconfigured, match="names a file"):
        backends.get(maildir)
    backends.trust(load(None, given | {"routes": []}))


@pytest.mark.parametrize(
    ("url", "values", "checks"),
    [
        ("imaps://x.example.org", {}, True),
        ("gmail://", {}, True),
        ("gmail://", {"upstream__gmail__mailbox": "me"}, False),
        ("graph://contoso.onmicrosoft.com", {}, False),
        ("graph://contoso.onmicrosoft.com", {"upstream__graph__mailbox": "name"}, True),
        ("jmap+https://x.example.org", {}, False),
    ],
)
def test_where_a_token_opens_the_mailbox_of_the_name_alone(make, url, values, checks):
    backend = make(**values).get(url)
    assert (backend.checks_name, driver(backend).checks_name) == (checks, checks)


def test_there_are_not_more_than_some(make, monkeypatch):
    monkeypatch.setattr("gateway.app.backends._MOST", 2)
    backends = make()
    first = backends.get("rest+https://one.example.org:443")
    for name in ("two", "three"):
        backends.get(f"rest+https://{name}.example.org:443")
    assert backends.get("rest+https://one.example.org:443") is not first


def test_all_spellings_of_a_url_are_one():
    assert canonical("IMAPS://Imap.Example.org/") == "imaps://imap.example.org:993"
    assert canonical("") == ""
    assert canonical("nonsense") == "nonsense"
