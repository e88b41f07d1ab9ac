"""Faults of a mail API behind a profile: UPDATE, and tokens that end."""

import pytest

from tests.faults.profile_scene import (
    AUTH,
    CONSENT,
    KEPT,
    LATER,
    LETTERS,
    PERM,
    TEMP,
    everything_is_there,
    learned,
    quit_after,
    retrieve,
    try_login,
)
from tests.faults.scene import bounded
from tests.support.fake_http import Reply
from tests.support.fake_mail_api import Letter
from tests.support.pop3_client import Refused
from tests.support.profile_bench import PASSWORD, QUICK, TOKENS, fresh_user


class TestDeletion:
    @pytest.mark.parametrize("status", [404, 410, 204, 200])
    def test_what_is_already_gone_is_deleted(self, profiles, mail_api, status):
        with learned(profiles) as client:
            del mail_api.letters[0]
            mail_api.gone = status
            assert quit_after(client, 1, 2) == "ok"
        assert mail_api.ids == ["m3"]

    @pytest.mark.parametrize("status", [400, 403, 409, 422])
    def test_one_that_is_refused_is_kept_and_the_others_are_not(
        self, profiles, mail_api, status
    ):
        with learned(profiles) as client:
            mail_api.spoil("/messages/m2", Reply(status), method="DELETE", times=9)
            assert quit_after(client, 1, 2, 3) == KEPT
        assert mail_api.ids == ["m2"]

    @pytest.mark.parametrize(
        "reply",
        [
            *(None, Reply(401), Reply(500), Reply(503), Reply(delay=30)),
            Reply(429, headers={"Retry-After": "3600"}),
            Reply(302, headers={"Location": "/messages/m1"}),
            Reply(200, b"\r\n<!DOCTYPE html><title>Please log in</title>"),
            Reply(200, b"<html>", headers={"Content-Type": "text/html"}),
        ],
    )
    def test_when_nobody_knows_quit_does_not_say_ok(self, profiles, mail_api, reply):
        with learned(profiles) as client:
            mail_api.spoil("/messages/m2", reply, method="DELETE", times=9)
            assert quit_after(client, 2).startswith(b"-ERR [SYS/TEMP]")
        assert mail_api.ids == ["m1", "m2", "m3"]

    def test_what_was_done_though_the_answer_was_lost_is_done(self, profiles, mail_api):
        def lost(_, __):
            return Reply(body=b"{}", length=2, cut=1)

        with learned(profiles) as client:
            mail_api.spoil("/messages/m2", lost, method="DELETE")
            assert quit_after(client, 2) == "ok"
        assert mail_api.ids == ["m1", "m3"]

    def test_a_status_that_can_mean_gone_is_looked_into(self, profiles, mail_api):
        """MailDev says 500 for what it cannot delete and for what is not there."""
        unsure = {"delete": {"unsure": [500]}}
        with learned(profiles, unsure) as client:
            del mail_api.letters[0]
            mail_api.gone = 500
            assert quit_after(client, 1) == "ok"
        with learned(profiles, unsure) as client:
            mail_api.spoil("/messages/m3", Reply(500), method="DELETE", times=9)
            assert quit_after(client, 1, 2) == KEPT
        assert mail_api.ids == ["m3"]

    def test_a_client_that_leaves_without_quit_deletes_nothing(self, profiles, mail_api):
        with learned(profiles) as client:
            client.ok("DELE 1")
        user = fresh_user()
        everything_is_there(profiles, mail_api, user)


STATE = {"unchanged": {"url": "/state", "values": ["/changes"]}}
ETAG = {"unchanged": {"etag": True}}


class TestWhatIsThereAfterwards:
    @pytest.mark.parametrize("cheap", [STATE, ETAG])
    def test_what_was_not_deleted_after_all_is_shown_again(self, profiles, mail_api, cheap):
        """The server takes the deletion (202), and then nothing changes."""
        user, mail_api.etag = fresh_user(), True
        with learned(profiles, cheap, user=user) as client:
            mail_api.spoil("/messages/m2", Reply(202), method="DELETE")
            assert quit_after(client, 2) == "ok"
        with profiles.gateway(cheap).login(user, PASSWORD) as client:
            assert client.stat()[0] == 3
            client.quit()


class TestNoNews:
    def test_a_counter_that_everybody_may_read_proves_no_password(self, profiles, mail_api):
        user, mail_api.password = fresh_user(), PASSWORD.encode()
        right = mail_api._refusal
        mail_api._refusal = lambda asked: None if asked.path == "/state" else right(asked)
        try:
            learned(profiles, STATE, user=user).quit()
            assert try_login(profiles.gateway(STATE), user, "wrong") == AUTH
        finally:
            del mail_api._refusal

    def test_the_page_that_proves_it_is_the_first(self, profiles, mail_api):
        user, mail_api.password = fresh_user(), PASSWORD.encode()
        pages = {"url": "/messages?page={page}&limit={limit}", "page": {"style": "page"}}
        pages["page"]["first"] = 1
        mail_api.spoil("/messages", lambda asked, _: two(asked), method="GET", times=99)

        def two(asked):
            if asked.path != "/messages":
                return Reply(body=LETTERS[0])
            there = {"1": [mail_api.letters[0].row], "2": []}
            if asked.query["page"] not in there:
                return Reply(400)
            return Reply(body={"items": there[asked.query["page"]]})

        with learned(profiles, STATE, {"list": pages}, user=user) as client:
            assert client.stat()[0] == 1
            client.quit()


COUNTED = {"list": {"total": "/total"}}
REUSED = {"ids": {"also": ["/subject"]}}


class TestLists:
    @pytest.mark.parametrize("how", ["bulk", "also"])
    def test_a_list_that_is_short_does_not_delete(self, profiles, mail_api, how):
        """It has fewer messages than it says: those left out may be there."""
        change = BULK if how == "bulk" else REUSED
        with learned(profiles, COUNTED, change) as client:
            mail_api.spoil("/delete", Reply(body={"ok": True}), times=9)
            short = Reply(body={"items": [], "total": 3})
            mail_api.spoil("/messages", short, method="GET", times=9)
            assert quit_after(client, 1, 2).startswith(b"-ERR [SYS/TEMP]")
        assert len(mail_api.letters) == 3

    def test_an_id_given_again_is_not_deleted_by_asking_again(self, profiles, mail_api):
        """The deletion was done, its answer was lost, and new mail has the id at once."""

        def lost(_, __):
            mail_api.letters.append(Letter("m2", LETTERS[0], more={"subject": "new"}))

        with learned(profiles, REUSED) as client:
            mail_api.spoil("/messages/m2", lost, method="DELETE")
            assert quit_after(client, 2) == "ok"
        assert mail_api.ids == ["m1", "m3", "m2"]


BULK = {"delete": {"bulk": {"url": "/delete", "body": {"ids": "{ids}"}}}}


class TestBulk:
    @pytest.mark.parametrize("reply", [Reply(body={"ok": True}), Reply(204)])
    def test_ok_for_what_was_not_done_is_found_out(self, profiles, mail_api, reply):
        with learned(profiles, BULK) as client:
            mail_api.spoil("/delete", reply, times=9)
            assert quit_after(client, 1, 2) == KEPT
        assert len(mail_api.letters) == 3

    @pytest.mark.parametrize("reply", [None, Reply(500), Reply(403), Reply(401)])
    def test_a_call_that_fails(self, profiles, mail_api, reply):
        with learned(profiles, BULK) as client:
            mail_api.spoil("/delete", reply, times=9)
            assert quit_after(client, 1, 2).startswith(b"-ERR [SYS/TEMP]")
        assert len(mail_api.letters) == 3


class TestTokens:
    @pytest.fixture(autouse=True)
    def needed(self, mail_api):
        mail_api.token_login = True

    def test_a_wrong_password(self, profiles, mail_api):
        assert try_login(profiles.gateway(TOKENS), fresh_user(), "wrong") == AUTH

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
    def test_a_login_that_fails(self, profiles, mail_api, reply, expected):
        mail_api.spoil("/login", reply, times=9, method="POST")
        with bounded():
            assert try_login(profiles.gateway(TOKENS), fresh_user()) == expected

    def test_a_token_that_ends_in_the_middle_is_got_anew(self, profiles, mail_api):
        with learned(profiles, TOKENS) as client:
            mail_api.tokens.clear()
            assert retrieve(client, 1) == ("whole", LETTERS[0])
            assert retrieve(client, 2) == ("whole", LETTERS[1])
            mail_api.tokens.clear()
            assert quit_after(client, 1, 2, 3) == "ok"
        assert mail_api.letters == []
        assert mail_api.count("/login", "POST") == 3

    def test_a_token_that_stays_refused(self, profiles, mail_api):
        with learned(profiles, TOKENS) as client:
            mail_api.spoil("/messages/", Reply(401), times=99)
            assert retrieve(client, 1) == ("error", TEMP)
            assert quit_after(client, 1).startswith(b"-ERR [SYS/TEMP]")
        assert len(mail_api.letters) == 3

    def test_a_password_that_was_changed_meanwhile(self, profiles, mail_api):
        with learned(profiles, TOKENS) as client:
            mail_api.tokens.clear()
            mail_api.password = b"another"
            assert retrieve(client, 1) == ("error", TEMP)
            assert quit_after(client, 1).startswith(b"-ERR [SYS/TEMP]")
        assert len(mail_api.letters) == 3

    def test_a_new_login_that_leads_elsewhere_is_not_followed(self, profiles, mail_api):
        with learned(profiles, TOKENS) as client:
            mail_api.tokens = {"other"}
            mail_api.spoil("/login", Reply(body={"token": "other", "account": 8}), times=9)
            assert retrieve(client, 1) == ("error", TEMP)
            assert quit_after(client, 1).startswith(b"-ERR [SYS/TEMP]")
        assert len(mail_api.letters) == 3

    def test_a_kept_session_gets_a_new_token_too(self, profiles, mail_api):
        warm = {"upstream": {**QUICK["upstream"], "warm": {"seconds": 60}}}
        gateway = profiles.gateway(TOKENS, settings=warm)
        user = fresh_user()
        gateway.login(user, PASSWORD).quit()
        mail_api.tokens.clear()
        with gateway.login(user, PASSWORD) as client:
            assert retrieve(client, 1) == ("whole", LETTERS[0])
        with pytest.raises(Refused):
            gateway.login(user, "wrong")
