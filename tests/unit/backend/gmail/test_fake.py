"""The fake Gmail refuses what the documentation does not have, and does what it says."""

import base64

import pytest

from tests.support.cloud_client import call
from tests.support.fake_gmail import MODIFY, READ, FakeGmail

ME = "/gmail/v1/users/me"


@pytest.fixture
def gmail():
    with FakeGmail() as server:
        yield server


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/gmail/v1/users/bob@example.org/profile", 403, "forbidden"),
        ("GET", f"{ME}/nothing", 404, "notFound"),
        ("GET", f"{ME}/messages?labelIds=INBOX&maxResults=501", 400, "invalidArgument"),
        ("GET", f"{ME}/messages?labelIds=INBOX&order=asc", 400, "invalidArgument"),
        ("GET", f"{ME}/messages?labelIds=INBOX&pageToken=1", 400, "invalidArgument"),
        ("GET", f"{ME}/messages/18c0", 404, "notFound"),
        ("GET", f"{ME}/history?startHistoryId=x", 400, "invalidArgument"),
        ("GET", f"{ME}/history?startHistoryId=99999", 404, "notFound"),
        ("DELETE", f"{ME}/messages/18c0", 404, "notFound"),
    ],
)
def test_refuses(gmail, method, path, status, reason):
    got, body = call(gmail, method, path)
    assert got == status
    assert body["error"]["errors"][0]["reason"] == reason


def test_tokens_and_scopes(gmail):
    key = gmail.box.add(b"x")
    assert call(gmail, "GET", f"{ME}/profile", token=None)[0] == 401
    assert call(gmail, "GET", f"{ME}/profile", token="wrong")[0] == 401
    gmail.scopes["token"] = {READ}
    assert call(gmail, "POST", f"{ME}/messages/{key}/trash")[0] == 403
    gmail.scopes["token"] = {MODIFY}
    assert call(gmail, "DELETE", f"{ME}/messages/{key}")[0] == 403
    assert call(gmail, "POST", f"{ME}/messages/{key}/trash")[0] == 200
    gmail.expired.add("token")
    assert call(gmail, "GET", f"{ME}/profile")[0] == 401


def test_lists_newest_first_in_pages_that_stay(gmail):
    keys = [gmail.box.add(b"%d" % n) for n in range(5)]
    path = f"{ME}/messages?labelIds=INBOX&maxResults=2"
    first = call(gmail, "GET", path)[1]
    gmail.box.add(b"new")
    second = call(gmail, "GET", f"{path}&pageToken={first['nextPageToken']}")[1]
    found = [each["id"] for page in (first, second) for each in page["messages"]]
    assert found == keys[:0:-1]
    assert set(first["messages"][0]) == {"id", "threadId"}


def test_raw_and_estimate(gmail):
    key = gmail.box.add(bytes(range(256)))
    raw = call(gmail, "GET", f"{ME}/messages/{key}?format=raw")[1]
    assert base64.urlsafe_b64decode(raw["raw"]) == bytes(range(256))
    minimal = call(gmail, "GET", f"{ME}/messages/{key}?format=minimal")[1]
    assert "raw" not in minimal
    assert minimal["sizeEstimate"] != 256


def test_history(gmail):
    start = gmail.box.history
    first, second = gmail.box.add(b"1"), gmail.box.add(b"2")
    gmail.box.label(first, remove={"INBOX"})
    gmail.box.delete(second)
    status, body = call(gmail, "GET", f"{ME}/history?startHistoryId={start}&labelId=INBOX")
    assert status == 200
    kinds = [
        next(key for key in each if key not in {"id", "messages"}) for each in body["history"]
    ]
    assert kinds == ["messagesAdded", "messagesAdded", "labelsRemoved", "messagesDeleted"]
    assert body["historyId"] == str(gmail.box.history)
    gmail.box.forget_history()
    assert call(gmail, "GET", f"{ME}/history?startHistoryId={start}")[0] == 404


def test_batches(gmail):
    keys = [gmail.box.add(b"%d" % n) for n in range(3)]
    move = {"addLabelIds": ["TRASH"], "removeLabelIds": ["INBOX"]}
    path = f"{ME}/messages/batchModify"
    assert call(gmail, "POST", path, {"ids": [*keys[:1], "18c0"], **move})[0] == 404
    assert len(gmail.box.inbox) == 3
    assert call(gmail, "POST", path, {"ids": keys[:1], **move})[0] == 204
    assert call(gmail, "POST", path, {"ids": ["x"] * 1001, **move})[0] == 400
    assert (
        call(gmail, "POST", f"{ME}/messages/batchDelete", {"ids": [keys[1], "18c0"]})[0] == 204
    )
    assert [mail.id for mail in gmail.box.inbox] == [keys[2]]


def test_quota(gmail):
    gmail.allow(25, seconds=60)
    key = gmail.box.add(b"x")
    assert call(gmail, "GET", f"{ME}/messages/{key}?format=raw")[0] == 200
    status, body = call(gmail, "GET", f"{ME}/messages/{key}?format=raw")
    assert status == 403
    assert body["error"]["errors"][0]["reason"] == "userRateLimitExceeded"
    assert gmail.spent == 20
