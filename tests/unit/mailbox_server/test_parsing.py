"""What a request may say."""

import pytest

from gateway.mailbox_server import parsing
from gateway.mailbox_server.problems import Problem

JSON = "application/json"


def status(call, *args):
    with pytest.raises(Problem) as raised:
        call(*args)
    return raised.value.status


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=3-", (3, 10)),
        ("bytes=3-99", (3, 10)),
        ("bytes=-4", (6, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=" + "9" * 50 + "-", None),
    ],
)
def test_a_range_is_a_span_or_ignored(header, span):
    assert parsing.span(header, 10) == span


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_after_the_end_is_416(header):
    assert status(parsing.span, header, 10) == 416


def test_every_range_of_an_empty_message_is_416():
    assert status(parsing.span, "bytes=0-", 0) == 416


@pytest.mark.parametrize(
    ("header", "among"),
    [
        (None, False),
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ("*", True),
        ('"b"', False),
    ],
)
def test_if_none_match_is_compared_weakly(header, among):
    assert parsing.is_among('"a"', header) is among


@pytest.mark.parametrize("given", ["", ".", "..", "a/b", "a b", "ä", "a\n", "x" * 71])
def test_what_no_message_can_be_called(given):
    assert status(parsing.message_ids, ["ok", given], 10) == 400


def test_ids_are_taken_once_and_are_bounded():
    assert parsing.message_ids(["a", "b", "a"], 2) == ("a", "b")
    assert status(parsing.message_ids, ["a", "b", "c"], 2) == 413


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"nonsense",
        b"[]",
        b"null",
        b'{"ids": ["a"], "mode": "purge"}',
        b'{"generation": "1", "ids": [], "mode": "purge"}',
        b'{"generation": "1", "ids": [1], "mode": "purge"}',
        b'{"generation": "1", "ids": "a", "mode": "purge"}',
        b'{"generation": "1", "ids": ["a"], "mode": "burn"}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_a_body_that_is_none_is_400(octets):
    assert status(parsing.body, parsing.DeleteRequest, octets, JSON) == 400


def test_unknown_fields_are_ignored_and_the_media_type_is_not():
    octets = b'{"ttl": 60, "later": {"version": 2}}'
    assert parsing.body(parsing.LockRequest, octets, f"{JSON}; charset=utf-8").ttl == 60
    assert status(parsing.body, parsing.LockRequest, octets, "text/plain") == 400
    assert status(parsing.body, parsing.LockRequest, octets, None) == 400


@pytest.mark.parametrize("ttl", ["0", "3601", "1.5", "true", '"60"', "NaN", "1e400"])
def test_a_time_that_is_none_is_400(ttl):
    assert status(parsing.body, parsing.LockRequest, b'{"ttl": %b}' % ttl.encode(), JSON) == 400


def test_limits():
    assert parsing.limit({}, 7) == 7
    assert parsing.limit({b"limit": [b"3"]}, 7) == 3
    assert parsing.limit({b"limit": [b"100"]}, 7) == 7
    for wrong in (b"", b"0", b"-1", b"x", b"1" * 30, b"100001", "٣".encode()):
        assert status(parsing.limit, {b"limit": [wrong]}, 7) == 400
    assert status(parsing.limit, {b"limit": [b"1", b"2"]}, 7) == 400


def test_keys():
    assert parsing.key("a-key") == "a-key"
    for wrong in (None, "", "a b", "ä", "x" * 201):
        assert status(parsing.key, wrong) == 400
