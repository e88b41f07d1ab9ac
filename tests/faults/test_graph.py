"""Microsoft Graph at its worst: what a POP3 client is told, and what becomes of the mail."""

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
from tests.support.fake_graph import FakeGraph
from tests.support.fake_graph_mailbox import error

SYS_PERM = reply_of(Misconfigured)


@pytest.fixture(scope="module")
def fake():
    with FakeGraph() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(fake):
    with gateway_before("graph", fake, own={"mailbox": "name"}) as running:
        yield running


@pytest.fixture
def scene(fake, gateway):
    scene = CloudScene(fake, gateway)
    yield scene
    scene.close()


def edited(function):
    """The reply with its JSON changed in place."""

    def edit(reply):
        value = json.loads(reply.body)
        reply.body = json.dumps(function(value) or value).encode()

    return change(edit)


def circle(page):
    page.pop("@odata.deltaLink", None)
    page["@odata.nextLink"] = "/v1.0/circle"


BROKEN = {
    "5xx": answer(500),
    "502 in HTML": answer(502, b"<html>Bad gateway", content_type="text/html"),
    "503 for long": answer(503, {"error": {"code": "x"}}, Retry_After=3600),
    "429 for long": answer(429, {"error": {"code": "x"}}, Retry_After=3600),
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


class TestLogin:
    @pytest.mark.parametrize("stage", ["DELTA", "FOLDER"])
    @pytest.mark.parametrize("fault", BROKEN)
    def test_may_pass(self, scene, stage, fault):
        scene.fake.fault(stage, BROKEN[fault])
        with bounded():
            reply = scene.try_login()
        assert reply == (reply_of(Throttled) if fault == "429 for long" else SYS_TEMP)
        scene.all_is_well()

    @pytest.mark.parametrize("stage", ["DELTA", "FOLDER"])
    @pytest.mark.parametrize(
        "fault",
        [
            answer(403, {"error": {"code": "ErrorAccessDenied"}}),
            answer(404, {"error": {"code": "MailboxNotEnabledForRESTAPI"}}),
            answer(400, {"error": {"code": "BadRequest"}}),
            answer(301, b"", Location="https://elsewhere.example.org/"),
            answer(302, b""),
        ],
    )
    def test_needs_somebody(self, scene, stage, fault):
        scene.fake.fault(stage, fault)
        assert scene.try_login() == SYS_PERM
        scene.all_is_well()

    def test_no_such_user(self, scene):
        del scene.fake.mailboxes[scene.user]
        assert scene.try_login().startswith(b"-ERR [AUTH]")

    @pytest.mark.parametrize("stage", ["DELTA", "FOLDER", "VALUE"])
    def test_token_refused(self, scene, stage):
        scene.fake.fault(stage, answer(401, {"error": {"code": "InvalidAuthenticationToken"}}))
        reply = scene.try_login()
        assert reply == (SYS_TEMP if stage == "VALUE" else reply_of(ConsentMissing))
        assert reply.startswith(b"-ERR [SYS/TEMP]")
        scene.all_is_well()

    @pytest.mark.parametrize("headers", [{}, {"Retry_After": 1}])
    def test_busy_for_a_moment(self, scene, headers):
        throttled = {"error": {"code": "ApplicationThrottled"}}
        scene.fake.fault("DELTA", answer(429, throttled, **headers), times=1)
        scene.fake.fault("VALUE", answer(429, throttled, **headers), times=1)
        scene.login().quit()
        scene.all_is_well()

    def test_pages_in_a_circle(self, scene):
        scene.fake.fault("OTHER", answer(200, {"value": [], "@odata.nextLink": "/v1.0/circle"}))
        scene.fake.fault("DELTA", edited(circle))
        with bounded():
            assert scene.try_login() == SYS_TEMP

    def test_a_page_on_another_server_does_not_get_the_token(self, scene):
        with FakeGraph() as other:
            scene.fake.fault(
                "DELTA",
                edited(lambda page: {"value": [], "@odata.nextLink": f"{other.url}/v1.0/me"}),
            )
            assert scene.try_login() == SYS_PERM
            assert other.heard == []

    def test_forgotten_twice(self, scene):
        scene.login().quit()
        scene.fake.fault("DELTA", answer(410, {"error": {"code": "SyncStateNotFound"}}))
        assert scene.try_login() == SYS_TEMP
        scene.all_is_well()

    @pytest.mark.parametrize(
        "fault", ["reset in the middle", "longer than it is", "hangs", "5xx"]
    )
    def test_a_size_that_cannot_be_learned(self, scene, fault):
        """The maildrop is not shown with a size that is a guess."""
        scene.fake.fault("VALUE", BROKEN[fault])
        with bounded():
            assert scene.try_login() == SYS_TEMP
        scene.all_is_well()

    def test_a_message_that_goes_while_its_size_is_learned(self, scene):
        gone = {"error": {"code": "ErrorItemNotFound"}}
        scene.fake.fault("VALUE", answer(404, gone), times=1)
        client = scene.login()
        assert client.stat()[0] == 3
        client.quit()
        scene.all_is_well()


class TestListing:
    def test_twice_in_one_round(self, scene):
        scene.fake.fault("DELTA", edited(lambda page: page["value"].extend(page["value"][:2])))
        client = scene.login()
        assert client.stat()[0] == 3
        assert len(set(client.lines("UIDL"))) == 3
        scene.quit_tells_the_truth(client, 1, 2)
        assert len(scene.inbox) == 1

    def test_odd_ids(self, scene):
        odd = ["a/../b", "ü\u2028 \u0007", "x" * 3000]

        def rename(page):
            for row, name in zip(page["value"], odd, strict=True):
                row["id"] = name

        scene.fake.fault("DELTA", edited(rename))
        scene.fake.fault("VALUE", answer(200, CORPUS[0], "text/plain"))
        client = scene.login()
        ids = [line.split()[1] for line in client.lines("UIDL")]
        assert len(set(ids)) == 3
        assert all(
            len(one) <= 70 and all(0x21 <= octet <= 0x7E for octet in one) for one in ids
        )
        assert retrieve(client, 1) == ("whole", CORPUS[0])
        paths = {request.path for request in scene.fake.requests if "$value" in request.path}
        assert all(path.count("/") == 6 for path in paths)

    @pytest.mark.parametrize("value", [None, {}, [None], [{}], [{"id": 7}], "x"])
    def test_rows_that_are_none(self, scene, value):
        scene.fake.fault("DELTA", edited(lambda page: {**page, "value": value}))
        assert scene.try_login() == SYS_TEMP
        scene.all_is_well()


class TestBody:
    @pytest.mark.parametrize("fault", ["5xx", "hangs", "closes", "resets", "503 for long"])
    def test_before_the_first_octet(self, scene, fault):
        client = scene.login()
        scene.fake.fault("VALUE", BROKEN[fault])
        with bounded():
            assert retrieve(client, 2) == ("error", SYS_TEMP)
        scene.fake.heal()
        assert retrieve(client, 2) == ("whole", CORPUS[1])

    def test_gone(self, scene):
        client = scene.login()
        scene.fake.fault("VALUE", answer(404, {"error": {"code": "ErrorItemNotFound"}}))
        assert retrieve(client, 1) == ("error", reply_of(MessageGone))

    @pytest.mark.parametrize("fault", [cut(100_000, reset), cut(100_000, close), length(7)])
    def test_in_the_middle(self, scene, fault):
        client = scene.login()
        scene.fake.fault("VALUE", fault)
        with bounded():
            kind, _ = retrieve(client, 2)
        assert kind == "cut"
        assert is_over(client)
        scene.all_is_well()

    def test_hangs_in_the_middle(self, scene):
        client = scene.login()
        scene.fake.fault("VALUE", cut(100_000, hang))
        with bounded():
            kind, _ = retrieve(client, 2)
        assert kind == "cut"
        scene.all_is_well()

    @pytest.mark.parametrize(
        "other", [CORPUS[0] + b"more\r\n", b"Subject: one\r\n\r\nless\r\n"]
    )
    def test_not_as_long_as_it_was(self, scene, other):
        """Graph makes the MIME form anew each time: it is delivered, and the next LIST tells."""
        client = scene.login()
        scene.fake.fault("VALUE", change(lambda reply: setattr(reply, "body", other)))
        assert retrieve(client, 1) == ("whole", other)
        client.quit()
        client = scene.login()
        assert client.ok("LIST 1") == b"+OK 1 %d\r\n" % len(other)

    def test_token_expires(self, scene):
        client = scene.login()
        scene.fake.expired = {"token"}
        assert retrieve(client, 1) == ("error", SYS_TEMP)
        scene.fake.expired = set()
        assert retrieve(client, 1) == ("whole", CORPUS[0])


class TestQuit:
    @pytest.mark.parametrize("stage", ["DELTA", "BATCH"])
    @pytest.mark.parametrize("fault", BROKEN)
    def test_not_done(self, scene, stage, fault):
        client = scene.login()
        scene.fake.fault(stage, BROKEN[fault])
        reply, left = scene.quit_tells_the_truth(client, 1, 2)
        assert reply.startswith(b"-ERR [SYS/TEMP]")
        done_unheard = fault in {
            "reset in the middle",
            "closed in the middle",
            "longer than it is",
        }
        if not (stage == "BATCH" and (done_unheard or fault == "shorter than it is")):
            assert len(left) == 2
        scene.fake.heal()
        before = scene.inbox
        client = scene.login()
        assert client.stat()[0] == len(before)
        client.quit()
        assert scene.inbox == before  # nothing is done behind the client's back

    @pytest.mark.parametrize("fault", [cut(0, close), cut(10, reset), after(500)])
    def test_done_but_not_heard(self, scene, fault):
        """It may be asked again; whatever the reply is, it is true."""
        client = scene.login()
        scene.fake.fault("BATCH", fault, times=1)
        scene.quit_tells_the_truth(client, 1, 3)

    @pytest.mark.parametrize(
        "function",
        [
            lambda body: {"responses": []},
            lambda body: {"responses": body["responses"][:1]},
            lambda body: {"responses": [{**each, "status": 500} for each in body["responses"]]},
            lambda body: {"responses": [{**each, "id": "9"} for each in body["responses"]]},
        ],
    )
    def test_an_answer_that_says_too_little(self, scene, function):
        """What is not said to be done is looked for, and found gone or not."""
        client = scene.login()
        scene.fake.fault("BATCH", edited(function), times=1)
        reply, left = scene.quit_tells_the_truth(client, 1, 2)
        assert reply.startswith(b"+OK 2 ")
        assert left == []

    @pytest.mark.parametrize("code", ["ErrorInvalidUser", "ResourceNotFound", ""])
    def test_404_of_something_else_is_not_gone(self, scene, code):
        client = scene.login()
        scene.fake.refuse_in_batch = lambda *_: error(404, code)
        try:
            reply, left = scene.quit_tells_the_truth(client, 1)
        finally:
            scene.fake.refuse_in_batch = lambda *_: None
        assert reply == PARTIAL_COMMIT
        assert len(left) == 1

    def test_throttled_for_long(self, scene):
        client = scene.login()
        scene.fake.refuse_in_batch = lambda *_: error(429, "x", Retry_After=600)
        try:
            reply, left = scene.quit_tells_the_truth(client, 1, 2, 3)
        finally:
            scene.fake.refuse_in_batch = lambda *_: None
        assert reply == PARTIAL_COMMIT
        assert len(left) == 3
