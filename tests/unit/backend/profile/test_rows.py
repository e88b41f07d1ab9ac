import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backend.profile import rows
from gateway.backend.profile.rows import BadList, Reader
from tests.unit.backend.profile.samples import profile

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "size", "at", "items", "n"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


def reader(**tables):
    return Reader(profile(**tables))


FULL = {"list": {"items": "/items", "size": "/size", "received": "/at", "total": "/n"}}


def test_messages_of_a_list():
    answer = {
        "n": 3,
        "items": [
            {"id": "a", "size": 5, "at": "2024-01-02T03:04:05Z"},
            {"id": 7, "size": -5, "at": 12.5},
            {"id": "c/d", "size": "5", "at": "2024-01-02T05:04:05.250+02:00"},
        ],
    }
    found = reader(**FULL).items(answer)
    assert [(one.key, one.id, one.octets) for one in found] == [
        ("a", "a", 5),
        ("7", "7", None),
        ("c/d", "c/d", None),
    ]
    assert [one.received for one in found] == [1704164645000, 12500, 1704164645250]
    assert reader(**FULL).total(answer) == 3


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {"items": None},
        {"items": {"id": 1}},
        {"items": "x"},
        {"items": [None]},
        {"items": [{}]},
        {"items": [{"id": ""}]},
        {"items": [{"id": None}]},
        {"items": [{"id": True}]},
        {"items": [{"id": 1.5}]},
        {"items": [{"id": ["a"]}]},
        {"items": [{"id": "x" * 5000}]},
        {"items": [{"id": "."}]},
        {"items": [{"id": ".."}]},
        {"items": [{"id": "all"}]},
        {"items": [{"id": "ok"}, {"id": "all"}]},
    ],
)
def test_what_is_no_list_is_never_an_empty_one(answer):
    with pytest.raises(BadList):
        reader(**FULL, ids={"reserved": ["all"]}).items(answer)


def test_an_empty_list_is_one():
    assert reader(**FULL).items({"items": []}) == []
    assert reader(**FULL).items({"items": None, "n": 0}) == []
    with pytest.raises(BadList):
        reader(**FULL).items({"items": None, "n": 1})


@given(JSON)
def test_any_json_is_a_list_or_refused(answer):
    try:
        found = reader(**FULL).items(answer)
    except BadList:
        return
    assert len(found) == len(answer["items"] or ())
    assert all(one.id for one in found)


def test_a_time_is_needed_only_where_it_orders():
    answer = {"items": [{"id": "a", "at": "yesterday"}]}
    assert reader(**FULL).items(answer)[0].received == 0
    ordered = {"list": {**FULL["list"], "order": "received"}}
    with pytest.raises(BadList):
        reader(**ordered).items(answer)


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), min_size=2, max_size=2, unique=True))
def test_what_else_makes_an_id_keeps_messages_apart(pairs):
    made = reader(ids={"also": ["/subject"]})
    items = [{"id": one, "subject": two} for one, two in pairs]
    try:
        first, second = made.items(items)
    except BadList:
        return
    assert first.key != second.key


def test_a_number_given_again_is_another_message():
    made = reader(ids={"also": ["/created"]})
    first, second = made.items([{"id": 7, "created": "12:00"}, {"id": 7, "created": "12:01"}])
    assert first.id == second.id == "7"
    assert first.key != second.key


def test_values_to_take():
    answer = {
        "id": 5,
        "t": {"token": "x"},
        "empty": "",
        "list": [],
        "dots": "..",
        "crlf": "a\r\nb",
    }
    assert rows.take({"a": "/id", "b": "/t/token"}, answer) == {"a": "5", "b": "x"}
    for pointer in ("/nothing", "/empty", "/list", "/t", "/id/x", "/dots", "/crlf"):
        with pytest.raises(BadList):
            rows.take({"a": pointer}, answer)


def test_state_is_told_apart_and_only_believed_when_whole():
    assert rows.state(["/a", "/b"], {"a": 1, "b": 23}) != rows.state(
        ["/a", "/b"], {"a": 12, "b": 3}
    )
    assert rows.state(["/a", "/b"], {"a": 1}) == ""
    assert rows.state(["/a"], {"a": None}) == ""
    assert rows.state(["/a"], {"a": True}) == ""


@pytest.mark.parametrize("end", [None, False, "", "missing"])
def test_a_cursor_that_ends(end):
    assert rows.next_cursor("/next", {} if end == "missing" else {"next": end}) == ""


def test_a_cursor_that_goes_on():
    assert rows.next_cursor("/next", {"next": "abc"}) == "abc"
    assert rows.next_cursor("/next", {"next": 5}) == "5"
    for value in (True, [], {}, 1.5):
        with pytest.raises(BadList):
            rows.next_cursor("/next", {"next": value})
