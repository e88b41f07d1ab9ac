"""The composition root: what the settings name is what is built, listens, and stops."""

import shutil
import socket
import ssl
from types import SimpleNamespace

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from gateway.app import backend
from gateway.app.entrances import ServerCertificate
from gateway.app.gateway import Gateway
from gateway.app.program import share_of
from gateway.app.sockets import open_all
from gateway.backend.embedded.driver import MaildirBackend
from gateway.backend.http.driver import HttpBackend
from gateway.backend.imap.driver import ImapBackend
from gateway.config import Settings, load
from gateway.errors import Misconfigured
from gateway.pop3 import replies
from gateway.telemetry import Emitter
from tests.support.pop3_client import Pop3Client

MESSAGE = b"Subject: one\r\n\r\n.dot\r\n"


@pytest.fixture
def reactor():
    from twisted.internet import reactor

    return reactor


@pytest.fixture
def make_settings(tmp_path):
    maildir = tmp_path / "Maildir"
    for name in ("cur", "new", "tmp"):
        (maildir / name).mkdir(parents=True)
    (maildir / "new" / "1.a.b").write_bytes(MESSAGE)

    def make(**values) -> Settings:
        given = {
            "upstream.url": f"maildir://{maildir}",
            "state.dir": str(tmp_path / "state"),
            "listen.plain": ["127.0.0.1:0"],
            **{key.replace("__", "."): value for key, value in values.items()},
        }
        return load(None, given)

    return make


def build(settings, reactor, events=None):
    heard = [] if events is None else events
    return Gateway(settings, reactor, Emitter(lambda event, _: heard.append(event)))


async def start(gateway, settings):
    """The gateway has sockets of its own then; these here are not needed any more."""
    sockets = open_all(settings.listen)
    line = await gateway.start(sockets)
    for each in sockets:
        each.opened.close()
    return line


def port_of(line, kind):
    return int(line.split(f"{kind} 127.0.0.1:")[1].split(",")[0])


# ---- drivers


def test_a_maildir_url_gets_the_maildir_driver(make_settings, reactor):
    assert isinstance(backend(make_settings(), reactor, Emitter(print)), MaildirBackend)


@pytest.mark.parametrize(
    ("url", "security", "port"),
    [
        ("imap://127.0.0.1", "none", 143),
        ("imap+starttls://imap.example.org", "starttls", 143),
        ("imaps://imap.example.org:1993", "tls", 1993),
    ],
)
def test_an_imap_url_gets_the_imap_driver_with_its_security(
    make_settings, reactor, url, security, port
):
    settings = make_settings(upstream__url=url)
    driver = backend(settings, reactor, Emitter(print))
    assert isinstance(driver, ImapBackend)
    upstream = driver._connector._upstream
    assert (upstream.security, upstream.port) == (security, port)
    assert (driver._connector._tls is None) == (security == "none")


# ---- sockets


def opened(make_settings, *names):
    settings = make_settings(listen__plain=list(names), upstream__maildir__password="own")
    return open_all(settings.listen)


def test_a_jmap_url_gets_the_jmap_driver(make_settings, reactor):
    settings = make_settings(upstream__url="jmap+https://mail.example.org/jmap")
    assert isinstance(backend(settings, reactor, Emitter(lambda *_: None)), HttpBackend)


def test_a_url_without_a_driver_is_misconfigured(make_settings, reactor, monkeypatch):
    monkeypatch.setattr("gateway.app.upstreams._MAKERS", {})
    settings = make_settings(upstream__url="rest+https://mail.example.org")
    with pytest.raises(Misconfigured, match="rest"):
        backend(settings, reactor, Emitter(lambda *_: None))


@pytest.mark.parametrize(
    ("text", "family"), [("127.0.0.1:0", socket.AF_INET), ("[::1]:0", socket.AF_INET6)]
)
def test_an_address_becomes_a_socket_of_its_family(make_settings, text, family):
    (listening,) = opened(make_settings, text)
    with listening.opened as there:
        assert there.family == family
        assert not listening.tls


def test_a_socket_that_systemd_did_not_give_is_misconfigured(make_settings, monkeypatch):
    monkeypatch.delenv("LISTEN_FDS", raising=False)
    with pytest.raises(Misconfigured, match="FileDescriptorName=pop3"):
        opened(make_settings, "systemd:pop3")


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_socket_of_systemd_keeps_its_family(make_settings, monkeypatch, family):
    with socket.socket(family) as given:
        given.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        parsed = SimpleNamespace(fileno=given.fileno())
        monkeypatch.setattr("gateway.app.sockets.serverFromString", lambda *_: parsed)
        (adopted,) = opened(make_settings, "systemd:pop3")
        with adopted.opened as there:
            assert there.family == family
            assert there.getsockname() == given.getsockname()


def test_a_port_that_is_taken_is_misconfigured(make_settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        text = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(
            Misconfigured, match=f"cannot listen at {text}: Address already in use; stop"
        ):
            opened(make_settings, text)


# ---- the whole


@pytest_twisted.ensureDeferred
async def test_it_tells_where_it_is_ready_and_serves_there(make_settings, reactor):
    settings = make_settings()
    gateway = build(settings, reactor)
    line = await start(gateway, settings)
    assert line.startswith("pop3-gateway ready: pop3 127.0.0.1:")

    def talk():
        with Pop3Client("127.0.0.1", port_of(line, "pop3")) as client:
            client.login("demo", "demo")
            assert client.retr(1) == MESSAGE
            client.ok("DELE 1")
            return client.quit()

    assert await deferToThread(talk) == replies.removed(1)
    await gateway.stop()


@pytest_twisted.ensureDeferred
async def test_tls_from_the_start_and_by_stls(make_settings, reactor, certificates):
    settings = make_settings(
        listen__tls=["127.0.0.1:0"],
        listen__cert=str(certificates.server.certificate),
        listen__key=str(certificates.server.key),
    )
    events = []
    gateway = build(settings, reactor, events)
    line = await start(gateway, settings)
    context = certificates.client_context()

    def talk():
        with Pop3Client("127.0.0.1", port_of(line, "pop3s"), tls=context) as client:
            assert b"STLS" not in client.lines("CAPA")
            client.login("demo", "demo")
            assert client.quit() == replies.GOODBYE
        with Pop3Client("127.0.0.1", port_of(line, "pop3")) as client:
            assert b"STLS" in client.lines("CAPA")
            # All in one packet: what follows STLS was not protected and must not count.
            client.send(b"STLS\r\nUSER mallory\r\nPASS mallory\r\n")
            assert client.line() == replies.BEGIN_TLS
            client.socket = context.wrap_socket(client.socket, server_hostname="127.0.0.1")
            assert client.command("STAT") == replies.WRONG_STATE_BEFORE_LOGIN
            client.login("demo", "demo")
            assert client.retr(1) == MESSAGE
            return client.quit()

    assert await deferToThread(talk) == replies.GOODBYE
    await gateway.stop()
    assert not [event for event in events if event.name() == "login_failed"]


@pytest_twisted.ensureDeferred
async def test_a_client_that_is_idle_is_let_go_when_it_stops(make_settings, reactor):
    settings = make_settings()
    gateway = build(settings, reactor)
    line = await start(gateway, settings)
    client = await deferToThread(Pop3Client, "127.0.0.1", port_of(line, "pop3"))
    await gateway.stop()
    assert await deferToThread(client.rest) == b""
    client.close()


def test_a_state_directory_that_cannot_be_used_is_misconfigured(
    make_settings, reactor, tmp_path
):
    settings = make_settings(state__dir=str(tmp_path / "file" / "state"))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Misconfigured, match="--state-dir"):
        build(settings, reactor)


# ---- the certificate


@pytest.fixture
def pair(certificates, tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    shutil.copy(certificates.server.certificate, cert)
    shutil.copy(certificates.server.key, key)
    return cert, key


def test_a_certificate_is_read_again_on_request(pair, certificates):
    shown = ServerCertificate(*pair)
    before = shown.getContext()
    assert shown.getContext() is before
    shutil.copy(certificates.stranger.certificate, pair[0])
    shutil.copy(certificates.stranger.key, pair[1])
    shown.reload()
    assert shown.getContext() is not before


@pytest.mark.parametrize("damage", ["gone", "garbage", "another key"])
def test_a_certificate_that_cannot_be_used_leaves_the_old_one(pair, certificates, damage):
    shown = ServerCertificate(*pair)
    before = shown.getContext()
    if damage == "gone":
        pair[0].unlink()
    elif damage == "garbage":
        pair[0].write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    else:
        shutil.copy(certificates.stranger.key, pair[1])
    with pytest.raises(Misconfigured):
        shown.reload()
    assert shown.getContext() is before


@pytest_twisted.ensureDeferred
async def test_after_a_reload_new_clients_see_the_new_certificate(
    make_settings, reactor, pair, certificates
):
    settings = make_settings(
        listen__tls=["127.0.0.1:0"], listen__cert=str(pair[0]), listen__key=str(pair[1])
    )
    gateway = build(settings, reactor)
    line = await start(gateway, settings)

    def shown():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with Pop3Client("127.0.0.1", port_of(line, "pop3s"), tls=context) as client:
            return client.socket.getpeercert(binary_form=True)

    before = await deferToThread(shown)
    shutil.copy(certificates.stranger.certificate, pair[0])
    shutil.copy(certificates.stranger.key, pair[1])
    gateway.reload()
    assert await deferToThread(shown) != before
    await gateway.stop()


@pytest_twisted.ensureDeferred
async def test_a_certificate_that_cannot_be_used_keeps_no_account_in(
    make_settings, reactor, pair, monkeypatch
):
    settings = make_settings(
        listen__tls=["127.0.0.1:0"], listen__cert=str(pair[0]), listen__key=str(pair[1])
    )
    gateway = build(settings, reactor)
    await start(gateway, settings)
    reloaded = []
    monkeypatch.setattr(gateway._doorkeeper, "reload", reloaded.append)
    pair[0].write_text("no certificate")
    with pytest.raises(Misconfigured):
        gateway.reload()
    assert reloaded == [settings]
    await gateway.stop()


@pytest_twisted.ensureDeferred
async def test_a_reload_without_a_certificate_is_nothing(make_settings, reactor):
    settings = make_settings()
    gateway = build(settings, reactor)
    await start(gateway, settings)
    gateway.reload()
    await gateway.stop()


def test_what_all_workers_have_together_is_shared_out():
    settings = load(
        None, {"upstream.url": "imap://127.0.0.1:1", "upstream.warm.connections": 9}
    )
    one = share_of(settings, 4).upstream
    assert one.warm.connections == 3
    assert one.imap.prefetch_total == settings.upstream.imap.prefetch_total // 4
    assert share_of(settings, 1) == settings


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("graph://contoso.example", "https://graph.microsoft.com"),
        ("graph+https://graph.microsoft.us/contoso.example", "https://graph.microsoft.us:443"),
        ("gmail://", "https://gmail.googleapis.com"),
        ("gmail+http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_clouds_are_where_their_makers_have_them(make_settings, reactor, tmp_path, url, base):
    (tmp_path / "token").write_text("t\n")
    settings = make_settings(
        upstream__url=url, upstream__http__token_file=str(tmp_path / "token")
    )
    driver = backend(settings, reactor, Emitter(lambda *_: None))
    assert driver._room.client.targets.base == base
