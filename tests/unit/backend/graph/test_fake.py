"""The fake Graph refuses what the documentation does not have, and does what it says."""

import threading

import pytest

from tests.support.cloud_client import call
from tests.support.cloud_server import wait
from tests.support.fake_graph import IMMUTABLE, FakeGraph
from tests.support.gateway import wait_until

ME = "/v1.0/me"
INBOX = f"{ME}/mailFolders/inbox"
SIZE = "odata.maxpagesize"


@pytest.fixture
def graph():
    with FakeGraph() as server:
        server.tokens = {"token": "alice@example.org", "app": "*"}
        yield server


def ids_of(graph):
    found = call(graph, "GET", f"{INBOX}/messages", prefer=IMMUTABLE)[1]["value"]
    return [row["id"] for row in reversed(found)]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1.0/me/mail", 400),
        ("GET", f"{INBOX}/messages?$count=true", 400),
        ("GET", f"{INBOX}/messages?$top=1001", 400),
        ("GET", f"{INBOX}/messages?$select=size", 400),
        ("GET", f"{INBOX}/messages/nothing", 404),
        ("GET", f"{ME}/mailFolders/nothing", 404),
        ("GET", f"{INBOX}/messages/delta?$deltatoken=made-up", 400),
        ("PATCH", INBOX, 400),
        ("GET", "/beta/me/mailFolders/inbox", 400),
        ("GET", "/v1.0/users/bob@example.org/mailFolders/inbox", 403),
    ],
)
def test_refuses(graph, method, path, status):
    got, body = call(graph, method, path)
    assert got == status
    assert body["error"]["code"]


def test_tokens(graph):
    assert call(graph, "GET", INBOX, token=None)[0] == 401
    assert call(graph, "GET", INBOX, token="wrong")[0] == 401
    assert call(graph, "GET", INBOX, token="app")[0] == 400  # /me of nobody
    assert (
        call(graph, "GET", "/v1.0/users/ALICE@example.org/mailFolders/inbox", token="app")[0]
        == 200
    )
    assert call(graph, "GET", "/v1.0/users/x@y/mailFolders/inbox", token="app")[0] == 404
    graph.expired.add("token")
    status, body = call(graph, "GET", INBOX)
    assert (status, body["error"]["code"]) == (401, "InvalidAuthenticationToken")


def test_immutable_ids_only_where_they_are_asked_for(graph):
    number = graph.box.add(b"Subject: x\r\n\r\n")
    (immutable,) = ids_of(graph)
    mutable = call(graph, "GET", f"{INBOX}/messages")[1]["value"][0]["id"]
    assert 140 < len(immutable) < 160
    assert call(graph, "GET", f"{ME}/messages/{immutable}")[0] == 404
    graph.box.move(number, "archive")
    graph.box.move(number, "inbox")
    assert ids_of(graph) == [immutable]
    assert call(graph, "GET", f"{ME}/messages/{mutable}")[0] == 404


def test_ids_differ_in_case_alone(graph):
    for _ in range(2):
        graph.box.add(b"x")
    one, other = ids_of(graph)
    assert one != other
    assert one.lower() == other.lower()


def test_delta_pages_changes_and_expiry(graph):
    numbers = [graph.box.add(b"%d" % n) for n in range(5)]
    prefer = f"{IMMUTABLE}, {SIZE}=2"
    url, seen = f"{INBOX}/messages/delta?$select=receivedDateTime", []
    while True:
        status, page = call(graph, "GET", url, prefer=prefer)
        assert status == 200
        assert len(page["value"]) <= 2
        seen += [row["id"] for row in page["value"]]
        if "@odata.deltaLink" in page:
            break
        url = page["@odata.nextLink"]
    assert sorted(seen) == sorted(ids_of(graph))
    link = page["@odata.deltaLink"]
    gone = graph.box.items[numbers[0]].id(True)
    graph.box.purge(numbers[0])
    graph.box.move(numbers[1], "archive")
    graph.box.move(numbers[1], "inbox")
    graph.box.add(b"new")
    found = call(graph, "GET", link, prefer=IMMUTABLE)[1]["value"]
    removed = {row["id"] for row in found if "@removed" in row}
    assert removed == {gone, graph.box.items[numbers[1]].id(True)}
    assert len(found) == 3
    graph.expire_deltas()
    status, body = call(graph, "GET", link, prefer=IMMUTABLE)
    assert (status, body["error"]["code"]) == (410, "SyncStateNotFound")


def test_value_move_and_removal(graph):
    for _ in range(3):
        graph.box.add(b"Subject: x\r\n\r\n.\r\n")
    first, second, third = ids_of(graph)
    assert call(graph, "GET", f"{ME}/messages/{first}/$value", prefer=IMMUTABLE) == (
        200,
        b"Subject: x\r\n\r\n.\r\n",
    )
    move = {"destinationId": "deleteditems"}
    path = f"{ME}/messages/{first}/move"
    assert call(graph, "POST", path, move, prefer=IMMUTABLE)[0] == 201
    assert (
        call(graph, "POST", path, move, prefer=IMMUTABLE, Content_Type="text/plain")[0] == 400
    )
    assert (
        call(graph, "POST", f"{ME}/messages/{second}/permanentDelete", prefer=IMMUTABLE)[0]
        == 204
    )
    assert call(graph, "DELETE", f"{ME}/messages/{second}", prefer=IMMUTABLE)[0] == 404
    graph.scopes["token"] = "Mail.Read"
    assert call(graph, "DELETE", f"{ME}/messages/{third}", prefer=IMMUTABLE)[0] == 403
    assert ids_of(graph) == [third]


def test_batch(graph):
    for _ in range(2):
        graph.box.add(b"x")
    first, second = ids_of(graph)
    headers = {"Prefer": IMMUTABLE}
    parts = [
        {"id": "1", "method": "DELETE", "url": f"/me/messages/{first}", "headers": headers},
        {"id": "2", "method": "DELETE", "url": f"/me/messages/{second}"},
    ]
    status, body = call(graph, "POST", "/v1.0/$batch", {"requests": parts})
    assert status == 200
    assert {each["id"]: each["status"] for each in body["responses"]} == {"1": 204, "2": 404}
    many = [{"id": str(n), "method": "GET", "url": "/me/mailFolders/inbox"} for n in range(21)]
    assert call(graph, "POST", "/v1.0/$batch", {"requests": many})[0] == 400
    assert call(graph, "POST", "/v1.0/$batch", {"requests": [*parts, parts[0]]})[0] == 400


def test_four_at_once(graph):
    graph.box.add(b"x")
    (first,) = ids_of(graph)
    path, event = f"{ME}/messages/{first}/$value", threading.Event()
    graph.fault("VALUE", wait(event))
    threads = [
        threading.Thread(target=call, args=(graph, "GET", path), kwargs={"prefer": IMMUTABLE})
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: graph.most_at_once == 4, what="four requests")
    status, body = call(graph, "GET", INBOX)
    assert (status, body["error"]["code"]) == (429, "ApplicationThrottled")
    event.set()
    for thread in threads:
        thread.join()
    assert call(graph, "GET", INBOX)[0] == 200
