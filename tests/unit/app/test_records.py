"""What the office reads of the directory."""

import time

import pytest
import pytest_twisted
from pydantic import SecretStr

from gateway.accounts.model import Account, Grant, Provider
from gateway.accounts.store import Store
from gateway.app import records as module
from gateway.app.records import Consents, Records
from gateway.config import load
from gateway.errors import Unavailable
from gateway.telemetry import Emitter

DAY = 86_400.0


@pytest_twisted.async_yield_fixture
async def make(tmp_path):
    from twisted.internet import reactor

    made = []

    def make(**more):
        given = {
            "upstream.url": "imaps://imap.example.org",
            "state.dir": str(tmp_path / "state"),
            "accounts.store": "embedded",
            **more,
        }
        (tmp_path / "state").mkdir(exist_ok=True)
        made.append(Records(load(None, given), reactor, Emitter(lambda *_: None)))
        return made[-1]

    yield make
    for records in made:
        await records.stop()


def consented(store: Store, name, provider, days=None, broken=""):
    store.accounts.add(Account(name, provider=provider))
    ends = None if days is None else time.time() + days * DAY
    token = SecretStr("token")
    store.grants.put(
        Grant(name, "code", token, token, time.time(), consent_ends=ends, broken=broken)
    )


@pytest_twisted.ensureDeferred
async def test_the_first_end_of_each_provider_and_who_must_sign_in_again(make):
    records = make()
    for provider in ("office", "other"):
        records.store.providers.save(
            Provider(provider, "google", "imaps://imap.example.org", "id")
        )
    consented(records.store, "ann", "office", 20)
    consented(records.store, "bob", "office", 5)
    consented(records.store, "cid", "other", 400)
    consented(records.store, "dan", "office")
    consented(records.store, "eve", "office", 1, broken="withdrawn")
    found = await records.consents()
    assert found.missing == 1
    assert found.days.keys() == {"office"}
    assert found.days["office"] == pytest.approx(5, abs=0.01)


@pytest_twisted.ensureDeferred
async def test_they_are_not_read_at_every_scrape(make, monkeypatch):
    records = make()
    assert await records.consents() == Consents()
    consented(records.store, "eve", "", broken="withdrawn")
    assert (await records.consents()).missing == 0
    monkeypatch.setattr(module, "_KEPT_SECONDS", 0)
    assert (await records.consents()).missing == 1


@pytest_twisted.ensureDeferred
async def test_without_a_directory_there_is_nothing_to_tell(make):
    records = make(**{"accounts.store": ""})
    assert (records.store, records.oauth) == (None, None)
    assert records.checks == {}
    assert await records.consents() == Consents()
    records.start()
    records.reload()


@pytest_twisted.ensureDeferred
async def test_a_directory_that_cannot_be_read_is_told_and_no_more(make, monkeypatch):
    records = make()
    (check,) = records.checks.values()
    await check()

    def broken(*_, **__):
        raise Unavailable("gone")

    monkeypatch.setattr(type(records.store.accounts), "count", broken)
    monkeypatch.setattr(type(records.store.grants), "worrying", broken)
    with pytest.raises(Unavailable):
        await check()
    assert await records.consents() == Consents()
