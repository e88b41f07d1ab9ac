import pytest

from gateway.backend.graph.delta import NO_TIME, Round
from gateway.errors import Unavailable

DELTA = {"@odata.deltaLink": "https://x/delta"}


def row(name, received="2026-01-01T00:00:10Z"):
    return {"id": name, "receivedDateTime": received}


def test_pages_are_put_together():
    found = Round()
    following = found.add({"value": [row("a"), row("b")], "@odata.nextLink": "https://x/2"})
    assert (following, found.link) == ("https://x/2", "")
    assert found.add({"value": [row("c")], **DELTA}) == ""
    assert found.link == "https://x/delta"
    assert list(found.received) == ["a", "b", "c"]


def test_an_empty_page_in_the_middle_goes_on():
    assert Round().add({"value": [], "@odata.nextLink": "https://x/2"}) == "https://x/2"


def test_a_delta_link_ends_it_whatever_else_there_is():
    found = Round()
    assert found.add({"value": [], "@odata.nextLink": "https://x/2", **DELTA}) == ""


def test_removed_and_twice():
    found = Round()
    rows = [row("a"), {"id": "b", "@removed": {"reason": "deleted"}}, {"id": "a"}]
    found.add({"value": rows, **DELTA})
    assert found.removed == {"b"}
    assert found.received == {"a": 1767225610}


@pytest.mark.parametrize("received", [None, "", "yesterday", 5, "9999-99-99T00:00:00Z"])
def test_a_time_that_is_none_only_loses_the_order(received):
    found = Round()
    found.add({"value": [row("a", received)], **DELTA})
    assert found.received == {"a": NO_TIME}


@pytest.mark.parametrize(
    "page",
    [
        None,
        [],
        "x",
        {},
        {"value": None, **DELTA},
        {"value": {}, **DELTA},
        {"value": ["a"], **DELTA},
        {"value": [{}], **DELTA},
        {"value": [{"id": 5}], **DELTA},
        {"value": [{"id": ""}], **DELTA},
        {"value": []},
        {"value": [], "@odata.deltaLink": ["x"]},
    ],
)
def test_what_is_no_page(page):
    with pytest.raises(Unavailable):
        Round().add(page)
