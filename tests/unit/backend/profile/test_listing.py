from hypothesis import given
from hypothesis import strategies as st

from gateway.backend.http.api import Row
from gateway.backend.profile.listing import Listed, _age
from gateway.backend.profile.rows import Item


def test_messages_of_one_moment_are_in_the_order_of_their_numbers():
    rows = [Row(str(number), received=5) for number in (10, 9, 100, 2)]
    assert [row.id for row in sorted(rows, key=_age)] == ["2", "9", "10", "100"]


@given(st.lists(st.tuples(st.integers(), st.text(max_size=40)), max_size=20))
def test_any_ids_have_one_order(pairs):
    rows = [Row(text, received=moment) for moment, text in pairs]
    first = sorted(rows, key=_age)
    rows.reverse()
    assert sorted(rows, key=_age) == first
    assert [row.received for row in first] == sorted(row.received for row in rows)


def test_what_comes_twice_counts_once_and_what_differs_counts():
    listed = Listed()
    assert listed.add([Item("a", "a", 1, 0), Item("b", "b", 1, 0)])
    assert listed.add([Item("b", "b", 1, 0), Item("c", "c", 1, 0)])
    assert not listed.add([Item("c", "c", 1, 0)])
    assert listed.add([Item("c", "c", 2, 0)])
    assert [row.id for row in listed.rows] == ["a", "b", "c", "c"]


def test_an_id_that_is_not_the_key_is_kept_besides():
    listed = Listed()
    listed.add([Item("1:7.3:now", "7", 1, 0), Item("8", "8", 1, 0)])
    assert [row.locator for row in listed.rows] == ["7", ""]
