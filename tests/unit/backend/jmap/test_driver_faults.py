"""The JMAP driver against a server that fails, or is odd."""

import pytest
import pytest_twisted

from gateway.backend.http.mailbox import MailboxIdTwice
from gateway.errors import (
    BadCredentials,
    BodyBroken,
    ConsentMissing,
    MessageGone,
    Misconfigured,
    Throttled,
    Unavailable,
)
from tests.support.fake_http import Reply
from tests.support.fake_jmap import CORE, MAIL
from tests.unit.backend.http.shelf import MemoryIndex, Sink, failure, message, read
from tests.unit.backend.jmap.desk import plan, session_with


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
