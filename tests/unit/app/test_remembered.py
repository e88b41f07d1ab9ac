"""A flood of questions is answered a few times a second."""

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from gateway.app.remembered import Remembered
from gateway.errors import Unavailable


def begin(remembered):
    return Deferred.fromCoroutine(remembered.get())


def test_it_is_found_once_for_all_who_ask_within_a_moment():
    clock, waits = Clock(), []

    async def find():
        waits.append(Deferred())
        return await waits[-1]

    remembered = Remembered(find, clock)
    asked = [begin(remembered) for _ in range(100)]
    waits[0].callback("good")
    got = []
    for each in [*asked, *(begin(remembered) for _ in range(100))]:
        each.addCallback(got.append)
    assert got == ["good"] * 200
    assert len(waits) == 1
    clock.advance(1)
    begin(remembered)
    assert len(waits) == 2


def test_what_could_not_be_found_is_not_remembered():
    async def find():
        raise Unavailable("away")

    remembered = Remembered(find, Clock())
    for _ in range(2):
        failed = []
        begin(remembered).addErrback(failed.append)
        with pytest.raises(Unavailable):
            failed[0].raiseException()
