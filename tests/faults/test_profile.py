"""Faults of a mail API behind a profile, seen from a POP3 client's chair."""

import pytest

from gateway.errors import (
    BadCredentials,
    ConsentMissing,
    MessageGone,
    Misconfigured,
    PartialCommit,
    Throttled,
    Unavailable,
)
from gateway.pop3 import replies
from tests.faults.scene import bounded
from tests.support.fake_http import Reply
from tests.support.fake_mail_api import Letter
from tests.support.pop3_client import Refused, unstuffed
from tests.support.profile_bench import PASSWORD, QUICK, TOKENS, Bench, fresh_user

BIG = b"Subject: two\r\n\r\n" + b"%s\r\n" % (b"x" * 70) * 3000
LETTERS = [b"Subject: one\r\n\r\n.\r\n..dots\r\n", BIG, b"Subject: three\r\n\r\nend\r\n"]
TEMP, PERM, AUTH, LATER, GONE, KEPT, CONSENT = (
    replies.FAILURES[failure].reply
    for failure in (
        Unavailable,
        Misconfigured,
        BadCredentials,
        Throttled,
        MessageGone,
        PartialCommit,
        ConsentMissing,
    )
)


@pytest.fixture(scope="module")
def bench():
    with Bench() as bench:
        yield bench
        bench.check_logs()


@pytest.fixture
def api(bench):
    bench.api.reset()
    bench.api.password = PASSWORD.encode()
    bench.api.fill(LETTERS)
    yield bench.api
    bench.api.heal()


def try_login(gateway, user, password=PASSWORD):
    """The answer to PASS."""
    with gateway.client() as client:
        client.ok(f"USER {user}")
        return client.command(f"PASS {password}")


def learned(bench, *changes, user=None):
    """A session of somebody whose sizes are known, so that nothing is asked for at login."""
    user = user or fresh_user()
    gateway = bench.gateway(*changes)
    gateway.login(user, PASSWORD).quit()
    bench.api.heard.clear()
    return gateway.login(user, PASSWORD)


def retrieve(client, number):
    """What one RETR comes to: ("whole", message), ("error", line) or ("cut", octets)."""
    status = client.command(f"RETR {number}")
    if status.startswith(b"-ERR"):
        return "error", status
    pieces = []
    try:
        pieces.extend(client.raw_body())
    except EOFError:
        return "cut", status + b"".join(pieces)
    return "whole", unstuffed(b"".join(pieces))


def everything_is_there(bench, api, user):
    api.heal()
    assert [letter.octets for letter in api.letters] == LETTERS
    with bench.gateway().login(user, PASSWORD) as client:
        assert client.stat()[0] == len(LETTERS)
        client.quit()


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
def test_a_list_that_is_none_is_never_an_empty_maildrop(bench, api, fault):
    reply, expected = LISTS[fault]
    user = fresh_user()
    api.spoil("/messages", reply, times=10)
    with bounded():
        assert try_login(bench.gateway(), user) == expected
    everything_is_there(bench, api, user)


def test_a_busy_server_is_asked_again_when_it_wants(bench, api):
    api.spoil("/messages", Reply(429, headers={"Retry-After": "0"}), times=2)
    with bench.gateway().login(fresh_user(), PASSWORD) as client:
        assert client.stat()[0] == 3


@pytest.mark.parametrize("identity", ["all", ".", "", None, True, 1.5])
def test_an_id_that_means_something_else_is_refused(bench, api, identity):
    api.letters[1].id = identity
    gateway = bench.gateway({"ids": {"reserved": ["all"]}})
    assert try_login(gateway, fresh_user()) == TEMP


@pytest.mark.parametrize("style", ["offset", "page", "cursor"])
def test_pages_that_repeat_come_to_an_end(bench, api, style):
    url = {"offset": "start={offset}", "page": "page={page}", "cursor": "next={cursor}"}[style]
    page = {"style": style, **({"cursor": "/next"} if style == "cursor" else {})}
    same = Reply(body={"items": [{"id": "m1"}], "next": "cursor 1"})
    api.spoil("/messages", same, times=1000)
    with bounded():
        gateway = bench.gateway({"list": {"url": f"/messages?{url}", "page": page}})
        user = fresh_user()
        assert try_login(gateway, user) == TEMP
    assert len(api.asked_by(user)) <= 3


def test_a_page_that_moves_while_it_is_read_costs_nothing(bench, api):
    """New mail in front shifts what was listed to the next page, where it comes again."""
    rows = [letter.row for letter in api.letters]
    pages = [rows[:2], rows[1:3], []]
    for page in pages:
        api.spoil("/messages", Reply(body={"items": page}), method="GET")
    table = {"url": "/messages?start={offset}", "page": {"style": "offset"}}
    with bench.gateway({"list": table}).login(fresh_user(), PASSWORD) as client:
        assert client.stat()[0] == 3


def test_two_messages_with_one_id_are_not_deleted(bench, api):
    api.letters[2].id = "m1"
    with bench.gateway().login(fresh_user(), PASSWORD) as client:
        assert client.stat()[0] == 2
        client.ok("DELE 1")
        client.ok("DELE 2")
        assert client.quit() == KEPT
    assert api.ids == ["m1", "m1"]


def test_sizes_cannot_be_learned_from_a_message_that_breaks_off(bench, api):
    user = fresh_user()
    api.spoil("/messages/m2/raw", lambda _, right: Reply(body=right.body, cut=9999), times=9)
    with bounded():
        assert try_login(bench.gateway(), user) == TEMP
    everything_is_there(bench, api, user)


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
    bench, api, fault, number
):
    reply, expected = BEFORE[fault]
    with learned(bench) as client:
        api.spoil(f"/messages/m{number}/raw", reply, times=9)
        with bounded():
            assert retrieve(client, number) == ("error", expected)
        assert retrieve(client, 3) == ("whole", LETTERS[2])
        api.heal()
        assert retrieve(client, number) == ("whole", LETTERS[number - 1])
        assert client.quit().startswith(b"+OK")
    assert len(api.letters) == 3


INSIDE = {
    "reset": {"cut": 100_000},
    "hangs": {"hang": 100_000},
    "too long a Content-Length": {"length": 300_000},
    "broken off in chunks": {"cut": 100_000, "length": "chunked"},
    "hangs in chunks": {"hang": 100_000, "length": "chunked"},
}


@pytest.mark.parametrize("fault", INSIDE)
def test_a_fault_inside_the_message_cuts_the_client_off(bench, api, fault):
    with learned(bench) as client:
        client.ok("DELE 3")
        api.spoil("/messages/m2/raw", Reply(body=BIG, **INSIDE[fault]), times=9)
        with bounded():
            outcome, octets = retrieve(client, 2)
        assert outcome == "cut"
        assert not octets.endswith(b"\r\n.\r\n")
        assert client.rest() == b""
    assert len(api.letters) == 3


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
def test_json_that_turns_out_wrong_gets_no_terminator(bench, api, change):
    api.encoding = "base64"

    def spoilt(_, right):
        return Reply(body=change(right.body), headers={"Content-Type": "application/json"})

    with learned(bench, JSON) as client:
        api.spoil("/messages/m2/raw", spoilt, times=9)
        outcome, octets = retrieve(client, 2)
        assert outcome == "cut"
        assert not octets.endswith(b"\r\n.\r\n")


def test_json_without_the_message_is_an_error(bench, api):
    api.encoding = "base64"
    with learned(bench, JSON) as client:
        api.spoil("/messages/m2/raw", Reply(body=None), times=9)
        assert retrieve(client, 2) == ("error", TEMP)


def quit_after(client, *numbers):
    for number in numbers:
        client.ok(f"DELE {number}")
    with bounded():
        reply = client.quit()
    return "ok" if reply.startswith(b"+OK") else reply


class TestDeletion:
    @pytest.mark.parametrize("status", [404, 410, 204, 200])
    def test_what_is_already_gone_is_deleted(self, bench, api, status):
        with learned(bench) as client:
            del api.letters[0]
            api.gone = status
            assert quit_after(client, 1, 2) == "ok"
        assert api.ids == ["m3"]

    @pytest.mark.parametrize("status", [400, 403, 409, 422])
    def test_one_that_is_refused_is_kept_and_the_others_are_not(self, bench, api, status):
        with learned(bench) as client:
            api.spoil("/messages/m2", Reply(status), method="DELETE", times=9)
            assert quit_after(client, 1, 2, 3) == KEPT
        assert api.ids == ["m2"]

    @pytest.mark.parametrize(
        "reply",
        [
            *(None, Reply(401), Reply(500), Reply(503), Reply(delay=30)),
            Reply(429, headers={"Retry-After": "3600"}),
            Reply(302, headers={"Location": "/messages/m1"}),
        ],
    )
    def test_when_nobody_knows_quit_does_not_say_ok(self, bench, api, reply):
        with learned(bench) as client:
            api.spoil("/messages/m2", reply, method="DELETE", times=9)
            assert quit_after(client, 2).startswith(b"-ERR [SYS/TEMP]")
        assert api.ids == ["m1", "m2", "m3"]

    def test_what_was_done_though_the_answer_was_lost_is_done(self, bench, api):
        def lost(_, __):
            return Reply(body=b"{}", length=2, cut=1)

        with learned(bench) as client:
            api.spoil("/messages/m2", lost, method="DELETE")
            assert quit_after(client, 2) == "ok"
        assert api.ids == ["m1", "m3"]

    def test_a_status_that_can_mean_gone_is_looked_into(self, bench, api):
        """MailDev says 500 for what it cannot delete and for what is not there."""
        unsure = {"delete": {"unsure": [500]}}
        with learned(bench, unsure) as client:
            del api.letters[0]
            api.gone = 500
            assert quit_after(client, 1) == "ok"
        with learned(bench, unsure) as client:
            api.spoil("/messages/m3", Reply(500), method="DELETE", times=9)
            assert quit_after(client, 1, 2) == KEPT
        assert api.ids == ["m3"]

    def test_a_client_that_leaves_without_quit_deletes_nothing(self, bench, api):
        with learned(bench) as client:
            client.ok("DELE 1")
        user = fresh_user()
        everything_is_there(bench, api, user)


BULK = {"delete": {"bulk": {"url": "/delete", "body": {"ids": "{ids}"}}}}


class TestBulk:
    @pytest.mark.parametrize("reply", [Reply(body={"ok": True}), Reply(204)])
    def test_ok_for_what_was_not_done_is_found_out(self, bench, api, reply):
        with learned(bench, BULK) as client:
            api.spoil("/delete", reply, times=9)
            assert quit_after(client, 1, 2) == KEPT
        assert len(api.letters) == 3

    @pytest.mark.parametrize("reply", [None, Reply(500), Reply(403), Reply(401)])
    def test_a_call_that_fails(self, bench, api, reply):
        with learned(bench, BULK) as client:
            api.spoil("/delete", reply, times=9)
            assert quit_after(client, 1, 2).startswith(b"-ERR [SYS/TEMP]")
        assert len(api.letters) == 3


class TestTokens:
    @pytest.fixture(autouse=True)
    def needed(self, api):
        api.token_login = True

    def test_a_wrong_password(self, bench, api):
        assert try_login(bench.gateway(TOKENS), fresh_user(), "wrong") == AUTH

    @pytest.mark.parametrize(
        ("reply", "expected"),
        [
            (Reply(403, {"code": "Other"}), CONSENT),
            (Reply(403), CONSENT),
            (Reply(500), TEMP),
            (Reply(404), PERM),
            (Reply(429, headers={"Retry-After": "3600"}), LATER),
            (Reply(body={"token": "x"}), TEMP),
            (Reply(body={"token": "", "account": 7}), TEMP),
            (Reply(body={"token": "a\r\nb", "account": 7}), TEMP),
            (Reply(body=b"<html>"), TEMP),
            (None, TEMP),
            (Reply(delay=30), TEMP),
        ],
    )
    def test_a_login_that_fails(self, bench, api, reply, expected):
        api.spoil("/login", reply, times=9, method="POST")
        with bounded():
            assert try_login(bench.gateway(TOKENS), fresh_user()) == expected

    def test_a_token_that_ends_in_the_middle_is_got_anew(self, bench, api):
        with learned(bench, TOKENS) as client:
            api.tokens.clear()
            assert retrieve(client, 1) == ("whole", LETTERS[0])
            assert retrieve(client, 2) == ("whole", LETTERS[1])
            api.tokens.clear()
            assert quit_after(client, 1, 2, 3) == "ok"
        assert api.letters == []
        assert api.count("/login", "POST") == 3

    def test_a_token_that_stays_refused(self, bench, api):
        with learned(bench, TOKENS) as client:
            api.spoil("/messages/", Reply(401), times=99)
            assert retrieve(client, 1) == ("error", TEMP)
            assert quit_after(client, 1).startswith(b"-ERR [SYS/TEMP]")
        assert len(api.letters) == 3

    def test_a_password_that_was_changed_meanwhile(self, bench, api):
        with learned(bench, TOKENS) as client:
            api.tokens.clear()
            api.password = b"another"
            assert retrieve(client, 1) == ("error", TEMP)
            assert quit_after(client, 1).startswith(b"-ERR [SYS/TEMP]")
        assert len(api.letters) == 3

    def test_a_new_login_that_leads_elsewhere_is_not_followed(self, bench, api):
        with learned(bench, TOKENS) as client:
            api.tokens = {"other"}
            api.spoil("/login", Reply(body={"token": "other", "account": 8}), times=9)
            assert retrieve(client, 1) == ("error", TEMP)
            assert quit_after(client, 1).startswith(b"-ERR [SYS/TEMP]")
        assert len(api.letters) == 3

    def test_a_kept_session_gets_a_new_token_too(self, bench, api):
        warm = {"upstream": {**QUICK["upstream"], "warm": {"seconds": 60}}}
        gateway = bench.gateway(TOKENS, settings=warm)
        user = fresh_user()
        gateway.login(user, PASSWORD).quit()
        api.tokens.clear()
        with gateway.login(user, PASSWORD) as client:
            assert retrieve(client, 1) == ("whole", LETTERS[0])
        with pytest.raises(Refused):
            gateway.login(user, "wrong")


def test_a_letter_of_any_size_passes_but_none_without_bound(bench, api):
    api.letters.append(Letter("huge", b"x" * 1_100_000))
    assert try_login(bench.gateway(), fresh_user()) == TEMP
