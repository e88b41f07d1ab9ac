"""Where the directory's database is asked: a server that says nothing holds nobody up for ever."""

from threading import Event

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from gateway.accounts.store import database
from gateway.accounts.store.database import Runner
from gateway.errors import Unavailable


class Server:
    embedded = False


@pytest.fixture
def runner():
    made = Runner(Server(), reactor)
    yield made
    made.stop()


@pytest.mark.parametrize("way", ["run", "write"])
@pytest_twisted.ensureDeferred
async def test_a_server_that_says_nothing_is_unavailable(runner, monkeypatch, way):
    monkeypatch.setattr(database, "_ANSWER_SECONDS", 0.01)
    back = Event()
    with pytest.raises(Unavailable, match="does not answer"):
        await Deferred.fromCoroutine(getattr(runner, way)(back.wait))
    back.set()


@pytest_twisted.ensureDeferred
async def test_one_that_answers_is_not(runner):
    assert await runner.run(lambda: 1) == 1
    with pytest.raises(ZeroDivisionError):
        await runner.write(lambda: 1 / 0)
