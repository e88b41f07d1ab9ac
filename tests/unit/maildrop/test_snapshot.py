"""The frozen maildrop, and its marks against a plain model."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.maildrop import CommitPlan, Maildrop, Marks, Outcome


def maildrop(*octets):
    count = len(octets)
    refs = [100 + n for n in range(count)]
    return Maildrop("7", refs, list(octets), [b"7.%d" % ref for ref in refs])


def test_total_is_kept():
    assert maildrop(1, 20, 300).total == 321
    assert maildrop().total == 0


def test_total_passes_the_32_bit_border():
    assert maildrop(2**32 - 1, 2**32 - 1).total == 2**33 - 2


def test_packed_arrays_do_as_columns():
    box = Maildrop("1", array("I", [4, 9]), array("Q", [5, 2**33]), [b"1.4", b"1.9"])
    assert (len(box), box.total) == (2, 2**33 + 5)


@pytest.mark.parametrize(
    "columns", [([1], [1], []), ([1], [], [b"a"]), ([], [1], [b"a"]), ([1, 2], [1], [b"a"])]
)
def test_columns_of_different_length_are_refused(columns):
    with pytest.raises(ValueError, match="one length"):
        Maildrop("1", *columns)


def test_repr_is_short_for_any_size():
    assert repr(maildrop(*[5] * 1000)) == "<Maildrop of 1000 messages, 5000 octets>"


def test_plan_is_in_order_and_of_the_epoch():
    marks = Marks(maildrop(1, 2, 3, 4))
    for number in (4, 1, 3):
        marks.add(number)
    assert marks.plan() == CommitPlan("7", (100, 102, 103))


def test_plan_does_not_follow_later_marks():
    marks = Marks(maildrop(1, 2))
    marks.add(1)
    plan = marks.plan()
    marks.add(2)
    assert plan.remove == (100,)


@given(
    st.lists(st.integers(0, 2**34), min_size=1, max_size=20),
    st.lists(st.one_of(st.none(), st.integers(1, 20)), max_size=40),
)
def test_marks_are_a_set_of_numbers(octets, steps):
    box, model = maildrop(*octets), set()
    marks = Marks(box)
    for number in steps:
        if number is None:
            marks.clear()
            model.clear()
        elif number <= len(octets) and number not in model:
            marks.add(number)
            model.add(number)
        assert len(marks) == len(model)
        assert list(marks) == sorted(model)
        assert marks.octets == sum(octets[n - 1] for n in model)
        assert [n in marks for n in range(22)] == [n in model for n in range(22)]
        assert marks.plan().remove == tuple(99 + n for n in sorted(model))


def test_without_numbers_the_rest_anew():
    rest = maildrop(1, 20, 300).without(frozenset([101, 999]))
    assert (rest.epoch, list(rest.refs), rest.total) == ("7", [100, 102], 301)
    assert list(rest.octets) == [1, 300]
    assert list(rest.unique_ids) == [b"7.100", b"7.102"]


def test_outcome_is_a_value():
    assert Outcome((1,), (2,)) == Outcome((1,), (2,))
