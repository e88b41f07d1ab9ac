from gateway.backend.http.count import after_all, expected, is_settled, kept


def test_a_count_that_fits():
    state = after_all(5, 5, {})
    assert is_settled(state)
    assert expected(6, state) == 6


def test_a_difference_is_doubted_once_and_then_believed():
    first = after_all(5, 7, {})
    assert not is_settled(first)
    assert expected(7, first) == 7
    second = after_all(5, 7, first)
    assert is_settled(second)
    assert expected(7, second) == 5
    assert expected(9, second) == 7


def test_a_difference_that_goes_is_forgotten():
    state = after_all(6, 6, after_all(5, 6, {}))
    assert is_settled(state)
    assert expected(6, state) == 6


def test_fewer_than_listed():
    state = after_all(5, 4, after_all(5, 4, {}))
    assert expected(4, state) == 5


def test_no_count():
    assert after_all(5, None, {"surplus": "1"}) == {}
    assert is_settled({})
    assert expected(None, {"settled": "1"}) is None


def test_kept():
    state = after_all(5, 7, {})
    assert kept({**state, "link": "x"}) == state
    assert kept({}) == {}
