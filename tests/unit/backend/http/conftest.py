"""Servers and desks that are closed whatever happens."""

import contextlib

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

from tests.unit.backend.http.shelf import Desk, Shelf, message


@pytest.fixture
def stack():
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def shelf(stack):
    return stack.enter_context(Shelf([message(n) for n in range(5)]))


@pytest.fixture
def desk(shelf):
    desks = []

    def make(traits=None, server=shelf, **options):
        desks.append(Desk(server, **({} if traits is None else {"traits": traits}), **options))
        return desks[-1]

    yield make
    for each in desks:
        pytest_twisted.blockon(Deferred.fromCoroutine(each.close()))
