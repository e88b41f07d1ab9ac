"""The Gmail API at its worst: what a POP3 client is told, and what becomes of the mail."""

import base64
import json

import pytest

from gateway.errors import ConsentMissing, MessageGone, Misconfigured, Throttled
from gateway.pop3.replies import PARTIAL_COMMIT
from tests.faults.cloud_scene import (
    CORPUS,
    SYS_TEMP,
    CloudScene,
    bounded,
    gateway_before,
    is_over,
    retrieve,
)
from tests.faults.scene import reply_of
from tests.support.cloud_server import (
    after,
    answer,
    change,
    close,
    cut,
    hang,
    length,
    reset,
)
from tests.support.fake_gmail import FakeGmail

SYS_PERM = reply_of(Misconfigured)


@pytest.fixture(scope="module")
def fake():
    with FakeGmail() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(fake):
    with gateway_before("gmail", fake) as running:
        yield running


@pytest.fixture
def scene(fake, gateway):
    scene = CloudScene(fake, gateway)
    yield scene
    scene.close()


def refusal(status, reason, **headers):
    body = {"error": {"code": status, "message": reason, "errors": [{"reason": reason}]}}
    return answer(status, body, **headers)


def edited(function):
    """The reply with its JSON changed."""

    def edit(reply):
        value = json.loads(reply.body)
        reply.body = json.dumps(function(value) or value).encode()

    return change(edit)


BROKEN = {
    "5xx": refusal(500, "backendError"),
    "502 in HTML": answer(502, b"<html>Bad gateway", content_type="text/html"),
    "503 for long": refusal(503, "backendError", Retry_After=3600),
    "429 for long": refusal(429, "rateLimitExceeded", Retry_After=3600),
    "429": refusal(429, "rateLimitExceeded"),
    "403 of a user": refusal(403, "userRateLimitExceeded"),
    "403 of a project": refusal(403, "rateLimitExceeded"),
    "403 for long": refusal(403, "userRateLimitExceeded", Retry_After=3600),
    "hangs": hang,
    "closes": close,
    "resets": reset,
    "reset in the middle": cut(20, reset),
    "closed in the middle": cut(20, close),
    "longer than it is": length(10),
    "shorter than it is": length(-10),
    "no JSON": answer(200, b"{", "application/json"),
    "HTML": answer(200, b"<html>", content_type="text/html"),
    "nothing": answer(200, b""),
    "a list": answer(200, [1]),
    "nesting": answer(200, b"[" * 60_000, "application/json"),
    "too much": answer(200, b" " * 70_000 + b"{}", "application/json"),
}
QUOTA = {"429 for long", "429", "403 of a user", "403 of a project", "403 for long"}


class TestLogin:
    @pytest.mark.parametrize("stage", ["PROFILE", "LIST", "LABEL"])
    @pytest.mark.parametrize("fault", BROKEN)
    def test_may_pass(self, scene, stage, fault):
        scene.fake.fault(stage, BROKEN[fault])
        client = scene.client()
        with bounded():
            reply = scene.try_login(client)
        if stage == "LABEL" and fault in {"nothing", "a list"}:
            assert reply.startswith(b"+OK")  # without a count the list is believed
            client.quit()
        else:
            assert reply == (reply_of(Throttled) if fault in QUOTA else SYS_TEMP)
        scene.all_is_well()

    @pytest.mark.parametrize(
        "fault", sorted(set(BROKEN) - {"429", "403 of a user", "403 of a project"})
    )
    def test_history_may_pass(self, scene, fault):
        scene.login().quit()
        scene.box.label(scene.marks[0], remove={"UNREAD"})
        scene.fake.fault("HISTORY", BROKEN[fault])
        with bounded():
            reply = scene.try_login()
        assert reply == (reply_of(Throttled) if fault in QUOTA else SYS_TEMP)
        scene.all_is_well()

    @pytest.mark.parametrize("stage", ["PROFILE", "LIST"])
    @pytest.mark.parametrize(
        "reason", ["insufficientPermissions", "accessNotConfigured", "domainPolicy", ""]
    )
    def test_needs_somebody(self, scene, stage, reason):
        scene.fake.fault(stage, refusal(403, reason))
        assert scene.try_login() == SYS_PERM
        scene.all_is_well()

    @pytest.mark.parametrize("stage", ["PROFILE", "LIST"])
    def test_token_refused(self, scene, stage):
        scene.fake.fault(stage, refusal(401, "authError"))
        assert scene.try_login() == reply_of(ConsentMissing)
        scene.all_is_well()

    @pytest.mark.parametrize("status", [403, 429])
    @pytest.mark.parametrize("headers", [{}, {"Retry_After": 1}])
    def test_busy_for_a_moment(self, scene, status, headers):
        for stage in ("PROFILE", "RAW"):
            action = refusal(status, "rateLimitExceeded", **headers)
            scene.fake.fault(stage, action, times=1)
        scene.login().quit()
        scene.all_is_well()

    @pytest.mark.parametrize("stage", ["LIST", "HISTORY"])
    def test_pages_in_a_circle(self, scene, stage):
        scene.login().quit()
        if stage == "LIST":
            scene.box.forget_history()
        scene.box.label(scene.marks[0], remove={"UNREAD"})
        again = answer(200, {"historyId": "1", "nextPageToken": "round and round"})
        scene.fake.fault(stage, again)
        with bounded():
            assert scene.try_login() == SYS_TEMP
        scene.all_is_well()

    @pytest.mark.parametrize(
        "raw", ["bm90IGJhc2U2NA===x", "!!!", "YQ", "A", None, 5, {"raw": "YQ"}]
    )
    def test_a_message_that_is_none(self, scene, raw):
        """Its size is not guessed; a message of one octet is one."""
        scene.fake.fault("RAW", edited(lambda value: {**value, "raw": raw}))
        with bounded():
            reply = scene.try_login()
        assert reply.startswith(b"+OK") if raw == "YQ" else reply == SYS_TEMP

    @pytest.mark.parametrize(
        "fault", ["reset in the middle", "longer than it is", "hangs", "5xx"]
    )
    def test_a_size_that_cannot_be_learned(self, scene, fault):
        scene.fake.fault("RAW", BROKEN[fault])
        with bounded():
            assert scene.try_login() == SYS_TEMP
        scene.all_is_well()


class TestListing:
    def test_twice(self, scene):
        scene.fake.fault(
            "LIST", edited(lambda page: {**page, "messages": page["messages"] * 2})
        )
        client = scene.login()
        assert client.stat()[0] == 3
        scene.quit_tells_the_truth(client, 1, 2)
        assert len(scene.inbox) == 1

    def test_odd_ids(self, scene):
        odd = ["a/../b", "ü\u2028 \u0007", "x" * 300]
        scene.fake.fault(
            "LIST", edited(lambda page: {"messages": [{"id": name} for name in odd]})
        )
        raw = base64.urlsafe_b64encode(CORPUS[0]).decode()
        scene.fake.fault("RAW", answer(200, {"raw": raw}))
        client = scene.login()
        ids = [line.split()[1] for line in client.lines("UIDL")]
        assert len(set(ids)) == 3
        assert all(
            len(one) <= 70 and all(0x21 <= octet <= 0x7E for octet in one) for one in ids
        )
        assert retrieve(client, 3) == ("whole", CORPUS[0])
        paths = {request.path for request in scene.fake.requests if "format" in request.target}
        assert all(path.count("/") == 6 for path in paths)

    @pytest.mark.parametrize("value", [{}, [None], [{}], [{"id": []}], "x"])
    def test_rows_that_are_none(self, scene, value):
        scene.fake.fault("LIST", edited(lambda page: {**page, "messages": value}))
        assert scene.try_login() == SYS_TEMP
        scene.all_is_well()


class TestBody:
    @pytest.mark.parametrize(
        "fault",
        ["5xx", "hangs", "closes", "resets", "503 for long", "403 for long", "429 for long"],
    )
    def test_before_the_first_octet(self, scene, fault):
        client = scene.login()
        scene.fake.fault("RAW", BROKEN[fault])
        with bounded():
            assert retrieve(client, 2) == ("error", SYS_TEMP)
        scene.fake.heal()
        assert retrieve(client, 2) == ("whole", CORPUS[1])

    def test_gone(self, scene):
        client = scene.login()
        scene.fake.fault("RAW", refusal(404, "notFound"))
        assert retrieve(client, 1) == ("error", reply_of(MessageGone))

    @pytest.mark.parametrize("fault", [cut(100_000, reset), cut(100_000, close), length(7)])
    def test_in_the_middle(self, scene, fault):
        client = scene.login()
        scene.fake.fault("RAW", fault)
        with bounded():
            kind, _ = retrieve(client, 2)
        assert kind == "cut"
        assert is_over(client)
        scene.all_is_well()

    def test_hangs_in_the_middle(self, scene):
        client = scene.login()
        scene.fake.fault("RAW", cut(100_000, hang))
        with bounded():
            kind, _ = retrieve(client, 2)
        assert kind == "cut"
        scene.all_is_well()

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda body: body[: len(body) // 2],  # the JSON stops
            lambda body: body[: len(body) // 2] + b'"\n}',  # in the middle of a line
            lambda body: body[: len(body) // 2] + b"*" + body[len(body) // 2 :],
        ],
    )
    def test_truncated_in_good_form(self, scene, spoil):
        """HTTP says that it is complete, and it is not."""
        client = scene.login()
        scene.fake.fault("RAW", change(lambda reply: setattr(reply, "body", spoil(reply.body))))
        kind, octets = retrieve(client, 2)
        if kind == "whole":  # base64 that stops where four letters do is a message
            assert len(octets) < len(CORPUS[1])
            client.quit()
            assert scene.login().ok("LIST 2") == b"+OK 2 %d\r\n" % len(octets)
        else:
            assert kind == "cut"
            scene.all_is_well()

    def test_token_expires(self, scene):
        client = scene.login()
        scene.fake.expired = {"token"}
        assert retrieve(client, 1) == ("error", SYS_TEMP)
        scene.fake.expired = set()
        assert retrieve(client, 1) == ("whole", CORPUS[0])


class TestQuit:
    @pytest.mark.parametrize("stage", ["PROFILE", "BATCHMODIFY"])
    @pytest.mark.parametrize(
        "fault",
        sorted(set(BROKEN) - {"HTML", "no JSON", "nothing", "a list", "nesting", "too much"}),
    )
    def test_not_done(self, scene, stage, fault):
        client = scene.login()
        scene.fake.fault(stage, BROKEN[fault])
        reply, _ = scene.quit_tells_the_truth(client, 1, 2)
        if stage == "PROFILE":
            assert reply.startswith(b"-ERR [SYS/TEMP]")
            assert scene.inbox == CORPUS
        scene.fake.heal()
        before = scene.inbox
        client = scene.login()
        assert client.stat()[0] == len(before)
        client.quit()
        assert scene.inbox == before  # nothing is done behind the client's back

    @pytest.mark.parametrize("fault", [cut(0, close), reset, after(500)])
    def test_done_but_not_heard(self, scene, fault):
        client = scene.login()
        scene.fake.fault("BATCHMODIFY", fault, times=1)
        scene.quit_tells_the_truth(client, 1, 3)

    def test_a_web_page_is_no_word_of_gmails(self, scene):
        client = scene.login()
        page = answer(200, b"<!doctype html><title>Log in</title>", "text/html")
        scene.fake.fault("BATCHMODIFY", page)
        reply, _ = scene.quit_tells_the_truth(client, 1)
        assert reply.startswith(b"-ERR [SYS/TEMP]")
        assert scene.inbox == CORPUS

    def test_a_list_that_lags_removes_nothing(self, scene):
        """Without history the list tells what is there, unless the count knows better."""
        client = scene.login()
        scene.box.label(scene.marks[2], remove={"UNREAD"})
        scene.fake.fault("HISTORY", refusal(404, "notFound"))
        scene.fake.fault("LIST", edited(lambda page: {**page, "messages": []}))
        reply, left = scene.quit_tells_the_truth(client, 1, 2)
        assert reply.startswith(b"-ERR [SYS/TEMP]")
        assert left == CORPUS[:2]

    def test_without_history_the_list_tells_what_is_gone(self, scene):
        client = scene.login()
        scene.box.label(scene.marks[0], remove={"INBOX"})
        scene.fake.fault("HISTORY", refusal(404, "notFound"))
        reply, left = scene.quit_tells_the_truth(client, 1, 2)
        assert reply.startswith(b"+OK")
        assert left == []

    def test_one_by_one_where_all_at_once_is_refused(self, scene):
        client = scene.login()
        scene.fake.fault("BATCHMODIFY", refusal(400, "invalidArgument"))
        scene.fake.fault("TRASH", refusal(404, "notFound"), times=1)
        scene.box.delete(scene.marks[0])
        reply = client.ok("DELE 1") and client.ok("DELE 2") and client.quit()
        assert reply.startswith(b"+OK 2 ") or reply == PARTIAL_COMMIT
        assert scene.inbox in ([CORPUS[2]], [CORPUS[1], CORPUS[2]])

    @pytest.mark.parametrize("reason", ["insufficientPermissions", "forbidden"])
    def test_forbidden(self, scene, reason):
        client = scene.login()
        scene.fake.fault("BATCHMODIFY", refusal(403, reason))
        reply, left = scene.quit_tells_the_truth(client, 1, 2)
        assert reply.startswith(b"-ERR [SYS/TEMP]")
        assert len(left) == 2
