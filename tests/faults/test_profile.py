"""Faults of a mail API behind a profile: lists and messages."""

import itertools

import pytest

from tests.faults.profile_scene import (
    AUTH,
    BIG,
    GONE,
    KEPT,
    LATER,
    LETTERS,
    PERM,
    TEMP,
    everything_is_there,
    learned,
    retrieve,
    try_login,
)
from tests.faults.scene import bounded
from tests.support.fake_http import Reply
from tests.support.fake_mail_api import Letter
from tests.support.profile_bench import PASSWORD, fresh_user

LISTS = {
    "not JSON": (Reply(body=b"<html>"), TEMP),
    "half of it": (Reply(body=b'{"items": [{"id": "m1"}'), TEMP),
    "empty": (Reply(body=b""), TEMP),
    "null": (Reply(body=None), TEMP),
    "no list in it": (Reply(body={"total": 3}), TEMP),
    "null for the list": (Reply(body={"items": None, "total": 3}), TEMP),
    "an object for the list": (Reply(body={"items": {"id": "m1"}}), TEMP),
    "a message without id": (Reply(body={"items": [{"id": "m1"}, {"size": 5}]}), TEMP),
    "an empty id": (Reply(body={"items": [{"id": ""}]}), TEMP),
    "dots for an id": (Reply(body={"items": [{"id": ".."}]}), TEMP),
    "nested too deeply": (Reply(body=b"[" * 60_000), TEMP),
    "too large": (Reply(body={"items": ["x" * 70_000]}), TEMP),
    "too large, in chunks": (Reply(body=[0] * 40_000, length="chunked"), TEMP),
    "compressed": (Reply(body={"items": []}, headers={"Content-Encoding": "gzip"}), TEMP),
    "reset": (None, TEMP),
    "reset in the middle": (Reply(body={"items": ["x" * 9000]}, cut=5000), TEMP),
    "hangs before": (Reply(delay=30), TEMP),
    "hangs in the middle": (Reply(body={"items": ["x" * 9000]}, hang=5000), TEMP),
    "too long a Content-Length": (Reply(body={"items": []}, length=5000), TEMP),
    "too short a Content-Length": (Reply(body={"items": []}, length=5), TEMP),
    "never ends": (Reply(body={"items": ["x" * 60_000]}, pace=0.4), TEMP),
    "400": (Reply(400), PERM),
    "401": (Reply(401), AUTH),
    "403": (Reply(403), PERM),
    "404": (Reply(404), PERM),
    "429": (Reply(429, headers={"Retry-After": "3600"}), LATER),
    "500": (Reply(500, {"error": PASSWORD}), TEMP),
    "503": (Reply(503), TEMP),
    "elsewhere": (Reply(302, headers={"Location": "http://127.0.0.2:1/messages"}), PERM),
    "round and round": (Reply(302, headers={"Location": "/messages"}), PERM),
    "204": (Reply(204), TEMP),
}


@pytest.mark.parametrize("fault", LISTS)
def test_a_list_that_is_none_is_never_an_empty_maildrop(profiles, mail_api, fault):
    reply, expected = LISTS[fault]
    user = fresh_user()
    mail_api.spoil("/messages", reply, times=10)
    with bounded():
        assert try_login(profiles.gateway(), user) == expected
    everything_is_there(profiles, mail_api, user)


def test_a_busy_server_is_asked_again_when_it_wants(profiles, mail_api):
    mail_api.spoil("/messages", Reply(429, headers={"Retry-After": "0"}), times=2)
    with profiles.gateway().login(fresh_user(), PASSWORD) as client:
        assert client.stat()[0] == 3


@pytest.mark.parametrize("identity", ["all", ".", "", None, True, 1.5])
def test_an_id_that_means_something_else_is_refused(profiles, mail_api, identity):
    mail_api.letters[1].id = identity
    gateway = profiles.gateway({"ids": {"reserved": ["all"]}})
    assert try_login(gateway, fresh_user()) == TEMP


@pytest.mark.parametrize("style", ["offset", "page", "cursor"])
def test_pages_that_repeat_come_to_an_end(profiles, mail_api, style):
    url = {"offset": "start={offset}", "page": "page={page}", "cursor": "next={cursor}"}[style]
    page = {"style": style, **({"cursor": "/next"} if style == "cursor" else {})}
    same = Reply(body={"items": [{"id": "m1"}], "next": "cursor 1"})
    mail_api.spoil("/messages", same, times=1000)
    with bounded():
        gateway = profiles.gateway({"list": {"url": f"/messages?{url}", "page": page}})
        user = fresh_user()
        assert try_login(gateway, user) == TEMP
    assert len(mail_api.asked_by(user)) <= 3


def test_a_list_that_never_ends_is_given_up(profiles, mail_api):
    numbers = itertools.count()

    def endless(_, __):
        rows = [{"id": f"m{next(numbers)}"} for _ in range(50)]
        return Reply(body={"items": rows}, delay=0.02)

    mail_api.spoil("/messages", endless, times=10_000)
    table = {"url": "/messages?start={offset}", "page": {"style": "offset"}}
    with bounded():
        assert try_login(profiles.gateway({"list": table}), fresh_user()) == TEMP


def test_a_page_that_moves_while_it_is_read_costs_nothing(profiles, mail_api):
    """New mail in front shifts what was listed to the next page, where it comes again."""
    rows = [letter.row for letter in mail_api.letters]
    pages = [rows[:2], rows[1:3], []]
    for page in pages:
        mail_api.spoil("/messages", Reply(body={"items": page}), method="GET")
    table = {"url": "/messages?start={offset}", "page": {"style": "offset"}}
    with profiles.gateway({"list": table}).login(fresh_user(), PASSWORD) as client:
        assert client.stat()[0] == 3


def test_two_messages_with_one_id_are_not_deleted(profiles, mail_api):
    mail_api.letters[2].id = "m1"
    with profiles.gateway().login(fresh_user(), PASSWORD) as client:
        assert client.stat()[0] == 2
        client.ok("DELE 1")
        client.ok("DELE 2")
        assert client.quit() == KEPT
    assert mail_api.ids == ["m1", "m1"]


def test_sizes_cannot_be_learned_from_a_message_that_breaks_off(profiles, mail_api):
    user = fresh_user()
    mail_api.spoil(
        "/messages/m2/raw", lambda _, right: Reply(body=right.body, cut=9999), times=9
    )
    with bounded():
        assert try_login(profiles.gateway(), user) == TEMP
    everything_is_there(profiles, mail_api, user)


BEFORE = {
    "reset": (None, TEMP),
    "hangs": (Reply(delay=30), TEMP),
    "401": (Reply(401), TEMP),
    "403": (Reply(403), TEMP),
    "404": (Reply(404), GONE),
    "410": (Reply(410), GONE),
    "429": (Reply(429, headers={"Retry-After": "3600"}), TEMP),
    "500": (Reply(500), TEMP),
    "503": (Reply(503, headers={"Retry-After": "3600"}), TEMP),
    "204": (Reply(204), TEMP),
    "empty": (Reply(body=b""), TEMP),
    "elsewhere": (Reply(301, headers={"Location": "http://127.0.0.2:1/"}), TEMP),
    "compressed": (Reply(body=b"x", headers={"Content-Encoding": "gzip"}), TEMP),
}


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("fault", BEFORE)
def test_a_fault_before_the_message_is_an_error_and_the_session_goes_on(
    profiles, mail_api, fault, number
):
    reply, expected = BEFORE[fault]
    with learned(profiles) as client:
        mail_api.spoil(f"/messages/m{number}/raw", reply, times=9)
        with bounded():
            assert retrieve(client, number) == ("error", expected)
        assert retrieve(client, 3) == ("whole", LETTERS[2])
        mail_api.heal()
        assert retrieve(client, number) == ("whole", LETTERS[number - 1])
        assert client.quit().startswith(b"+OK")
    assert len(mail_api.letters) == 3


INSIDE = {
    "reset": {"cut": 100_000},
    "hangs": {"hang": 100_000},
    "too long a Content-Length": {"length": 300_000},
    "broken off in chunks": {"cut": 100_000, "length": "chunked"},
    "hangs in chunks": {"hang": 100_000, "length": "chunked"},
}


@pytest.mark.parametrize("fault", INSIDE)
def test_a_fault_inside_the_message_cuts_the_client_off(profiles, mail_api, fault):
    with learned(profiles) as client:
        client.ok("DELE 3")
        mail_api.spoil("/messages/m2/raw", Reply(body=BIG, **INSIDE[fault]), times=9)
        with bounded():
            outcome, octets = retrieve(client, 2)
        assert outcome == "cut"
        assert not octets.endswith(b"\r\n.\r\n")
        assert client.rest() == b""
    assert len(mail_api.letters) == 3


JSON = {"raw": {"encoding": "base64", "at": "/payload/raw"}}


@pytest.mark.parametrize(
    "change",
    [
        lambda octets: octets[:-1],
        lambda octets: octets[:-20] + b"!" + octets[-19:],
        lambda octets: octets.replace(b'"more"', b'"payload": {"raw": "aGk="}, "more"'),
        lambda octets: octets + b"{}",
        lambda octets: octets[: len(octets) // 2],
    ],
)
def test_json_that_turns_out_wrong_gets_no_terminator(profiles, mail_api, change):
    mail_api.encoding = "base64"

    def spoilt(_, right):
        return Reply(body=change(right.body), headers={"Content-Type": "application/json"})

    with learned(profiles, JSON) as client:
        mail_api.spoil("/messages/m2/raw", spoilt, times=9)
        outcome, octets = retrieve(client, 2)
        assert outcome == "cut"
        assert not octets.endswith(b"\r\n.\r\n")


def test_json_without_the_message_is_an_error(profiles, mail_api):
    mail_api.encoding = "base64"
    with learned(profiles, JSON) as client:
        mail_api.spoil("/messages/m2/raw", Reply(body=None), times=9)
        assert retrieve(client, 2) == ("error", TEMP)


def test_a_letter_of_any_size_passes_but_none_without_bound(profiles, mail_api):
    mail_api.letters.append(Letter("huge", b"x" * 1_100_000))
    assert try_login(profiles.gateway(), fresh_user()) == TEMP
