"""The JMAP driver against a server that insists on everything."""

import pytest
import pytest_twisted
from pydantic import SecretBytes
from twisted.internet.defer import Deferred

from gateway.backend.http.driver import make_room
from gateway.backend.http.mailbox import MailboxIdTwice
from gateway.backend.http.settings import HttpSettings
from gateway.backend.jmap import driver
from gateway.backend.jmap.settings import JmapSettings
from gateway.errors import (
    BadCredentials,
    BodyBroken,
    ConsentMissing,
    EpochChanged,
    MessageGone,
    Misconfigured,
    Throttled,
    Unavailable,
)
from gateway.maildrop import CommitPlan, Login
from gateway.telemetry import Emitter
from gateway.tls import client_options
from tests.support.fake_http import Reply
from tests.support.fake_jmap import CORE, MAIL, FakeJmap
from tests.unit.backend.http.shelf import MemoryIndex, Sink, failure, message, read


@pytest.fixture
def jmap():
    with FakeJmap([message(n) for n in range(20)]) as server:
        yield server


class Desk:
    def __init__(self, server, path="", index=None, settings=None, **http):
        from twisted.internet import reactor

        self.events = []
        room = make_room(
            "jmap",
            f"{server.url}/",
            HttpSettings(**{"response_timeout": 2, "retry_after": 1, **http}),
            tls_options=client_options,
            reactor=reactor,
            emit=Emitter(lambda event, context: self.events.append(event)),
            index=index,
        )
        self.backend = driver.backend(room, path, settings or JmapSettings())
        self.sessions = []

    async def opened(self, password=b"pw"):
        session = await self.backend.open(Login(b"kim", SecretBytes(password)))
        self.sessions.append(session)
        return session, await session.snapshot()

    async def close(self):
        for session in self.sessions:
            await session.close()
        await self.backend.close()


@pytest.fixture
def desk(jmap):
    made = []

    def make(**options):
        made.append(Desk(jmap, **options))
        return made[-1]

    yield make
    for each in made:
        pytest_twisted.blockon(Deferred.fromCoroutine(each.close()))


def plan(maildrop, *refs):
    return CommitPlan(maildrop.epoch, refs)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("calls", [1, 2, 3, 4, 50])
@pytest.mark.parametrize("objects", [1, 7, 100])
async def test_small_limits_are_kept(jmap, desk, calls, objects):
    jmap.limits |= {"maxCallsInRequest": calls, "maxObjectsInGet": objects}
    index = MemoryIndex()
    session, maildrop = await desk(index=index).opened()
    assert list(maildrop.refs) == jmap.inbox
    assert list(maildrop.octets) == [len(jmap.emails[id_].octets) for id_ in jmap.inbox]
    assert await read(session, maildrop.refs[3]) == jmap.emails[maildrop.refs[3]].octets
    assert session.capabilities.exact_octets

    jmap.destroy("M000004")
    jmap.add(message(77))
    jmap.touch("M000002")
    _, maildrop = await desk(index=index).opened()
    assert list(maildrop.refs) == jmap.inbox

    outcome = await session.commit(plan(maildrop, *maildrop.refs[:9]))
    assert set(outcome.removed) == set(maildrop.refs[:9])
    assert jmap.inbox == list(maildrop.refs[9:])


@pytest_twisted.ensureDeferred
async def test_a_server_that_takes_less_than_it_says(jmap, desk):
    jmap.spoil(
        "/session",
        session_with(capabilities={CORE: {**jmap.limits, "maxObjectsInGet": 20}, MAIL: {}}),
    )
    _, maildrop = await desk().opened()
    assert list(maildrop.refs) == jmap.inbox


@pytest_twisted.ensureDeferred
async def test_a_small_request_size_is_kept(jmap, desk):
    jmap.limits |= {"maxSizeRequest": 1600, "maxObjectsInGet": 500, "maxObjectsInSet": 500}
    for _ in range(40):
        jmap.add(message(1), "L" * 60 + str(len(jmap.emails)))
    session, maildrop = await desk().opened()
    outcome = await session.commit(plan(maildrop, *maildrop.refs))
    assert len(outcome.removed) == 60
    assert jmap.inbox == []


@pytest_twisted.ensureDeferred
async def test_an_unchanged_mailbox_costs_few_requests(jmap, desk):
    index = MemoryIndex()
    d = desk(index=index)
    await d.opened()
    jmap.heard.clear()
    await d.opened()
    assert [request.path for request in jmap.heard] == ["/session", "/api"]
    jmap.heard.clear()
    await desk(index=index).opened()  # after a restart the place is not known any more
    assert [request.path for request in jmap.heard] == [
        "/.well-known/jmap",
        "/session",
        "/api",
    ]


@pytest_twisted.ensureDeferred
async def test_messages_are_ordered_by_age_and_then_by_id(jmap, desk):
    jmap.reset()
    for id_, received in (("c", 5), ("a", 5), ("b", 5), ("z", 1), ("m", 9)):
        jmap.add(message(1), id_, received=received)
    index = MemoryIndex()
    _, maildrop = await desk(index=index).opened()
    assert list(maildrop.refs) == ["z", "a", "b", "c", "m"]
    jmap.add(message(1), "aa", received=5)
    _, maildrop = await desk(index=index).opened()
    assert list(maildrop.refs) == ["z", "a", "aa", "b", "c", "m"]


@pytest_twisted.ensureDeferred
async def test_what_moves_in_and_out_is_noticed(jmap, desk):
    index = MemoryIndex()
    archived = jmap.add(message(50), mailboxes=["arch"])
    _, maildrop = await desk(index=index).opened()
    assert archived not in maildrop.refs
    jmap.emails[archived].mailboxes = {"in", "arch"}
    jmap.emails["M000003"].mailboxes = {"arch"}
    jmap.touch(archived)
    jmap.touch("M000003")
    jmap.destroy("M000005")
    _, maildrop = await desk(index=index).opened()
    assert list(maildrop.refs) == jmap.inbox
    assert jmap.count("/api") == 1 + 3 + 2  # the mailbox, three pages; changes, a look


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("how", ["cannot", "forgotten", "another inbox", "lies"])
async def test_without_changes_everything_is_listed(jmap, desk, how):
    index = MemoryIndex()
    await desk(index=index).opened()
    jmap.destroy("M000005")
    if how == "cannot":
        jmap.can_calculate = False
    elif how == "forgotten":
        jmap.forgotten = len(jmap.log)
    elif how == "lies":
        jmap.log.pop()  # nobody is told
    else:
        jmap.roles = {"arch": "inbox", "in": None}
        jmap.emails["M000001"].mailboxes = {"arch"}
    _, maildrop = await desk(index=index).opened()
    expected = ["M000001"] if how == "another inbox" else jmap.inbox
    assert list(maildrop.refs) == expected


@pytest_twisted.ensureDeferred
async def test_very_many_changes_are_not_followed(jmap, desk):
    index = MemoryIndex()
    await desk(index=index).opened()
    for _ in range(200):
        jmap.touch("M000001")
    jmap.destroy("M000002")
    _, maildrop = await desk(index=index).opened()
    assert list(maildrop.refs) == jmap.inbox


@pytest_twisted.ensureDeferred
async def test_a_mailbox_that_changes_while_it_is_listed(jmap, desk):
    """The anchor of the second page is gone when it is asked for."""

    def destroy_last(_, reply):
        for name, answer, _ in reply.body["methodResponses"]:
            if name == "Email/query" and answer["ids"]:
                jmap.destroy(answer["ids"][-1])
        return reply

    jmap.faults.clear()
    jmap.spoil("/api", lambda _, reply: reply)  # the mailbox's id
    jmap.spoil("/api", destroy_last)
    _, maildrop = await desk().opened()
    assert list(maildrop.refs) == jmap.inbox


# Removal.


@pytest_twisted.ensureDeferred
async def test_what_is_elsewhere_too_is_only_taken_out_of_the_inbox(jmap, desk):
    jmap.emails["M000002"].mailboxes = {"in", "arch"}
    session, maildrop = await desk().opened()
    outcome = await session.commit(plan(maildrop, "M000001", "M000002"))
    assert set(outcome.removed) == {"M000001", "M000002"}
    assert "M000001" not in jmap.emails
    assert jmap.emails["M000002"].mailboxes == {"arch"}


@pytest_twisted.ensureDeferred
async def test_the_trash_takes_what_is_removed(jmap, desk):
    jmap.emails["M000002"].mailboxes = {"in", "arch"}
    session, maildrop = await desk(settings=JmapSettings(delete="trash")).opened()
    outcome = await session.commit(plan(maildrop, "M000001", "M000002"))
    assert set(outcome.removed) == {"M000001", "M000002"}
    assert jmap.emails["M000001"].mailboxes == {"bin"}
    assert jmap.emails["M000002"].mailboxes == {"arch"}
    del jmap.roles["bin"]
    missing = await failure(desk(settings=JmapSettings(delete="trash")).opened())
    assert isinstance(missing, Misconfigured)


@pytest_twisted.ensureDeferred
async def test_what_is_gone_already_counts_as_removed(jmap, desk):
    session, maildrop = await desk().opened()
    jmap.destroy("M000001")
    jmap.emails["M000002"].mailboxes = {"arch"}
    jmap.refuse["M000003"] = "notFound"  # destroyed between our look and our deed
    outcome = await session.commit(plan(maildrop, "M000001", "M000002", "M000003"))
    assert len(outcome.removed) == 3
    assert "M000002" in jmap.emails


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("error", ["forbidden", "tooLarge", "rateLimit", "whatever"])
async def test_what_the_server_keeps_is_kept(jmap, desk, error):
    session, maildrop = await desk().opened()
    jmap.refuse["M000002"] = error
    outcome = await session.commit(plan(maildrop, "M000001", "M000002", "M000003"))
    assert outcome.kept == ("M000002",)
    assert "M000002" in jmap.emails


@pytest_twisted.ensureDeferred
async def test_a_lost_answer_is_asked_for_again(jmap, desk):
    session, maildrop = await desk().opened()

    def done_and_reset(request, reply):
        reply.cut = 1
        return reply

    jmap.spoil("/api", lambda request, reply: reply)
    jmap.spoil("/api", done_and_reset)
    outcome = await session.commit(plan(maildrop, "M000001"))
    assert outcome.removed == ("M000001",)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("method", ["Email/get", "Email/set"])
@pytest.mark.parametrize("error", ["serverFail", "accountReadOnly", "serverUnavailable"])
async def test_a_failed_update_is_unavailable(jmap, desk, method, error):
    session, maildrop = await desk().opened()
    jmap.refuse[method] = error
    met = await failure(session.commit(plan(maildrop, "M000001")))
    assert isinstance(met, Unavailable)
    assert "M000001" in jmap.emails


@pytest_twisted.ensureDeferred
async def test_a_plan_for_another_mailbox(jmap, desk):
    session, _maildrop = await desk().opened()
    met = await failure(session.commit(CommitPlan("other", ("M000001",))))
    assert isinstance(met, EpochChanged)


# Faults.


@pytest_twisted.ensureDeferred
async def test_duplicates_and_odd_ids(jmap, desk):
    jmap.reset([message(1)])
    jmap.twice = ["M000001"]
    for id_ in ("x" * 200, "with space", "ü", "sha256-"):
        jmap.add(message(len(id_)), id_)
    d = desk()
    session, maildrop = await d.opened()
    assert list(maildrop.refs) == jmap.inbox
    assert len(set(maildrop.unique_ids)) == 5
    for ref in maildrop.refs:
        assert await read(session, ref) == jmap.emails[ref].octets
    outcome = await session.commit(plan(maildrop, *maildrop.refs))
    assert len(outcome.removed) == 5
    assert not any(isinstance(event, MailboxIdTwice) for event in d.events)


@pytest_twisted.ensureDeferred
async def test_a_message_larger_than_its_size_is_delivered_and_noted(jmap, desk):
    jmap.sizes["M000001"] = 3
    session, maildrop = await desk(index=(index := MemoryIndex())).opened()
    assert maildrop.octets[0] == 3
    assert await read(session, "M000001") == jmap.emails["M000001"].octets
    await session.close()
    _, maildrop = await desk(index=index).opened()
    assert maildrop.octets[0] == len(jmap.emails["M000001"].octets)


@pytest_twisted.ensureDeferred
async def test_a_message_smaller_than_its_size_is_not_whole(jmap, desk):
    jmap.sizes["M000001"] = 100_000
    session, _ = await desk().opened()
    assert isinstance(await failure(session.body("M000001").start(Sink())), BodyBroken)


@pytest_twisted.ensureDeferred
async def test_a_reset_is_continued_where_the_server_has_ranges(jmap, desk):
    jmap.ranges = True
    large = jmap.add(message(1, 200_000))

    def cut(_, reply):
        reply.cut = 70_000
        return reply

    jmap.spoil(f"/blob/acc%2F1/B-{large}", cut)
    session, _ = await desk(prefetch=False).opened()
    assert await read(session, large) == jmap.emails[large].octets
    assert [r.headers.get("range") for r in jmap.heard if "blob" in r.path] == [
        None,
        "bytes=70000-",
    ]


@pytest_twisted.ensureDeferred
async def test_a_message_that_is_gone(jmap, desk):
    session, _ = await desk(prefetch=False).opened()
    jmap.destroy("M000003")
    assert isinstance(await failure(session.body("M000003").start(Sink())), MessageGone)


@pytest_twisted.ensureDeferred
async def test_credentials(jmap, desk, tmp_path):
    jmap.passwords = {"kim": "right"}
    assert isinstance(await failure(desk().opened(b"wrong")), BadCredentials)
    await desk().opened(b"right")
    token = tmp_path / "token"
    token.write_text("tok")
    jmap.tokens = {"tok"}
    session, _ = await desk(token_file=token).opened()
    jmap.tokens = {"another"}
    assert isinstance(await failure(session.revive()), ConsentMissing)


@pytest_twisted.ensureDeferred
async def test_a_session_serves_another_login(jmap, desk):
    session, _ = await desk().opened()
    session.rest()
    jmap.add(message(3))
    jmap.heard.clear()
    await session.revive()
    maildrop = await session.snapshot()
    assert list(maildrop.refs) == jmap.inbox
    assert len(jmap.heard) == 3


def session_with(**changes):
    def change(_, reply):
        reply.body = {**reply.body, **changes}
        return reply

    return change


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("path", "reply", "kind"),
    [
        ("/.well-known", Reply(404, b""), Misconfigured),
        ("/.well-known", Reply(200, b"<html>"), Unavailable),
        ("/.well-known", Reply(200, {"a": 1}), Misconfigured),
        ("/.well-known", Reply(200, []), Misconfigured),
        (
            "/.well-known",
            Reply(302, b"", {"Location": "https://other.example/"}),
            Misconfigured,
        ),
        ("/session", session_with(apiUrl="https://other.example/"), Misconfigured),
        ("/session", session_with(downloadUrl="https://other.example/{blobId}"), Misconfigured),
        ("/session", session_with(downloadUrl="/blob"), Unavailable),
        ("/session", session_with(capabilities={CORE: {}}), Misconfigured),
        ("/session", session_with(accounts={}), Misconfigured),
        (
            "/session",
            session_with(capabilities={CORE: {"maxObjectsInGet": 0}, MAIL: {}}),
            Misconfigured,
        ),
        ("/session", Reply(503, b"", {"Retry-After": "99"}), Unavailable),
        ("/session", Reply(429, b"", {"Retry-After": "99"}), Throttled),
        ("/api", Reply(429, b"", {"Retry-After": "99"}), Throttled),
        ("/api", Reply(500, b""), Unavailable),
        ("/api", None, Unavailable),
        ("/api", Reply(200, {}), Unavailable),
        ("/api", Reply(200, []), Unavailable),
        ("/api", Reply(200, {"methodResponses": [7]}), Unavailable),
        ("/api", Reply(200, {"methodResponses": [["Mailbox/query", {}, "0"]]}), Unavailable),
        (
            "/api",
            Reply(200, {"methodResponses": [["Mailbox/query", {"ids": []}, "0"]]}),
            Misconfigured,
        ),
        (
            "/api",
            Reply(200, {"methodResponses": [["error", {"type": "forbidden"}, "0"]]}),
            Misconfigured,
        ),
        ("/api", Reply(200, {"methodResponses": [["error", {}, "0"]]}), Unavailable),
        (
            "/api",
            Reply(
                400,
                {"type": "urn:ietf:params:jmap:error:limit", "limit": "maxConcurrentRequests"},
            ),
            Unavailable,
        ),
        ("/api", Reply(400, {"type": "urn:ietf:params:jmap:error:notRequest"}), Misconfigured),
        ("/api", Reply(200, b"{}", delay=9), Unavailable),
        ("/api", Reply(200, b"{}", hang=1), Unavailable),
    ],
)
async def test_what_a_login_meets_is_of_the_closed_set(jmap, desk, path, reply, kind):
    jmap.spoil(path, reply, times=99)
    met = await failure(desk(response_timeout=0.4, idle_timeout=0.4).opened())
    assert isinstance(met, kind), met
    assert kind is Unavailable or type(met) is kind


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    "wrong",
    [
        {"size": "7"},
        {"size": True},
        {"size": None},
        {"receivedAt": "yesterday"},
        {"receivedAt": 7},
        {"id": 7},
        {"blobId": None},
    ],
    ids=repr,
)
async def test_rows_of_another_shape_are_refused(jmap, desk, wrong):
    def change(_, reply):
        for name, answer, _ in reply.body["methodResponses"]:
            if name == "Email/get":
                answer["list"][0] |= wrong
        return reply

    jmap.spoil("/api", change, times=9)
    assert isinstance(await failure(desk().opened()), Unavailable)


@pytest_twisted.ensureDeferred
async def test_a_session_object_may_be_named(jmap, desk):
    _, maildrop = await desk(path="/session").opened()
    assert len(maildrop) == 20
    assert jmap.count("/.well-known") == 0


@pytest_twisted.ensureDeferred
async def test_an_account_that_cannot_be_changed_is_told_at_login(jmap, desk):
    jmap.read_only = True
    assert isinstance(await failure(desk().opened()), Misconfigured)


@pytest_twisted.ensureDeferred
async def test_relative_urls(jmap, desk):
    jmap.spoil(
        "/session",
        session_with(
            apiUrl="/api", downloadUrl="blob/{accountId}/{blobId}/{name}?accept={type}"
        ),
    )
    session, maildrop = await desk().opened()
    assert await read(session, maildrop.refs[0]) == jmap.emails[maildrop.refs[0]].octets


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("told", [{}, None, "absent"])
async def test_who_does_not_say_where_a_message_is_has_not_removed_it(
    jmap, desk, monkeypatch, told
):
    session, maildrop = await desk().opened()
    right = jmap._email

    def email(id_, properties):
        found = right(id_, properties)
        if "mailboxIds" in found and told == "absent":
            del found["mailboxIds"]
        elif "mailboxIds" in found:
            found["mailboxIds"] = told
        return found

    monkeypatch.setattr(jmap, "_email", email)
    outcome = await session.commit(plan(maildrop, maildrop.refs[0]))
    assert outcome.removed == ()
    assert maildrop.refs[0] in jmap.emails


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("empty", [True, False])
async def test_pages_that_repeat_come_to_an_end(jmap, desk, monkeypatch, empty):
    right, get, asked = jmap._query, jmap._get, []

    def query(arguments):
        asked.append(arguments)
        assert len(asked) < 50  # or it would never end
        there = right({name: arguments[name] for name in arguments if "anchor" not in name})
        return {**there, "total": 1 << 40}

    monkeypatch.setattr(jmap, "_query", query)
    if empty:
        monkeypatch.setattr(jmap, "_get", lambda given: {**get(given), "list": []})
    assert isinstance(await failure(desk().opened()), Unavailable)
    assert len(asked) < 10


@pytest_twisted.ensureDeferred
async def test_pages_without_end_come_to_an_end(jmap, desk, monkeypatch):
    monkeypatch.setattr("gateway.backend.jmap.listing._MOST", 50)
    number = iter(range(10_000))

    def query(arguments):
        return {"ids": [f"x{next(number)}"], "total": 1 << 40, "queryState": "q"}

    monkeypatch.setattr(jmap, "_query", query)
    assert isinstance(await failure(desk().opened()), Unavailable)
    assert next(number) < 60


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("wrong", [1, True, 1.5, "abc", {"a": 1}])
@pytest.mark.parametrize("where", ["methodResponses", "list"])
async def test_what_is_no_list_is_no_jmap(jmap, desk, where, wrong):
    session, maildrop = await desk().opened()

    def reply(_, right):
        for _, answer, _ in right.body["methodResponses"]:
            answer["list"] = wrong
        if where == "methodResponses":
            right.body[where] = wrong
        return right

    jmap.spoil("/api", reply, times=9)
    unknown = await failure(session.commit(plan(maildrop, maildrop.refs[0])))
    assert isinstance(unknown, Unavailable)
    assert maildrop.refs[0] in jmap.emails
