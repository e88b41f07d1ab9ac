"""Pages of one state, and changes since another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mailbox_server.history import History
from gateway.mailbox_server.problems import Problem
from gateway.mailbox_server.store import Message


def messages(*ids):
    return tuple(Message(each, len(each), "2026-01-01T00:00:00Z") for each in ids)


def ids(found):
    return [message.id for message in found]


def kind(call, *args):
    with pytest.raises(Problem) as raised:
        call(*args)
    return raised.value.status, raised.value.kind


@pytest.fixture
def history():
    return History("ab", 100)


def test_pages_of_one_cursor_show_one_state(history):
    history.update(messages("a", "b", "c", "d"))
    first = history.page(None, 3)
    history.update(messages("a", "d", "e"))
    second = history.page(first.next, 3)
    assert (ids(first.messages), ids(second.messages)) == (["a", "b", "c"], ["d"])
    assert (second.state, second.total, second.total_size) == (first.state, 4, 4)
    assert second.next is None
    assert ids(history.page(None, 9).messages) == ["a", "d", "e"]


def test_what_is_new_goes_to_the_end_whatever_its_place(history):
    history.update(messages("m", "n"))
    history.update(messages("a", "m", "n"))
    assert ids(history.page(None, 9).messages) == ["m", "n", "a"]


def test_a_list_that_is_not_kept_is_410(history):
    history.update(messages("a", "b"))
    cursor = history.page(None, 1).next
    for number in range(20):
        history.update(messages("a", f"b{number}"))
        history.page(None, 1)
    for gone in (cursor, "nonsense", "ab.999:1", f"{history.state}:2", f"{history.state}:99"):
        assert kind(history.page, gone, 1) == (410, "cursor-expired")


def test_the_first_list_changes_the_state_too(history):
    before = history.state
    history.update(())
    assert history.state == before
    history.update(messages("a"))
    assert history.state != before
    assert ids(history.changes(before, 9).created) == ["a"]


def test_a_message_that_came_and_went_is_not_told(history):
    history.update(messages("a"))
    since = history.state
    history.update(messages("a", "b"))
    history.update(messages("a"))
    changes = history.changes(since, 9)
    assert (changes.created, changes.destroyed, changes.more) == ([], [], False)
    assert changes.end == history.state != since


def test_unknown_states_are_410(history):
    for number in range(150):
        history.update(messages(f"m{number}"))
    for since in ("ab.0", "ab.99999", "cd.200", "ab.", "ab", "x", "ab.-1", "ab.2٣"):
        assert kind(history.changes, since, 9) == (410, "state-unknown")
    assert history.was_there("m148")
    assert not history.was_there("m1")


LISTS = st.lists(st.sets(st.sampled_from("abcdefgh"), max_size=8), max_size=12)


@given(LISTS, st.integers(1, 5), st.data())
def test_changes_lead_from_any_state_to_the_present_list(lists, limit, data):
    history = History("ab", 1000)
    known = {history.state: set()}
    for listed in lists:
        history.update(messages(*sorted(listed)))
        known[history.state] = listed
    since = data.draw(st.sampled_from(sorted(known)))
    have, more = set(known[since]), True
    while more:
        changes = history.changes(since, limit)
        assert not set(ids(changes.created)) & set(changes.destroyed)
        have = (have - set(changes.destroyed)) | set(ids(changes.created))
        since, more = changes.end, changes.more
    assert have == set(ids(history.page(None, 99).messages))
    assert since == history.state
