"""Listings and changes become records: against a model that has only dictionaries."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backend.http import record as records
from gateway.backend.http.api import Listing, Row, Traits
from gateway.index.texts import DOUBTFUL, LEARNED, UNKNOWN, pack_texts, unpack_texts

IDS = st.sampled_from(["a", "b", "c", "d", "ä", "\udc80", "x" * 99])
SIZES = st.none() | st.integers(-5, 1 << 65)
ROWS = st.builds(Row, IDS, SIZES, st.integers(-3, 3), st.sampled_from(["", "L1", "L2"]))
TRAITS = st.builds(
    Traits,
    exact_octets=st.booleans(),
    delta=st.just(True),
    order=st.sampled_from(["received", "listed"]),
)


def told(octets):
    return octets if octets is not None and 0 <= octets < 1 << 62 else UNKNOWN


def seen(record):
    return {
        id_: (record.octets[i], record.received[i], record.locator(i))
        for i, id_ in enumerate(record.ids)
    }


@given(st.lists(ROWS), TRAITS)
def test_a_listing_has_each_id_once_and_in_order(rows, traits):
    record = records.whole(Listing("e", rows), None, traits)
    first = {}
    for row in rows:
        first.setdefault(row.id, row)
    assert seen(record) == {
        row.id: (told(row.octets), row.received, row.locator) for row in first.values()
    }
    if traits.order == "received":
        assert list(record.ids) == sorted(first, key=lambda id_: (first[id_].received, id_))
    else:
        assert list(record.ids) == list(first)
    doubtful = {row.id for row in rows if row != first[row.id]}
    flagged = {id_ for id_, flags in zip(record.ids, record.flags, strict=True) if flags}
    assert flagged == doubtful


@given(st.lists(ROWS, unique_by=lambda row: row.id), st.data(), TRAITS)
def test_changes_come_to_the_same_as_a_listing_of_everything(rows, data, traits):
    there = {row.id: row for row in rows}
    record = records.whole(Listing("e", rows, {"s": "0"}), None, traits)
    learned = {}
    for step in range(3):
        if there and data.draw(st.booleans()):
            index = data.draw(st.integers(0, len(record) - 1))
            record.octets[index], record.flags[index] = 7, LEARNED
            learned[record.ids[index]] = 7
        came = data.draw(st.lists(ROWS, unique_by=lambda row: row.id))
        gone = set(data.draw(st.lists(IDS))) - {row.id for row in came}
        there = {id_: row for id_, row in there.items() if id_ not in gone}
        if traits.order == "listed":
            there = {id_: row for id_, row in there.items() if id_ not in {r.id for r in came}}
        there |= {row.id: row for row in came}
        learned = {id_: octets for id_, octets in learned.items() if id_ in there}
        listing = Listing("e", came, {"s": str(step)}, True, gone, len(there))
        record = records.changed(listing, record, traits)
        record = unpack_texts("e", "{}", pack_texts(record))
        expected = records.whole(Listing("e", list(there.values())), None, traits)
        assert list(record.ids) == list(expected.ids)
        for i, id_ in enumerate(record.ids):
            assert record.octets[i] == learned.get(id_, told(there[id_].octets))
            assert record.locator(i) == there[id_].locator


@given(st.lists(ROWS, unique_by=lambda row: row.id), st.sets(IDS), TRAITS)
def test_what_was_removed_is_not_there_and_all_else_is(rows, removed, traits):
    record = records.whole(Listing("e", rows), None, traits)
    left = records.without(record, removed, traits)
    assert seen(left) == {id_: row for id_, row in seen(record).items() if id_ not in removed}
    assert list(left.ids) == [id_ for id_ in record.ids if id_ not in removed]


EXACT = Traits(exact_octets=True, delta=True)


def test_too_few_rows_are_no_listing():
    assert records.whole(Listing("e", [Row("a")], total=2), None, EXACT) is None
    assert records.whole(Listing("e", [Row("a")], total=0), None, EXACT) is not None


def test_a_row_that_comes_twice_stands_for_no_other():
    """A page that moved, or a server that gives the same page again."""
    twice = [Row("a", 1), Row("b", 1), Row("b", 1)]
    assert records.whole(Listing("e", twice, total=3), None, EXACT) is None
    assert records.whole(Listing("e", twice, total=3), None, EXACT, twice=True) is not None
    assert records.whole(Listing("e", twice, total=2), None, EXACT) is not None


def test_two_messages_of_one_id_are_two():
    rows = [Row("a", 1), Row("a", 2), Row("a", 3)]
    assert records.whole(Listing("e", rows, total=3), None, EXACT) is not None


@pytest.mark.parametrize("total", [1, 3])
def test_changes_that_do_not_add_up_fit_nothing(total):
    record = records.whole(Listing("e", [Row("a")]), None, EXACT)
    changes = Listing("e", [Row("b")], changes=True, total=total)
    assert records.changed(changes, record, EXACT) is None
    assert records.changed(replace(changes, total=2), record, EXACT) is not None


def test_another_epoch_learns_nothing_from_the_one_before():
    record = records.whole(Listing("e", [Row("a", 5)]), None, EXACT)
    record.octets[0], record.flags[0] = 9, LEARNED
    assert list(records.whole(Listing("e", [Row("a", 5)]), record, EXACT).octets) == [9]
    assert list(records.whole(Listing("f", [Row("a", 5)]), record, EXACT).octets) == [5]
    changes = Listing("f", [], changes=True)
    assert records.changed(changes, record, EXACT) is None


def test_doubt_stays_until_everything_is_listed():
    record = records.whole(Listing("e", [Row("a", 1), Row("a", 2)]), None, EXACT)
    changed = records.changed(Listing("e", [Row("b", 1)], changes=True), record, EXACT)
    assert [flags & DOUBTFUL for flags in changed.flags] == [DOUBTFUL, 0]


def test_what_is_unknown_is_announced_as_usual():
    record = records.whole(Listing("e", [Row("a", 10), Row("b", 30), Row("c")]), None, EXACT)
    assert list(records.announced(record)) == [10, 30, 20]
    empty = records.whole(Listing("e", [Row("a")]), None, EXACT)
    assert list(records.announced(empty)) == [4096]
    assert records.unlearned(record, EXACT) == [2]
    assert records.unlearned(record, replace(EXACT, exact_octets=False)) == [0, 1, 2]
