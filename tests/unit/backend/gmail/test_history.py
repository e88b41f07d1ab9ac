import pytest

from gateway.backend.gmail.history import Changes, Unclear
from gateway.errors import Unavailable


def change(name, labels=("INBOX",), moved=None):
    message = {"id": name, "threadId": "t"}
    if labels is not None:
        message["labelIds"] = list(labels)
    return {"message": message, **({} if moved is None else {"labelIds": list(moved)})}


def fold(*records, **page):
    changes = Changes()
    token = changes.add({"history": list(records), "historyId": "9", **page})
    return changes, token


def test_what_came_and_what_left():
    changes, token = fold(
        {"id": "1", "messagesAdded": [change("a"), change("sent", ["SENT"])]},
        {"id": "2", "labelsRemoved": [change("old", ["UNREAD"], ["INBOX"])]},
        {"id": "3", "messagesDeleted": [change("b")]},
        {"id": "4", "labelsAdded": [change("c", ["INBOX"], ["INBOX"])]},
        {"id": "5", "labelsAdded": [change("d", ["TRASH"], ["TRASH"])]},
        {"id": "6", "labelsRemoved": [change("a", ["INBOX"], ["UNREAD"])]},
        nextPageToken="more",
    )
    assert token == "more"
    assert changes.came == ["a", "c"]
    assert changes.left == {"sent", "old", "b", "d"}
    assert changes.history == "9"


def test_the_last_word_counts():
    changes, _ = fold(
        {"id": "1", "messagesAdded": [change("a")]},
        {"id": "2", "messagesAdded": [change("b")]},
        {"id": "3", "labelsRemoved": [change("a", [], ["INBOX"])]},
        {"id": "4", "labelsAdded": [change("a", ["INBOX"], ["INBOX"])]},
        {"id": "5", "messagesDeleted": [change("b", None)]},
    )
    assert changes.came == ["a"]
    assert changes.left == {"b"}


def test_back_from_the_trash_with_its_label():
    changes, _ = fold({"id": "1", "labelsRemoved": [change("a", ["INBOX"], ["TRASH"])]})
    assert changes.came == ["a"]
    changes, _ = fold({"id": "1", "labelsRemoved": [change("a", ["SENT"], ["TRASH"])]})
    assert changes.left == {"a"}


def test_in_the_trash_though_labelled():
    changes, _ = fold({"id": "1", "labelsAdded": [change("a", ["INBOX", "TRASH"], ["INBOX"])]})
    assert changes.left == {"a"}


@pytest.mark.parametrize(
    "record",
    [
        {"id": "1", "messagesAdded": [change("a", None)]},
        {"id": "1", "labelsRemoved": [change("a", None, ["SPAM"])]},
    ],
)
def test_what_does_not_say_enough(record):
    with pytest.raises(Unclear):
        fold(record)


@pytest.mark.parametrize(
    "page",
    [
        None,
        [],
        {"history": None},
        {"history": ["x"]},
        {"history": [{"messagesAdded": [{}]}]},
        {"history": [{"messagesAdded": [{"message": {"id": []}}]}]},
        {"history": [{"messagesDeleted": ["x"]}]},
    ],
)
def test_no_history(page):
    with pytest.raises(Unavailable):
        Changes().add(page)
