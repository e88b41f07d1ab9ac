"""Places for requests: never more than allowed, in the order of asking, none lost."""

import pytest
from twisted.internet.defer import CancelledError

from gateway.backend.http.slots import Slots


def test_places_are_given_in_order_and_given_back():
    slots = Slots(2)
    taken = [slots.take() for _ in range(4)]
    assert [each.called for each in taken] == [True, True, False, False]
    slots.give()
    assert [each.called for each in taken] == [True, True, True, False]
    assert slots.free == 0
    for _ in range(3):
        slots.give()
    assert slots.free == 2


def test_who_asks_no_more_is_passed_over():
    slots = Slots(1)
    slots.take()
    first, second = slots.take(), slots.take()
    first.cancel()
    first.addErrback(lambda reason: reason.trap(CancelledError))
    slots.give()
    assert second.called
    slots.give()
    assert slots.free == 1


@pytest.mark.parametrize("limit", [1, 5])
def test_the_limit_may_change(limit):
    slots = Slots(3)
    for _ in range(3):
        slots.take()
    waiting = slots.take()
    slots.limit = limit
    slots.give()
    assert waiting.called is (limit == 5)
