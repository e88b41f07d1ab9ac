"""The reference server of the REST mailbox contract, over real HTTP."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.support.gateway import wait_until
from tests.support.mail import awkward, big, crlf_form
from tests.support.mailbox_server import MailboxServer

pytestmark = pytest.mark.servers
CONTRACT = Path(__file__).parents[2] / "docs" / "rest-mailbox" / "openapi.yaml"
LIMITS = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture
def server():
    with MailboxServer("--page", "10", "--bulk-delete", "3", "--history", "20") as running:
        yield running
        assert "Traceback" not in running.log_text(), running.log_text()
        assert "twisted:" not in running.log_text(), running.log_text()
        assert running.password not in running.log_text()


def deliver(server, count):
    for number in range(count):
        server.mail.deliver(b"Subject: %d\n\n%d\n" % (number, number))
    return server.listed()


def kind(answer):
    status, fields, octets = answer
    assert fields["Content-Type"] == "application/problem+json"
    problem = json.loads(octets)
    assert problem["status"] == status
    return status, problem["type"]


def delete(server, ids, key="key", **more):
    body = {"generation": "1", "ids": ids, "mode": "purge", **more}
    return server.request("POST", "/messages/delete", body, Idempotency_Key=key)


@pytest.mark.timeout(300)
def test_it_is_what_the_contract_says(server):
    deliver(server, 9)
    command = [
        *(str(Path(sys.executable).with_name("st")), "--config-file", str(LIMITS), "run"),
        *(str(CONTRACT), "--url", server.url, "--auth", f"{server.user}:{server.password}"),
        *("--checks", "all", "--max-examples", "40", "--generation-deterministic"),
        "--no-color",
    ]
    done = subprocess.run(
        command, cwd=server.directory, capture_output=True, timeout=250, check=False
    )
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, said[-8000:]
    assert "Tested: 9" in said


def test_every_octet_of_awkward_mail(server):
    mail = [*awkward().values(), b"".join(big(3_000_000))]
    for message in mail:
        server.mail.deliver(message)
    listed, cursor = [], ""
    while cursor is not None:
        page = server.get(f"/messages?{urlencode({'cursor': cursor} if cursor else {})}")
        listed += page["messages"]
        cursor = page["next"]
    assert page["total"] == len(listed) == len(mail)
    assert page["totalSize"] == sum(message["size"] for message in listed)
    for message, sent in zip(listed, mail, strict=True):
        status, fields, octets = server.request("GET", f"/messages/{message['id']}/raw")
        assert (status, octets) == (200, crlf_form(sent))
        assert int(fields["Content-Length"]) == message["size"]
        assert fields["ETag"] == message["etag"]
        status, fields, octets = server.request("HEAD", f"/messages/{message['id']}/raw")
        assert (status, octets) == (200, b"")
        assert int(fields["Content-Length"]) == message["size"]


def test_ranges(server):
    message = b"".join(big(500_000))
    server.mail.deliver(message.replace(b"\r\n", b"\n"))
    (listed,) = server.listed()
    path = f"/messages/{listed['id']}/raw"
    status, fields, octets = server.request("GET", path, Range="bytes=300000-")
    assert (status, octets) == (206, message[300_000:])
    assert fields["Content-Range"] == "bytes 300000-499999/500000"
    same = {"Range": "bytes=5-9", "If_Range": listed["etag"]}
    assert server.request("GET", path, **same)[2] == message[5:10]
    other = {"Range": "bytes=5-9", "If_Range": '"other"'}
    assert server.request("GET", path, **other)[0] == 200
    answer = server.request("GET", path, Range="bytes=500000-")
    assert kind(answer) == (416, "range-empty")
    assert answer[1]["Content-Range"] == "bytes */500000"


def test_the_list_is_304_until_something_changes(server):
    deliver(server, 2)
    _, fields, octets = server.request("GET", "/messages")
    tag, state = fields["ETag"], json.loads(octets)["state"]
    assert server.get("/session")["state"] == state
    status, fields, octets = server.request("GET", "/messages", If_None_Match=tag)
    assert (status, fields["ETag"], octets) == (304, tag, b"")
    server.mail.deliver(b"new\n")
    assert server.request("GET", "/messages", If_None_Match=tag)[0] == 200
    changes = server.get(f"/changes?since={state}")
    assert [message["size"] for message in changes["created"]] == [5]
    assert changes["destroyed"] == []


def test_states_out_of_memory_are_410(server):
    state = server.get("/session")["state"]
    deliver(server, 25)
    assert kind(server.request("GET", f"/changes?since={state}")) == (410, "state-unknown")


def test_a_deletion_is_done_once(server):
    first, second, third = (message["id"] for message in deliver(server, 3))
    answer = delete(server, [first, "unknown", first])
    assert answer[0] == 200
    told = json.loads(answer[2])
    assert (told["destroyed"], told["notFound"], told["failed"]) == ([first], ["unknown"], {})
    assert delete(server, [first, "unknown", first])[2] == answer[2]
    assert kind(delete(server, [second])) == (422, "key-reused")
    assert json.loads(delete(server, [first], key="other")[2])["notFound"] == [first]
    assert [message["id"] for message in server.listed()] == [second, third]
    assert kind(server.request("GET", f"/messages/{first}/raw")) == (410, "message-gone")
    assert kind(server.request("GET", "/messages/unknown/raw")) == (404, "message-unknown")


def test_nothing_is_deleted_by_a_request_that_is_refused(server):
    ids = [message["id"] for message in deliver(server, 4)]
    assert kind(delete(server, ids)) == (413, "too-many-ids")
    assert kind(delete(server, ids[:1], generation="0")) == (409, "generation-changed")
    assert kind(delete(server, ids[:1], mode="burn")) == (400, "bad-request")
    assert kind(delete(server, [*ids[:1], "a b"])) == (400, "bad-request")
    large = b'{"generation": "1", "mode": "purge", "ids": ["%b"], "x": "%b"}'
    body = large % (ids[0].encode(), b"x" * 300_000)
    assert kind(server.request("POST", "/messages/delete", body, Idempotency_Key="k"))[0] == 413
    nobody = {"Authorization": "Basic bm9ib2R5Og=="}
    body = {"generation": "1", "mode": "purge", "ids": ids[:1]}
    answer = server.request("POST", "/messages/delete", body, Idempotency_Key="k", **nobody)
    assert kind(answer) == (401, "unauthorized")
    assert [message["id"] for message in server.listed()] == ids
    path = f"/messages/{ids[0]}/raw?generation=0"
    assert kind(server.request("GET", path)) == (409, "generation-changed")


def test_the_trash(server):
    (message,) = deliver(server, 1)
    assert json.loads(delete(server, [message["id"]], mode="trash")[2])["failed"] == {}
    assert server.listed() == []
    assert len(list((server.mail.path / ".Trash" / "cur").iterdir())) == 1


def test_the_lock(server):
    status, _, octets = server.request("POST", "/lock", {"ttl": 60})
    assert status == 201
    token = json.loads(octets)["token"]
    assert kind(server.request("POST", "/lock", {"ttl": 60})) == (423, "locked")
    assert server.request("PUT", f"/lock/{token}", {"ttl": 60})[0] == 200
    assert server.request("DELETE", f"/lock/{token}")[0] == 204
    assert kind(server.request("DELETE", f"/lock/{token}")) == (404, "lock-unknown")
    assert server.request("POST", "/lock", {"ttl": 1})[0] == 201


def test_a_token_opens_as_well(server):
    assert server.request("GET", "/session", Authorization=f"Bearer {server.token}")[0] == 200
    assert server.request("GET", "/session", Authorization="Bearer x")[0] == 401


def test_a_maildir_that_is_away_is_no_empty_mailbox(server):
    deliver(server, 1)
    server.mail.path.rename(server.directory / "away")
    answer = server.request("GET", "/messages")
    assert kind(answer) == (503, "unavailable")
    assert str(server.directory).encode() not in answer[2]


def open_mail(server):
    """Files of the Maildir that the server has open."""
    found = []
    for pid in server.processes():
        for each in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed since it was listed
                found.append(str(each.readlink()))
    return [name for name in found if "Maildir" in name]


def test_clients_that_leave_in_the_middle_do_no_harm(server):
    server.mail.deliver(b"".join(big(20_000_000)))
    (message,) = server.listed()
    request = (
        f"GET /messages/{message['id']}/raw HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: {server.authorization}\r\n\r\n"
    )
    for _ in range(5):
        with socket.create_connection((server.host, server.port), 10) as client:
            client.sendall(request.encode())
            assert client.recv(100)
    assert len(server.raw(message)) == 20_000_000
    wait_until(lambda: not open_mail(server), what="the files of those that left to be closed")


def test_a_message_that_turns_out_short_is_broken_off(server):
    server.mail.deliver(b"".join(big(20_000_000)))
    (message,) = server.listed()
    request = (
        f"GET /messages/{message['id']}/raw HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: {server.authorization}\r\n\r\n"
    )
    (file,) = (server.mail.path / "new").iterdir()
    with socket.create_connection((server.host, server.port), 10) as client:
        client.sendall(request.encode())
        got = len(client.recv(100))
        os.truncate(file, 10_000_000)
        with contextlib.suppress(ConnectionResetError):
            while chunk := client.recv(1 << 20):
                got += len(chunk)
    assert got < 20_000_000


def test_a_body_without_end_is_cut_off(server):
    head = (
        "POST /messages/delete HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: {server.authorization}\r\nIdempotency-Key: k\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n"
    )
    with socket.create_connection((server.host, server.port), 10) as client:
        client.sendall(head.encode())
        with pytest.raises(ConnectionError):
            for _ in range(1000):
                client.sendall(b" " * 65_536)
    assert server.get("/session")["account"] == server.user


def test_connections_are_bounded(server):
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(socket.create_connection((server.host, server.port), 10))
        with socket.create_connection((server.host, server.port), 10) as last:
            assert last.recv(1) == b""

    def answers():
        with contextlib.suppress(OSError):
            return server.get("/session")["account"] == server.user
        return False

    wait_until(answers, what="the closed connections to be gone")
