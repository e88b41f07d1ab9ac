"""Profiles that never met their servers read what those servers' documents describe.

The answers have the fields that the documents name, with values of our own.
"""

import pytest

from gateway.backend.profile.call import request
from gateway.backend.profile.rows import Reader
from gateway.backend.profile.unpack import decoder
from gateway.config.profiles import load_profile

TIME = "2026-01-02T03:04:05.123456789Z"
MILLISECONDS = 1767323045123
LISTS = {
    "mailpit": {
        "total": 2,
        "unread": 1,
        "start": 0,
        "messages": [
            {"ID": "iAfZVVe2UQfNSG5BAjgYwa", "MessageID": "a@b", "Created": TIME, "Size": 512},
            {"ID": "hXayS6wnCgNnt6aFTvmOF6", "MessageID": "c@d", "Created": TIME, "Size": 0},
        ],
    },
    "mailhog": {
        "total": 2,
        "count": 2,
        "start": 0,
        "items": [
            {"ID": "a_-=@mailhog.example", "Content": {"Size": 512}, "Created": TIME},
            {"ID": "b@mailhog.example", "Content": {"Size": 0}, "Created": TIME},
        ],
    },
    "inbucket": [
        {"mailbox": "kim", "id": "20260102T030405-0000", "date": TIME, "size": 512},
        {"mailbox": "kim", "id": "20260102T030405-0001", "date": TIME, "size": 0},
    ],
    "smtp4dev": {
        "results": [
            {"id": "00000000-0000-0000-0000-000000000001", "receivedDate": TIME},
            {"id": "00000000-0000-0000-0000-000000000002", "receivedDate": TIME},
        ],
        "currentPage": 1,
        "rowCount": 2,
    },
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list(name):
    profile = load_profile(name)
    items = Reader(profile).items(LISTS[name])
    assert len({item.id for item in items}) == 2
    sizes = [item.octets for item in items]
    assert sizes == ([None, None] if name == "smtp4dev" else [512, 0])
    assert {item.received for item in items} == {MILLISECONDS}
    assert Reader(profile).total(LISTS[name]) == (None if name == "inbucket" else 2)


@pytest.mark.parametrize(
    ("name", "method", "path", "body"),
    [
        ("mailpit", "DELETE", "/api/v1/messages", b'{"IDs":["a/b"]}'),
        ("mailhog", "DELETE", "/api/v1/messages/a%2Fb", None),
        ("inbucket", "DELETE", "/api/v1/mailbox/kim/a%2Fb", None),
        ("smtp4dev", "DELETE", "/api/Messages/a%2Fb", None),
    ],
)
def test_a_deletion(name, method, path, body):
    made = request(load_profile(name).delete, {"user": "kim", "id": "a/b"})
    assert (made.method, made.path, made.body) == (method, path, body)


def test_a_message_of_mailhog():
    made = decoder(load_profile("mailhog").raw)()
    answer = b'{"ID": "x", "Content": {"Body": "no"}, "Raw": {"From": "a", "Data": "S: x\\r\\n\\r\\ny"}}'
    assert made.feed(answer) + made.finish() == b"S: x\r\n\r\ny"
