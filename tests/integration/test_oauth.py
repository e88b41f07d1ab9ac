"""OAuth2 with a real provider, and a Dovecot that asks it about every token."""

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_twisted
from pydantic import SecretBytes, SecretStr
from twisted.internet.task import deferLater

from gateway.accounts.model import Account, Provider
from gateway.accounts.oauth.causes import SignInRefused
from gateway.accounts.oauth.service import Waiting
from gateway.accounts.oauth.settings import OAuthSettings
from gateway.accounts.store import Store
from gateway.accounts.store.database import Runner
from gateway.accounts.vault import Vault, new_key
from gateway.app.oauth import make_oauth
from gateway.backend.imap.driver import ImapBackend
from gateway.backend.imap.settings import ImapSettings, Upstream
from gateway.backend.warm import WarmConnections, WarmSettings
from gateway.errors import ConsentMissing, Unavailable
from gateway.maildrop import Login
from gateway.telemetry import Emitter
from tests.support.nanoidp import CLIENT, CLIENT_SECRET, NanoIdp
from tests.support.token_dovecot import TokenDovecot
from tests.support.token_proxy import TokenProxy
from tests.unit.backend.http.shelf import Desk, Shelf, Sink, message

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]

BACK = "http://127.0.0.1:8080/sign-in/back"
MAIL = b"Subject: scan\r\n\r\nOne page.\r\n"
HOUR = 3600.0
USERS = ("alice", "bob", CLIENT)


@pytest.fixture(scope="module")
def idp():
    """Another refresh token each time, and the old one used again ends the consent."""
    with NanoIdp(*USERS, rotates=True) as server:
        yield server


@pytest.fixture(scope="module")
def constant_idp():
    """The refresh token stays, as Google's does."""
    with NanoIdp(*USERS) as server:
        yield server


@pytest.fixture(scope="module")
def mail(idp):
    with TokenDovecot(idp) as server:
        for user in USERS:
            server.deliver(user, MAIL)
        yield server


class Place:
    """What app makes of a store: sign-in, tokens, and an upstream that takes them.

    Attributes:
        later: Seconds that our own clock is ahead: tokens have ended for us that have not
            for the provider.
    """

    def __init__(self, path, issuer, mail=None, *, key=None, timeout=15):
        from twisted.internet import reactor

        self.reactor, self.path = reactor, path
        self.key = key or new_key()
        self.events = []
        self.later = 0.0
        self.emit = Emitter(lambda event, context: self.events.append(event))
        self.store = Store(path, Vault([self.key]))
        self.runner = runner = Runner(self.store.database, reactor)
        self.oauth = make_oauth(
            OAuthSettings(timeout=timeout),
            self.store,
            runner,
            reactor,
            self.emit,
            now=self._now,
        )
        self.ask(issuer)
        if self.store.accounts.get("scan") is None:
            self.store.accounts.add(Account("scan", mailbox="alice", provider="idp"))
        self.sessions = []
        if mail is not None:
            self.warm = self._backend(mail)

    def _now(self):
        return time.time() + self.later

    def ask(self, issuer):
        """Register with this issuer."""
        secret = SecretStr(CLIENT_SECRET)
        # A provider with consents stays where it is: here it only gets a proxy before it.
        kept = self.store.grants.all()
        for each in kept:
            self.store.grants.remove(each.account)
        self.store.providers.save(Provider("idp", "oidc", "", CLIENT, secret, issuer=issuer))
        for each in kept:
            self.store.grants.put(each)

    def _backend(self, mail):
        upstream = Upstream(mail.host, mail.port, "none")
        driver = ImapBackend(upstream, ImapSettings(), None, self.reactor, self.emit)
        return WarmConnections(
            driver, WarmSettings(), now=self.reactor.seconds, key=b"k", per_peer=False
        )

    async def sign_in(self, idp, user="alice", account="scan", **more):
        url, pending = await self.oauth.sign_in.begin_code(account, BACK)
        query = idp.sign_in(url, user)
        return await self.oauth.sign_in.finish_code(pending, query, **more)

    async def open(self, *, kept=False, user=b"alice"):
        """A session, on a kept connection only if asked for."""
        if not kept:
            await self.warm.stop()
            self.warm._stopped = False
        login = Login(user, SecretBytes(b""), "", self.oauth.keeper.tokens("scan"))
        self.sessions.append(await self.warm.open(login))
        return self.sessions[-1]

    async def read(self, **how):
        session = await self.open(**how)
        return await whole(session)

    def row(self):
        return self.store.grants.get("scan")

    def names(self):
        return [event.name() for event in self.events]

    async def close(self):
        for session in self.sessions:
            await session.close()
        if hasattr(self, "warm"):
            await self.warm.stop()
        await self.oauth.stop()
        self.runner.stop()
        self.store.close()
        texts = repr(self.events)
        assert CLIENT_SECRET not in texts
        assert "eyJ" not in texts, "a token in an event"


async def whole(session):
    maildrop = await session.snapshot()
    sink = Sink()
    await session.body(maildrop.refs[0]).start(sink)
    return sink.octets


@pytest_twisted.async_yield_fixture
async def place(tmp_path, idp, mail):
    made = Place(tmp_path / "accounts.sqlite", idp.url, mail)
    yield made
    await made.close()


def access(place):
    return place.row().access.get_secret_value()


# Signing in.


@pytest_twisted.ensureDeferred
async def test_an_owner_signs_in_and_the_mail_can_be_read(place, idp):
    grant = await place.sign_in(idp)
    assert grant.subject == "alice@example.org"
    assert await place.read() == MAIL
    assert place.names() == ["consent_given"]


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
@pytest_twisted.ensureDeferred
async def test_each_mechanism_alone(tmp_path, idp, mechanism):
    with TokenDovecot(idp, mechanisms=f"plain {mechanism}") as mail:
        mail.deliver("alice", MAIL)
        place = Place(tmp_path / "accounts.sqlite", idp.url, mail)
        try:
            await place.sign_in(idp)
            assert await place.read() == MAIL
            # Refused in that mechanism's own form.
            idp.revoke(access(place))
            place.later = 120
            assert await place.read() == MAIL
            assert "token_refreshed" in place.names()
        finally:
            await place.close()


@pytest_twisted.ensureDeferred
async def test_the_owner_of_another_mailbox_is_told_so(place, idp):
    with pytest.raises(SignInRefused, match=r"bob@example.org has signed in.*alice"):
        await place.sign_in(idp, "bob")
    assert place.row() is None


@pytest_twisted.ensureDeferred
async def test_a_token_of_another_opens_no_mailbox(place, idp):
    await place.sign_in(idp, "bob", any_mailbox=True)
    with pytest.raises(ConsentMissing):
        await place.read()
    assert place.row().broken == ""  # Dovecot refused, not the provider


@pytest_twisted.ensureDeferred
async def test_a_wrong_client_secret_is_told_so(place, idp):
    url, pending = await place.oauth.sign_in.begin_code("scan", BACK)
    query = idp.sign_in(url)
    provider = place.store.providers.get("idp")
    wrong = Provider("idp", "oidc", "", CLIENT, SecretStr("wrong"), issuer=provider.issuer)
    place.store.providers.save(wrong)
    with pytest.raises(SignInRefused, match="client id or secret"):
        await place.oauth.sign_in.finish_code(pending, query)


@pytest_twisted.ensureDeferred
async def test_a_device_code(place, idp):
    pending = await place.oauth.sign_in.begin_device("scan")
    assert pending.uri.startswith(idp.url)
    assert isinstance(await place.oauth.sign_in.poll_device(pending), Waiting)
    idp.enter(pending.user_code)
    grant = await place.oauth.sign_in.poll_device(pending)
    assert grant.flow == "device"
    assert await place.read() == MAIL


@pytest_twisted.ensureDeferred
async def test_client_credentials_open_a_mailbox_of_the_client_s_own(place):
    account = Account("scan", mailbox=CLIENT, provider="idp")
    place.store.accounts.save(account)
    await place.oauth.sign_in.client_credentials("scan")
    assert place.row().refresh is None
    assert await place.read(user=CLIENT.encode()) == MAIL
    before = access(place)
    place.later = 2 * HOUR
    assert await place.read(user=CLIENT.encode()) == MAIL
    assert access(place) != before


# Refresh, revocation, expiry.


@pytest_twisted.ensureDeferred
async def test_refresh_tokens_rotate_and_none_is_used_twice(place, idp):
    await place.sign_in(idp)
    seen = {place.row().refresh}
    for hours in range(1, 4):
        place.later = 2 * HOUR * hours
        assert await place.read() == MAIL
        assert place.row().previous in seen
        seen.add(place.row().refresh)
    assert len(seen) == 4
    assert place.names().count("token_refreshed") == 3


@pytest_twisted.ensureDeferred
async def test_a_token_that_ends_in_mid_session_ends_no_session(place, idp):
    await place.sign_in(idp)
    session = await place.open()
    maildrop = await session.snapshot()
    idp.revoke(access(place))
    assert not idp.active(access(place))
    place.later = 120
    sink = Sink()
    await session.body(maildrop.refs[0]).start(sink)
    assert sink.octets == MAIL
    assert "token_refreshed" not in place.names()
    # The next login is refused with the old token, and has another at once.
    assert await place.read() == MAIL
    assert place.names().count("token_refreshed") == 1


@pytest_twisted.ensureDeferred
async def test_http_goes_on_with_another_token_in_mid_session(place, idp):
    await place.sign_in(idp)

    class Asked:
        """Instead of a set: what the provider says of a token now."""

        def __init__(self):
            self.seen = []

        def __iter__(self):
            return iter([self.token] if idp.active(self.token) else [])

    tokens = Asked()
    with Shelf([message(n) for n in range(3)]) as shelf:
        shelf.tokens, known = tokens, shelf.authorized

        def authorized(request):
            tokens.token = request.headers["authorization"].removeprefix("Bearer ")
            tokens.seen.append(tokens.token)
            return known(request)

        shelf.authorized = authorized
        desk = Desk(shelf, prefetch=False)
        try:
            own = place.oauth.keeper.tokens("scan")
            session, maildrop = await desk.opened(password=b"", tokens=own)
            idp.revoke(access(place))
            place.later = 120
            sink = Sink()
            await session.body(maildrop.refs[0]).start(sink)
            assert sink.octets == message(0)
            assert len(set(tokens.seen)) == 2
        finally:
            await desk.close()


@pytest_twisted.ensureDeferred
async def test_a_withdrawn_consent_is_no_wrong_password_and_heals_by_a_new_sign_in(place, idp):
    await place.sign_in(idp)
    assert await place.read() == MAIL
    idp.revoke(place.row().refresh.get_secret_value())
    idp.revoke(access(place))
    place.later = 120
    for _ in range(2):
        with pytest.raises(ConsentMissing):
            await place.read()
    assert place.names().count("consent_lost") == 1
    assert "sign in again" in place.row().broken
    [found] = await place.oauth.watch.forebodings()
    assert (found.account, found.stopped) == ("scan", True)
    place.later = 0.0
    await place.sign_in(idp)
    assert await place.read() == MAIL


@pytest_twisted.ensureDeferred
async def test_giving_a_consent_back_reaches_the_provider(place, idp):
    await place.sign_in(idp)
    session = await place.open()
    await session.close()  # its connection is kept
    token = place.row().refresh.get_secret_value()
    await place.oauth.sign_in.withdraw("scan")
    assert not idp.active(token)
    place.later = 6  # a process trusts what it knows for five seconds
    with pytest.raises(ConsentMissing):
        await place.open(kept=True)


@pytest_twisted.ensureDeferred
async def test_the_provider_is_away_for_a_while(place, idp):
    await place.sign_in(idp)
    place.later = 2 * HOUR
    idp.stop()
    try:
        with pytest.raises(Unavailable):
            await place.read()
    finally:
        idp.start()
    place.later += 10
    assert await place.read() == MAIL
    assert place.row().broken == ""


@pytest_twisted.ensureDeferred
async def test_a_provider_that_hangs_holds_no_login_up_and_loses_no_consent(
    tmp_path, idp, mail
):
    """It has taken the refresh token, and says so when the client has long gone."""
    place = Place(tmp_path / "accounts.sqlite", idp.url, mail, timeout=1)
    try:
        await place.sign_in(idp)
        place.later = 2 * HOUR
        idp.suspend()
        with pytest.raises(Unavailable):
            await place.read()
        idp.resume()
        while place.oauth.keeper._states["scan"].flight.under_way:
            await deferLater(place.reactor, 0.05)
        assert place.names().count("token_refreshed") == 1
        assert await place.read() == MAIL
    finally:
        idp.resume()
        await place.close()


@pytest_twisted.ensureDeferred
async def test_a_provider_with_a_fault_and_mail_again_after_it(tmp_path, idp, mail):
    with TokenProxy(idp.url) as proxy:
        place = Place(tmp_path / "accounts.sqlite", idp.url, mail)
        try:
            await place.sign_in(idp)
            place.ask(proxy.url)
            place.later = 2 * HOUR
            for refusal in [(503, b""), (429, b"{}"), (200, b"<html>a portal</html>")]:
                proxy.refuse = refusal
                with pytest.raises(Unavailable):
                    await place.read()
                place.later += 10
            proxy.refuse = None
            assert await place.read() == MAIL
        finally:
            await place.close()


# Several processes.


class Worker:
    """See `tests.support.token_worker`."""

    def __init__(self, path, key, wait=15):
        root = Path(__file__).parents[2]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.token_worker", str(path), "scan", str(wait)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "STORE_KEY": key.get_secret_value()},
            cwd=root,
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n", self.process.stderr.read()

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def said(self):
        out, self.told = self.process.communicate(timeout=100)
        return out.strip()

    def kill(self):
        self.process.kill()
        self.process.communicate(timeout=20)


@pytest_twisted.async_yield_fixture
async def ended(tmp_path):
    """Stores with a consent whose access token has ended, behind a proxy that counts."""
    places, stack = [], contextlib.ExitStack()

    async def make(idp):
        proxy = stack.enter_context(TokenProxy(idp.url))
        place = Place(tmp_path / "accounts.sqlite", idp.url)
        places.append(place)
        await place.sign_in(idp)
        place.ask(proxy.url)
        place.store.grants.save(replace(place.row(), expires=1.0))
        return place, proxy

    yield make
    for place in places:
        await place.close()
    stack.close()


@pytest_twisted.ensureDeferred
async def test_four_processes_refresh_once(idp, ended):
    place, proxy = await ended(idp)
    workers = [Worker(place.path, place.key) for _ in range(4)]
    for each in workers:
        each.go()
    tokens = {each.said() for each in workers}
    assert proxy.asked == 1
    assert tokens == {access(place)}
    assert sum("token_refreshed" in each.told for each in workers) == 1


def killed_in_between(place, proxy):
    """A process dies when the provider has given a new token, and it has not been stored."""
    proxy.hold.set()
    victim = Worker(place.path, place.key)
    victim.go()
    assert proxy.answered.wait(20)
    victim.kill()
    proxy.hold.clear()
    heir = Worker(place.path, place.key, wait=40)  # longer than the dead one's lease
    heir.go()
    return heir, heir.said()


@pytest_twisted.ensureDeferred
async def test_a_crash_between_issue_and_store_loses_nothing(constant_idp, ended):
    """Where a refresh token stays good after its use: at Google and Microsoft it does."""
    place, proxy = await ended(constant_idp)
    _, said = killed_in_between(place, proxy)
    assert proxy.asked == 2
    assert said == access(place)
    assert place.row().broken == ""


@pytest_twisted.ensureDeferred
async def test_where_a_crash_cannot_but_cost_the_consent_it_is_told(idp, ended):
    """A provider that takes a second use for a theft: the consent is gone, and not silently."""
    place, proxy = await ended(idp)
    heir, said = killed_in_between(place, proxy)
    assert said == "ConsentMissing"
    assert "consent_lost" in heir.told
    assert "sign in again" in place.row().broken


@pytest_twisted.ensureDeferred
async def test_the_watch_refreshes_what_nobody_uses(place, idp):
    await place.sign_in(idp)
    place.later = 25 * HOUR
    await place.oauth.watch.look()
    assert place.names().count("token_refreshed") == 1
    await deferLater(place.reactor, 0)
    assert await place.read() == MAIL
