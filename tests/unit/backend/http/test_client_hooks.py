"""What a driver may add to every request: its pace, and the meaning of a refusal."""

import pytest
import pytest_twisted
from pydantic import SecretBytes
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from gateway.backend.http.auth import Basic
from gateway.backend.http.client import Caller, Client
from gateway.backend.http.settings import HttpSettings
from gateway.errors import BadCredentials, Misconfigured, Throttled
from gateway.maildrop import Login
from tests.support.fake_http import Reply


@pytest.fixture
def caller(shelf):
    settings = HttpSettings(retry_after=2)
    client = Client(f"{shelf.url}/", settings, lambda host: None, reactor)
    yield Caller(client, Basic(), Login(b"kim", SecretBytes(b"open sesame")))
    pytest_twisted.blockon(Deferred.fromCoroutine(client.close()))


def refusing(kind):
    seen = []

    def explain(status, body):
        seen.append((status, body))
        return kind and kind("explained")

    return explain, seen


@pytest_twisted.ensureDeferred
async def test_pace_comes_before_each_request_also_the_next_try(shelf, caller):
    paced = []

    async def pace(method, url):
        paced.append((method, url.partition("/list")[1], len(shelf.heard)))

    caller.pace = pace
    shelf.spoil("/list", Reply(429, b"", {"Retry-After": "0"}), times=2)
    await caller.answer("GET", "list")
    assert paced == [("GET", "/list", 0), ("GET", "/list", 1), ("GET", "/list", 2)]


@pytest_twisted.ensureDeferred
async def test_what_pace_raises_is_raised_and_nothing_is_sent(shelf, caller):
    async def pace(method, url):
        raise Throttled("later")

    caller.pace = pace
    with pytest.raises(Throttled):
        await caller.answer("GET", "list")
    assert shelf.heard == []
    assert caller.slots.free == caller.slots.limit


@pytest_twisted.ensureDeferred
async def test_explain_tells_the_failure(shelf, caller):
    caller.explain, seen = refusing(BadCredentials)
    shelf.spoil("/list", Reply(403, b"who are you"), times=9)
    with pytest.raises(BadCredentials, match="explained"):
        await caller.answer("GET", "list")
    assert seen == [(403, b"who are you")]
    assert len(shelf.heard) == 1


@pytest_twisted.ensureDeferred
async def test_explain_may_have_nothing_to_say(shelf, caller):
    caller.explain, _ = refusing(None)
    shelf.spoil("/list", Reply(403, b"no"), times=9)
    with pytest.raises(Misconfigured, match="403"):
        await caller.answer("GET", "list")


@pytest_twisted.ensureDeferred
async def test_what_is_explained_as_busy_is_tried_again(shelf, caller):
    caller.explain, _ = refusing(Throttled)
    shelf.spoil("/list", Reply(403, b"quota", {"Retry-After": "0"}), times=2)
    assert (await caller.answer("GET", "list")).status == 200
    assert len(shelf.heard) == 3


@pytest_twisted.ensureDeferred
async def test_but_not_for_ever(shelf, caller):
    caller.explain, _ = refusing(Throttled)
    shelf.spoil("/list", Reply(403, b"quota", {"Retry-After": "999"}), times=99)
    with pytest.raises(Throttled, match="explained"):
        await caller.answer("GET", "list")
    assert len(shelf.heard) == 1
    assert caller.slots.free == caller.slots.limit
