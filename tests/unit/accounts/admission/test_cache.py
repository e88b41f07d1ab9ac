"""What is remembered of accounts, and for how long."""

import pytest
import pytest_twisted

from gateway.accounts.admission.cache import Cache
from gateway.accounts.model import Account, Known
from gateway.errors import Unavailable

KIM = Known(Account("kim"), (), "")


class Source:
    def __init__(self):
        self.answer = KIM
        self.asked = 0
        self.time = 0.0

    async def find(self, _):
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def cache(source):
    return Cache(source.find, fresh=5, outage=60, now=lambda: source.time)


@pytest_twisted.ensureDeferred
async def test_it_is_asked_once_in_a_while(source, cache):
    assert [await cache.get("kim") for _ in range(3)] == [KIM] * 3
    assert source.asked == 1
    source.time, source.answer = 5.0, None
    assert await cache.get("kim") is None
    source.time, source.answer = 9.0, KIM
    assert await cache.get("kim") is None
    assert source.asked == 2


@pytest_twisted.ensureDeferred
async def test_who_was_known_is_known_while_the_database_is_away(source, cache):
    await cache.get("kim")
    source.answer = Unavailable("down")
    source.time = 59.0
    assert await cache.get("kim") is KIM
    with pytest.raises(Unavailable):
        await cache.get("lee")
    source.time = 60.0
    with pytest.raises(Unavailable):
        await cache.get("kim")


@pytest_twisted.ensureDeferred
async def test_who_was_not_there_is_not_refused_while_the_database_is_away(source, cache):
    source.answer = None
    await cache.get("kim")
    source.answer, source.time = Unavailable("down"), 6.0
    with pytest.raises(Unavailable):
        await cache.get("kim")


@pytest_twisted.ensureDeferred
async def test_a_database_that_is_away_is_not_asked_for_everybody(source, cache):
    source.answer = Unavailable("down")
    for name in ("kim", "lee", "mia"):
        with pytest.raises(Unavailable, match="down"):
            await cache.get(name)
    assert source.asked == 1
    source.answer, source.time = KIM, 2.0
    assert await cache.get("kim") is KIM


@pytest_twisted.ensureDeferred
async def test_what_is_forgotten_is_asked_anew(source, cache):
    await cache.get("kim")
    cache.forget()
    await cache.get("kim")
    assert source.asked == 2


@pytest_twisted.ensureDeferred
async def test_guesses_of_names_do_not_fill_the_memory(source, cache, monkeypatch):
    monkeypatch.setattr("gateway.accounts.admission.cache._MOST", 2)
    for name in ("a", "b", "c", "a"):
        await cache.get(name)
    assert source.asked == 4
    await cache.get("a")
    assert source.asked == 4
