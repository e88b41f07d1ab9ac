"""The directory in one process: the database behind the door, threads, and what is reread."""

import shutil

import pytest
import pytest_twisted
from pydantic import SecretBytes, SecretStr

from gateway.accounts.keys import VARIABLE
from gateway.accounts.model import Account, Device
from gateway.accounts.new_device import with_new_password
from gateway.accounts.vault import new_key
from gateway.app.directory import Directory, _Checks
from gateway.app.entrances import offer
from gateway.config import load
from gateway.errors import BadCredentials, Misconfigured, Unavailable
from gateway.maildrop import Attempt
from gateway.telemetry import Emitter


@pytest.fixture
def reactor():
    from twisted.internet import reactor

    return reactor


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path / "state"


class Opened:
    """A directory with one account and its device."""

    def __init__(self, state, reactor):
        self.state = state
        self.directory = Directory(self.settings(), reactor, Emitter(lambda *_: None))
        self.store = self.directory._opened.store
        self.store.accounts.add(
            Account(
                "kim",
                upstream="IMAPS://imap.example.org",
                credential="password",
                password=SecretStr("upstream's"),
            )
        )
        made, password = with_new_password(
            Device("kim", "canon", "", ""), keep=False, scram=True
        )
        self.store.devices.add(made)
        self.password = SecretBytes(password.shown.get_secret_value().encode())

    def settings(self, **values):
        given = {"state.dir": str(self.state), "accounts.store": "embedded"}
        return load(None, given | values)

    async def admit(self, user=b"kim"):
        attempt = Attempt(user, self.password, "192.0.2.1", "TLSv1.3")
        admission = await self.directory.door.admit(attempt)
        await self.directory.door.ended(attempt, admission, None)
        return admission


@pytest_twisted.async_yield_fixture
async def opened(state, reactor):
    made = Opened(state, reactor)
    yield made
    await made.directory.stop()


@pytest_twisted.ensureDeferred
async def test_a_device_of_the_database_is_let_in_and_noted(opened, state, reactor):
    admission = await opened.admit()
    assert admission.upstream == "imaps://imap.example.org:993"
    await opened.directory._seen.flush()
    device = opened.store.devices.get("kim", "canon")
    assert (device.last_peer, device.last_tls) == ("192.0.2.1", "TLSv1.3")


@pytest_twisted.ensureDeferred
async def test_what_is_reread_counts_at_once(opened):
    with pytest.raises(BadCredentials):
        await opened.admit(b"lee@example.net")
    route = {"match": "example.net", "upstream": "imaps://net.example.org"}
    opened.directory.reload(opened.settings(routes=[route], **{"accounts.unknown": "pass"}))
    admission = await opened.admit(b"lee@example.net")
    assert admission.upstream == "imaps://net.example.org:993"


@pytest_twisted.ensureDeferred
async def test_keys_that_cannot_be_read_leave_the_old_ones(opened):
    key = opened.state / "key"
    shutil.move(key, opened.state / "moved")
    key.write_text("nonsense\n")
    key.chmod(0o600)
    with pytest.raises(Misconfigured, match="accounts new-key"):
        opened.directory.reload(opened.settings())
    assert (await opened.admit()).device == "canon"
    key.write_text(f"{new_key().get_secret_value()}\n")
    opened.directory.reload(opened.settings())
    with pytest.raises(Misconfigured, match="no key fits"):
        await opened.admit()


@pytest_twisted.ensureDeferred
async def test_made_up_verifiers_are_the_same_in_every_process(opened, reactor):
    other = Directory(opened.settings(), reactor, Emitter(lambda *_: None))
    made = await opened.directory.door.verifier(b"nobody")
    assert await other.door.verifier(b"nobody") == made
    await other.stop()


@pytest_twisted.ensureDeferred
async def test_not_too_many_wait_for_argon2(reactor, monkeypatch):
    monkeypatch.setattr("gateway.app.directory._MOST_WAITING", 0)
    checks = _Checks(reactor)
    with pytest.raises(Unavailable, match="waiting"):
        await checks.run(lambda: True)
    monkeypatch.setattr("gateway.app.directory._MOST_WAITING", 1)
    assert await checks.run(lambda: True)
    assert await checks.run(lambda: True)
    checks.stop()


@pytest.mark.parametrize(
    ("values", "offered"),
    [
        ({}, True),
        ({"accounts.scram": False}, False),
        ({"accounts.unknown": "pass", "upstream.url": "imaps://x"}, False),
        ({"accounts.account": [{"name": "lee", "upstream": "imaps://x"}]}, False),
    ],
)
def test_scram_is_offered_where_it_works_for_everybody(state, values, offered):
    settings = load(None, {"state.dir": str(state), "accounts.store": "embedded", **values})
    names = offer(settings.accounts, directory=settings.directory).mechanisms
    assert (b"SCRAM-SHA-256" in names) is offered
