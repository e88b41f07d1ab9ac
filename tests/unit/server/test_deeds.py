"""Every deed ends in exactly one call, and a defect is an event without values."""

import pytest
from twisted.internet.defer import Deferred

from gateway.errors import BadCredentials, Unavailable
from tests.unit.access.deeds import Running

SECRET = "hunter2 hunter2"


async def returns(value):
    return value


async def raises(error):
    secret = SECRET
    raise error(secret)


async def waits(deferred):
    return await deferred


def test_a_value_is_handed_on(world):
    got = []
    world.deeds.run(returns(7), world.emit, got.append)
    assert got == [7]


def test_a_failure_is_handed_on_as_it_is(world):
    got = []
    world.deeds.run(raises(BadCredentials), world.emit, got.append)
    assert [type(one) for one in got] == [BadCredentials]
    assert world.events == []


@pytest.mark.parametrize("error", [RuntimeError, KeyError, AssertionError, OSError])
def test_any_other_exception_is_unavailable_and_an_event_without_its_text(world, error):
    got = []
    world.deeds.run(raises(error), world.emit, got.append)
    assert [type(one) for one in got] == [Unavailable]
    assert SECRET not in got[0].detail
    (event,) = world.named("internal_error")
    assert error.__name__ in event.traceback
    assert "raises" in event.traceback
    assert SECRET not in event.traceback


def test_a_defect_in_whoever_is_told_is_an_event_and_not_a_second_call(world):
    calls = []

    def done(result):
        calls.append(result)
        raise RuntimeError(SECRET)

    world.deeds.run(returns(1), world.emit, done)
    world.deeds.run(raises(Unavailable), world.emit, done)
    assert len(calls) == 2
    assert len(world.named("internal_error")) == 2
    assert not any(SECRET in event.traceback for event in world.events)


def test_finished_waits_for_all(world):
    first, second = Deferred(), Deferred()
    world.deeds.run(waits(first), world.emit, lambda _: None)
    world.deeds.run(waits(second), world.emit, lambda _: None)
    finished = Running(world.deeds.finished())
    first.callback(None)
    assert not finished.result
    second.errback(RuntimeError())
    assert finished.result == [None]


def test_finished_is_at_once_when_nothing_is_under_way(world):
    assert Running(world.deeds.finished()).result == [None]
