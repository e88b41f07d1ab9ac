"""How many connections there may be, in this worker and in all."""

import mmap
import os

import pytest

from gateway.server.limits import Places
from gateway.server.settings import LimitSettings


def places(workers=1, **limits):
    return Places(LimitSettings(**limits), workers)


def test_so_many_in_all_and_no_more():
    here = places(connections=2)
    assert [here.enter(str(n)) for n in range(3)] == [True, True, False]
    assert here.total == 2


def test_so_many_from_one_address_and_no_more():
    here = places(connections_per_address=2)
    assert [here.enter("a") for _ in range(3)] == [True, True, False]
    assert here.enter("b")


def test_whoever_leaves_makes_room():
    here = places(connections=1)
    assert here.enter("a")
    here.leave("a")
    assert here.enter("b")


def test_addresses_that_left_leave_nothing_behind():
    here = places()
    for number in range(1000):
        here.enter(str(number))
        here.leave(str(number))
    assert here.total == 0
    assert not any(here._memory)


def test_a_refused_address_is_not_counted():
    here = places(connections=1)
    here.enter("a")
    before = here._memory.tobytes()
    for number in range(1000):
        assert not here.enter(str(number))
    assert here._memory.tobytes() == before


def test_workers_share_the_limit_in_all():
    first = places(workers=3, connections=3)
    others = [first.seat(1), first.seat(2)]
    assert [each.enter("x") for each in (first, *others, first)] == [True, True, True, False]
    assert {each.total for each in (first, *others)} == {3}
    others[0].leave("x")
    assert first.enter("y")


def test_workers_share_the_limit_of_an_address():
    first = places(workers=2, connections_per_address=2)
    second = first.seat(1)
    assert first.enter("a")
    assert second.enter("a")
    assert not first.enter("a")
    assert not second.enter("a")
    assert second.enter("b")


def test_what_a_dead_worker_held_is_free():
    first = places(workers=2, connections=4, connections_per_address=3)
    second = first.seat(1)
    for address in ("a", "a", "b"):
        assert second.enter(address)
    assert first.enter("a")
    assert not first.enter("c")
    first.clear(1)
    assert first.total == 1
    assert [second.enter("a") for _ in range(3)] == [True, True, False]


@pytest.mark.timeout(20)
def test_another_process_counts_in_the_same_memory():
    here = places(workers=2, connections=2)
    here.enter("a")
    child = os.fork()
    if child == 0:
        os._exit(0 if here.seat(1).enter("a") else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert here.total == 2
    assert not here.enter("a")


def test_the_memory_is_small_and_shared():
    here = places(workers=4)
    assert isinstance(here._memory.obj, mmap.mmap)
    assert here._memory.nbytes < 2 << 20
