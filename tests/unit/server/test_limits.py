from gateway.server.limits import ConnectionCount
from gateway.server.settings import LimitSettings


def count(**limits):
    return ConnectionCount(LimitSettings(**limits))


def test_so_many_in_all_and_no_more():
    connections = count(connections=2)
    assert [connections.enter(str(n)) for n in range(3)] == [True, True, False]
    assert connections.total == 2


def test_so_many_from_one_address_and_no_more():
    connections = count(connections_per_address=2)
    assert [connections.enter("a") for _ in range(3)] == [True, True, False]
    assert connections.enter("b")


def test_whoever_leaves_makes_room():
    connections = count(connections=1)
    assert connections.enter("a")
    connections.leave("a")
    assert connections.enter("b")


def test_addresses_that_left_are_forgotten():
    connections = count()
    for number in range(1000):
        connections.enter(str(number))
        connections.leave(str(number))
    assert not connections._by_address
    assert connections.total == 0


def test_a_refused_address_is_not_remembered():
    connections = count(connections=1)
    connections.enter("a")
    for number in range(1000):
        connections.enter(str(number))
    assert list(connections._by_address) == ["a"]
