"""Google and Microsoft as documented, over HTTP, from the sign-in to the end of the consent."""

from dataclasses import replace

import pytest
import pytest_twisted
from pydantic import SecretStr

from gateway.accounts.model import Account, Provider
from gateway.accounts.oauth.causes import SignInRefused
from gateway.accounts.oauth.settings import OAuthSettings
from gateway.accounts.store import Store
from gateway.accounts.store.database import Runner
from gateway.accounts.vault import Vault, new_key
from gateway.app.oauth import make_oauth
from gateway.errors import ConsentMissing, Unavailable
from gateway.telemetry import Emitter
from tests.support.fake_http import Reply
from tests.support.fake_providers import CLIENT, SECRET, FakeGoogle, FakeMicrosoft

BACK = "https://console.example/sign-in/back"
OWNER = "kim@example.org"
KINDS = {
    "google": (FakeGoogle, "imaps://imap.gmail.com"),
    "microsoft": (FakeMicrosoft, "graph://contoso.example"),
}


class Office:
    def __init__(self, directory, preset, server):
        from twisted.internet import reactor

        self.server, self.events = server, []
        self.store = Store(directory / "accounts.sqlite", Vault([new_key()]))
        self.runner = Runner(self.store.database, reactor)
        self.oauth = make_oauth(
            OAuthSettings(timeout=2),
            self.store,
            self.runner,
            reactor,
            Emitter(lambda event, context: self.events.append(event)),
        )
        self.provider = Provider(
            "p", preset, KINDS[preset][1], CLIENT, SecretStr(SECRET), issuer=server.issuer
        )
        self.store.providers.save(self.provider)
        self.store.accounts.add(Account("kim", mailbox=OWNER, provider="p"))

    async def sign_in(self, owner=OWNER):
        url, pending = await self.oauth.sign_in.begin_code("kim", BACK)
        query = self.server.code_of(owner, url)
        return await self.oauth.sign_in.finish_code(pending, query), pending, query

    def end_token(self):
        """Our access token has ended, and no process is known to have refused."""
        self.store.grants.put(replace(self.row(), expires=1.0))
        self.oauth.keeper._states.clear()

    def row(self):
        return self.store.grants.get("kim")

    async def token(self):
        return await self.oauth.keeper.token("kim")

    def names(self):
        return [event.name() for event in self.events]


@pytest_twisted.async_yield_fixture(params=KINDS)
async def office(request, tmp_path):
    with KINDS[request.param][0]() as server:
        made = Office(tmp_path, request.param, server)
        yield made
        await made.oauth.stop()
        made.runner.stop()
        made.store.close()
        assert SECRET not in repr(made.events)


@pytest_twisted.ensureDeferred
async def test_from_the_sign_in_to_the_next_day(office):
    grant, _, _ = await office.sign_in()
    assert grant.subject == OWNER
    first = await office.token()
    office.end_token()
    second = await office.token()
    assert first != second
    rotates = office.provider.preset == "microsoft"
    assert (office.row().refresh != grant.refresh) == rotates
    assert (office.row().previous == grant.refresh) == rotates
    # The old one stays good at both, as the crash of a process needs it.
    assert grant.refresh.get_secret_value() in office.server.good


@pytest_twisted.ensureDeferred
async def test_the_owner_takes_the_consent_back(office):
    await office.sign_in()
    office.server.good.clear()
    office.end_token()
    with pytest.raises(ConsentMissing):
        await office.token()
    assert "consent_lost" in office.names()
    broken = office.row().broken
    assert "sign in again" in broken
    if office.provider.preset == "microsoft":
        assert "password was changed" in broken
    await office.sign_in()
    assert await office.token()


@pytest_twisted.ensureDeferred
async def test_the_client_secret_ends_and_is_replaced(office):
    await office.sign_in()
    office.end_token()
    office.store.providers.save(replace(office.provider, client_secret=SecretStr("old")))
    with pytest.raises(ConsentMissing, match="secret"):
        await office.token()
    assert office.row().broken == ""
    office.store.providers.save(office.provider)
    office.oauth.keeper._states.clear()
    assert await office.token()


@pytest_twisted.ensureDeferred
async def test_a_code_opens_once(office):
    _, pending, query = await office.sign_in()
    before = office.row()
    with pytest.raises(SignInRefused, match="begin again"):
        await office.oauth.sign_in.finish_code(pending, query)
    assert office.row() == before


@pytest.mark.parametrize(
    "reply",
    [
        Reply(503, b"<html>Service Unavailable</html>"),
        Reply(429, {"error": "rate_limit_exceeded"}),
        Reply(200, b"<html>please log in to the network</html>"),
        Reply(302, b"", {"Location": "https://elsewhere.example/token"}),
        Reply(200, b"x" * 300_000),
        Reply(200, {"access_token": "at"}, cut=5),
        Reply(200, {"access_token": "at"}, length="close", hang=5),
        Reply(raw=b"HTTP/1.1 200 OK\r\n\r\n"),
        Reply(raw=b"\x15\x03\x01\x00\x02\x02\x46"),
        None,
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_may_pass_costs_no_consent(office, reply, monkeypatch):
    from gateway.accounts.oauth import client

    monkeypatch.setattr(client, "_LONG", 1.0)
    await office.sign_in()
    office.end_token()
    asked = office.server.count("/token")
    office.server.spoil("/token", reply)
    with pytest.raises(Unavailable):
        await office.token()
    assert (
        office.server.count("/token") == asked + 1
    )  # what may have been heard is not repeated
    assert office.row().broken == ""
    office.oauth.keeper._states.clear()
    assert await office.token()
