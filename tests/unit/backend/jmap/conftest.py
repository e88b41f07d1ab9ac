"""Servers and desks that are closed whatever happens."""

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

from tests.support.fake_jmap import FakeJmap
from tests.unit.backend.http.shelf import message
from tests.unit.backend.jmap.desk import Desk


@pytest.fixture
def jmap():
    with FakeJmap([message(n) for n in range(20)]) as server:
        yield server


@pytest.fixture
def desk(jmap):
    made = []

    def make(**options):
        made.append(Desk(jmap, **options))
        return made[-1]

    yield make
    for each in made:
        pytest_twisted.blockon(Deferred.fromCoroutine(each.close()))
