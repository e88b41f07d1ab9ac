"""The session as a whole: its end, its signs of life, its secrets."""

import pytest
import pytest_twisted
from pydantic import SecretBytes, ValidationError
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from gateway.backend.imap.connection import Connection
from gateway.backend.imap.driver import ImapBackend
from gateway.backend.imap.keepalive import Keepalive
from gateway.backend.imap.login import Connector
from gateway.backend.imap.outbox import Command as _Command
from gateway.backend.imap.reader import Limits
from gateway.backend.imap.settings import ImapSettings, Upstream
from gateway.errors import Misconfigured, Unavailable
from gateway.maildrop import CommitPlan, Login
from gateway.telemetry import Emitter
from gateway.tls import client_options
from tests.support.fake_imap import FakeImap, answer, close, hang, raw
from tests.unit.backend.imap.conftest import Sink


@pytest_twisted.ensureDeferred
async def test_close_is_polite_and_may_be_repeated(gateway):
    with FakeImap([b"x"]) as server:
        session, _ = await gateway.opened(server)
        await session.close()
        await session.close()
        assert server.heard[-1] == b"LOGOUT"
        await gateway.until(lambda: server.open_connections == 0)
        assert gateway.events == []
        with pytest.raises(Unavailable):
            await session.body(1).start(Sink())
        with pytest.raises(Unavailable):
            await session.commit(CommitPlan("1000", (1,)))


@pytest.mark.parametrize("action", [hang, close, raw("junk\r\n"), answer("BAD x")])
@pytest_twisted.ensureDeferred
async def test_close_is_short_and_never_raises(gateway, action):
    with FakeImap() as server:
        session = await gateway.open(server, logout_timeout=0.1)
        server.fault("LOGOUT", action)
        first = Deferred.fromCoroutine(session.close())
        await session.close()
        await first
        await gateway.until(lambda: server.open_connections == 0)


@pytest_twisted.ensureDeferred
async def test_close_without_logout(gateway):
    with FakeImap() as server:
        session = await gateway.open(server, logout_timeout=0)
        await session.close()
        assert not server.said("LOGOUT")


@pytest_twisted.ensureDeferred
async def test_close_after_the_server_left(gateway):
    with FakeImap() as server:
        session = await gateway.open(server, keepalive=0.02)
        server.fault("NOOP", close)
        await gateway.until(lambda: "upstream_lost" in gateway.names())
        await session.close()


@pytest_twisted.ensureDeferred
async def test_signs_of_life(gateway):
    with FakeImap([b"x"]) as server:
        session, _ = await gateway.opened(server, keepalive=0.02)
        await gateway.until(lambda: len(server.said("NOOP")) >= 3)
        assert await session.body(1).start(Sink()) == 1
        await session.close()


@pytest_twisted.ensureDeferred
async def test_no_signs_of_life_into_a_running_command(gateway):
    with FakeImap([b"x"]) as server:
        session, _ = await gateway.opened(server, keepalive=0.02, command_timeout=0.2)
        server.fault("BODY", hang)
        with pytest.raises(Unavailable):
            await session.body(1).start(Sink())
        assert not server.said("NOOP")


@pytest_twisted.ensureDeferred
async def test_no_signs_of_life_when_switched_off(gateway):
    with FakeImap([b"x"]) as server:
        session, _ = await gateway.opened(server, keepalive=0)
        assert session._keepalive._call is None


def test_signs_of_life_end_with_the_connection():
    class Lost:
        idle = False

        def when_lost(self, call):
            call()

    clock = Clock()
    Keepalive(Lost(), 10, clock)
    assert not clock.getDelayedCalls()


def test_no_repr_shows_a_secret():
    from collections import deque

    command = _Command(b"G1", deque([b"LOGIN s3cret"]), Deferred())
    assert "s3cret" not in repr(command)
    assert "s3cret" not in repr(Login(b"u", SecretBytes(b"s3cret")))


def test_text_of_the_server_is_one_bounded_line():
    connection = Connection(None, Emitter(lambda *_: None), Limits(), 1)
    connection.secrets = (b"hunter2",)
    shown = connection.shown(b"no hunter2\r\n\x1b[31m" + b"x" * 1000)
    assert shown.startswith("no ***\\x0d\\x0a\\x1b[31mxxx")
    assert len(shown) < 300


def test_security_and_options_must_agree():
    settings = ImapSettings()
    with pytest.raises(ValueError, match="contradict"):
        Connector(Upstream("h", 1, "none"), settings, object(), None)
    with pytest.raises(ValueError, match="contradict"):
        Connector(Upstream("h", 1, "tls"), settings, None, None)


def test_bad_authority_file_shows_at_once(tmp_path):
    def tls(host):
        return client_options(host, tmp_path / "none.pem")

    with pytest.raises(Misconfigured, match=r"none\.pem"):
        ImapBackend(Upstream("h", 1, "tls"), ImapSettings(), tls, None, Emitter(print))


@pytest.mark.parametrize(
    "values",
    [
        {"connect_timeout": 0},
        {"keepalive": 1800},
        {"keepalive": -1},
        {"delete": "archive"},
        {"move_to": ""},
        {"move_to": "a\r\nb"},
        {"max_line": 10},
        {"colour": "red"},
    ],
)
def test_settings_out_of_bounds(values):
    with pytest.raises(ValidationError):
        ImapSettings(**values)


def test_every_setting_is_described():
    assert all(field.description for field in ImapSettings.model_fields.values())
