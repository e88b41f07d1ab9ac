"""The driver over answers that are laid out: what it asks, and what it makes of it."""

import json
from array import array

import pytest
import pytest_twisted
from twisted.internet.task import Clock

from gateway.backend.http.api import Message
from gateway.backend.http.response import Answer
from gateway.backend.rest.driver import RestApi, connect
from gateway.backend.rest.lock import Lock
from gateway.backend.rest.settings import RestSettings
from gateway.backend.rest.talk import Talk
from gateway.errors import EpochChanged, Misconfigured, Unavailable
from gateway.index import TextRecord
from gateway.telemetry import Emitter

BASE = "http://127.0.0.1/base/"


class Caller:
    """Answers in the order in which they were laid, and remembers what was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []
        self.reactor = Clock()

    async def answer(self, method, target, *, headers=None, body=None, expect=(), **how):
        assert target.startswith(BASE)
        self.asked.append((method, target.removeprefix(BASE), headers, body))
        status, value, *more = self.answers.pop(0)
        assert status in expect, (status, expect)
        return Answer(status, more[0] if more else {}, json.dumps(value).encode(), target)

    @property
    def paths(self):
        return [path for _, path, *_ in self.asked]


def session(*features, state="s1", generation="g"):
    return (
        200,
        {
            "account": "a",
            "generation": generation,
            "state": state,
            "features": list(features),
            "limits": {"page": 10, "bulkDelete": 5, "concurrency": 3},
            "later": {"versions": "may say more"},
        },
    )


def message(message_id, size=7):
    return {"id": message_id, "size": size, "received": "2026-01-01T00:00:00Z"}


def page(*ids, total=None, state="s1", following=None, generation="g", etag='"s1"'):
    value = {
        "generation": generation,
        "state": state,
        "total": len(ids) if total is None else total,
        "totalSize": 0,
        "messages": [message(each) for each in ids],
        "next": following,
    }
    return 200, value, {"etag": etag}


def changes(start, end, created=(), destroyed=(), *, more=False, total=None):
    value = {
        "from": start,
        "to": end,
        "created": [message(each) for each in created],
        "destroyed": list(destroyed),
        "more": more,
        "total": total,
    }
    return 200, value


def known(state="s1", etag='"s1"', epoch="g"):
    ids = ["a", "b"]
    numbers = array("q", [7, 7])
    return TextRecord(
        epoch,
        {"state": state, "etag": etag},
        ids,
        (),
        array("q", [0, 0]),
        numbers,
        bytearray(2),
    )


async def api(caller, **settings):
    events = []
    opened = await connect(
        caller,
        BASE,
        RestSettings(**settings),
        Emitter(lambda event, _: events.append(event)),
    )
    opened.events = events
    return opened


def ids(listing):
    return [row.id for row in listing.rows]


@pytest_twisted.ensureDeferred
async def test_all_pages_of_one_list():
    caller = Caller(session(), page("a", "b", total=3, following="c/1"), page("c", total=3))
    listing = await (await api(caller)).list(None)
    assert ids(listing) == ["a", "b", "c"]
    assert (listing.epoch, listing.total, listing.changes) == ("g", 3, False)
    assert caller.paths == ["session", "messages?limit=10", "messages?limit=10&cursor=c%2F1"]


@pytest_twisted.ensureDeferred
async def test_a_list_that_moves_is_begun_again():
    caller = Caller(
        session(),
        page("a", total=2, following="1"),
        page("b", total=2, state="s2"),
        page("a", total=2, following="2"),
        (410, {}),
        page("a", "c"),
    )
    assert ids(await (await api(caller)).list(None)) == ["a", "c"]


@pytest_twisted.ensureDeferred
async def test_a_list_that_always_moves_is_given_up():
    caller = Caller(session(), *[page("a", total=2, following="1"), (410, {})] * 3)
    with pytest.raises(Unavailable, match="faster"):
        await (await api(caller)).list(None)


@pytest_twisted.ensureDeferred
async def test_pages_that_do_not_end_are_given_up():
    for further in (page(total=9, following="2"), page("c", "d", total=3, following="2")):
        caller = Caller(session(), page("a", "b", total=3, following="1"), *[further] * 9)
        with pytest.raises(Unavailable):
            await (await api(caller)).list(None)


@pytest_twisted.ensureDeferred
async def test_the_same_state_needs_no_list():
    caller = Caller(session("changes"))
    listing = await (await api(caller)).list(known())
    assert (listing.changes, ids(listing), list(listing.removed)) == (True, [], [])
    assert caller.paths == ["session"]


@pytest_twisted.ensureDeferred
async def test_changes_of_several_answers_are_one():
    caller = Caller(
        session("changes", state="s4"),
        changes("s1", "s2", created=["c", "d"], destroyed=["a"], more=True),
        changes("s2", "s4", created=["e"], destroyed=["c"], total=3),
    )
    listing = await (await api(caller)).list(known())
    assert ids(listing) == ["d", "e"]
    assert {"a", "c"} <= set(listing.removed)
    assert (listing.total, listing.state["state"]) == (3, "s4")
    assert caller.paths[1:] == ["changes?since=s1&limit=10", "changes?since=s2&limit=10"]


@pytest_twisted.ensureDeferred
async def test_changes_that_lead_nowhere_are_a_failure():
    for wrong in (changes("s0", "s4"), changes("s1", "s1", more=True)):
        caller = Caller(session("changes", state="s4"), wrong)
        with pytest.raises(Unavailable):
            await (await api(caller)).list(known())


@pytest_twisted.ensureDeferred
async def test_an_unknown_state_means_the_whole_list():
    caller = Caller(session("changes", state="s4"), (410, {}), page("b"))
    listing = await (await api(caller)).list(known())
    assert (listing.changes, ids(listing)) == (False, ["b"])
    assert "If-None-Match" not in caller.asked[2][2]


@pytest_twisted.ensureDeferred
async def test_another_generation_means_the_whole_list():
    caller = Caller(session("changes", generation="h"), page("x", generation="h"))
    listing = await (await api(caller)).list(known())
    assert (listing.epoch, listing.changes) == ("h", False)


@pytest_twisted.ensureDeferred
async def test_without_changes_the_list_may_be_304():
    caller = Caller(session(state="s2"), (304, None))
    listing = await (await api(caller)).list(known())
    assert listing.changes
    assert listing.state["state"] == "s1"
    assert caller.asked[1][2]["If-None-Match"] == '"s1"'


@pytest_twisted.ensureDeferred
async def test_a_kept_session_is_asked_anew():
    caller = Caller(session("changes"), session("changes", state="s2"), changes("s1", "s2"))
    opened = await api(caller)
    await opened.list(known())
    await opened.prove()
    await opened.list(known())
    assert caller.paths == ["session", "session", "changes?since=s1&limit=10"]


@pytest_twisted.ensureDeferred
async def test_a_kept_session_of_another_generation_is_of_no_use():
    caller = Caller(session(), session(generation="h"))
    opened = await api(caller)
    with pytest.raises(Unavailable):
        await opened.prove()


@pytest_twisted.ensureDeferred
async def test_messages_are_asked_for_within_their_generation():
    opened = await api(Caller(session()))
    raw = opened.raw(Message("a b/c%ü"))
    assert raw.target == f"{BASE}messages/a%20b%2Fc%25%C3%BC/raw?generation=g"
    for dots in (".", ".."):
        with pytest.raises(Unavailable):
            opened.raw(Message(dots))


def deletion(**given):
    return 200, {"destroyed": [], "notFound": [], "failed": {}, "state": "s2", **given}


@pytest_twisted.ensureDeferred
async def test_what_is_gone_is_told_and_the_key_is_the_same_again():
    told = deletion(
        destroyed=["a", "stranger"], notFound=["b"], failed={"c": {"type": "read-only"}}
    )
    caller = Caller(session("bulk-delete"), told, told, deletion(destroyed=["a"]))
    opened = await api(caller)
    messages = [Message("a"), Message("b"), Message("c"), Message("d")]
    assert set(await opened.remove(messages)) == {"a", "b"}
    assert set(await opened.remove(messages)) == {"a", "b"}
    await opened.remove(messages[:1])
    first, second, third = (headers["Idempotency-Key"] for *_, headers, _ in caller.asked[1:])
    assert first == second != third
    assert json.loads(caller.asked[1][3]) == {
        "generation": "g",
        "ids": ["a", "b", "c", "d"],
        "mode": "purge",
    }
    assert [event.name() for event in opened.events] == ["rest_message_kept"] * 2


@pytest_twisted.ensureDeferred
async def test_what_is_said_to_have_failed_is_kept_whatever_else_is_said():
    told = deletion(destroyed=["a"], failed={"a": {"type": "busy"}})
    opened = await api(Caller(session("bulk-delete"), told))
    assert not await opened.remove([Message("a")])


@pytest_twisted.ensureDeferred
async def test_another_generation_deletes_nothing():
    opened = await api(Caller(session("bulk-delete"), (409, {"type": "generation-changed"})))
    with pytest.raises(EpochChanged):
        await opened.remove([Message("a")])


@pytest_twisted.ensureDeferred
async def test_a_server_without_deletion_keeps_all():
    caller = Caller(session())
    opened = await api(caller)
    assert not await opened.remove([Message("a")])
    assert caller.paths == ["session"]


@pytest_twisted.ensureDeferred
async def test_a_trash_that_is_not_there_is_told_at_login():
    with pytest.raises(Misconfigured, match="trash"):
        await api(Caller(session("bulk-delete")), delete="trash")


@pytest_twisted.ensureDeferred
async def test_an_answer_of_another_shape_quotes_nothing():
    wrong = (200, {**page("a")[1], "messages": [{"id": "x", "size": "secret mail"}]})
    with pytest.raises(Unavailable) as raised:
        await (await api(Caller(session(), wrong))).list(None)
    assert "messages.0.size" in raised.value.detail
    assert "secret" not in raised.value.detail


@pytest_twisted.ensureDeferred
async def test_a_lock_is_kept_until_it_is_released():
    caller = Caller((201, {"token": "t/1", "ttl": 60}), *[(200, {})] * 2, (204, None))
    events = []
    talk = Talk(caller, BASE)
    emit = Emitter(lambda event, _: events.append(event))
    lock = await Lock.take(talk, 300, caller.reactor, emit)
    caller.reactor.pump([10] * 4)  # what was granted counts, not what was asked for
    await lock.release()
    caller.reactor.advance(1000)
    assert caller.paths == ["lock", "lock/t%2F1", "lock/t%2F1", "lock/t%2F1"]
    assert [method for method, *_ in caller.asked] == ["POST", "PUT", "PUT", "DELETE"]
    assert events == []


@pytest_twisted.ensureDeferred
async def test_a_lock_that_is_lost_is_told_once():
    caller = Caller((201, {"token": "t", "ttl": 60}), (404, {}))
    events = []
    emit = Emitter(lambda event, _: events.append(event))
    await Lock.take(Talk(caller, BASE), 300, caller.reactor, emit)
    caller.reactor.pump([20] * 10)
    assert [event.name() for event in events] == ["rest_lock_lost"]


@pytest_twisted.ensureDeferred
async def test_a_session_with_a_lock_is_not_kept():
    opened = await api(Caller(session("lock"), (201, {"token": "t", "ttl": 60})))
    assert not opened.traits.keep
    assert isinstance(opened, RestApi)
    opened = await api(Caller(session()))
    assert opened.traits.keep


@pytest_twisted.ensureDeferred
async def test_a_kept_session_deletes_anew_at_its_next_login():
    """What was kept at the last login, or came back since, is not answered from memory."""
    kept = {"destroyed": [], "notFound": [], "failed": {"a": {"type": "busy"}}, "state": "s"}
    done = {"destroyed": ["a"], "notFound": [], "failed": {}, "state": "s2"}
    features = session("bulk-delete")
    caller = Caller(features, page("a"), (200, kept), features, page("a"), (200, done))
    opened = await api(caller)
    for gone in (set(), {"a"}):
        await opened.list(None)
        assert await opened.remove([Message("a")]) == gone
        if caller.answers:
            await opened.prove()
    keys = [headers["Idempotency-Key"] for *_, headers, body in caller.asked if body]
    assert len(set(keys)) == 2
