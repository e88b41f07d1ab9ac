"""The JMAP driver against a server that insists on everything."""

import pytest
import pytest_twisted

from gateway.backend.jmap.settings import JmapSettings
from gateway.errors import (
    EpochChanged,
    Misconfigured,
    Unavailable,
)
from gateway.maildrop import CommitPlan
from tests.support.fake_jmap import CORE, MAIL
from tests.unit.backend.http.shelf import MemoryIndex, failure, message, read
from tests.unit.backend.jmap.desk import plan, session_with


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
async def test_what_is_filed_elsewhere_between_look_and_deed_stays_there(jmap, desk):
    def file():
        jmap.emails["M000001"].mailboxes.add("arch")
        jmap.touch("M000001")

    session, maildrop = await desk().opened()
    jmap.before_set.append(file)
    outcome = await session.commit(plan(maildrop, "M000001", "M000002"))
    assert set(outcome.removed) == {"M000001", "M000002"}
    assert jmap.emails["M000001"].mailboxes == {"arch"}
    assert "M000002" not in jmap.emails


@pytest_twisted.ensureDeferred
async def test_where_somebody_is_at_work_all_the_time_nothing_is_destroyed(jmap, desk):
    jmap.emails["M000002"].mailboxes = {"in", "arch"}
    session, maildrop = await desk().opened()
    jmap.before_set = [lambda: jmap.touch("M000003")] * 100
    outcome = await session.commit(plan(maildrop, "M000001", "M000002"))
    assert set(outcome.removed) == {"M000002"}
    assert jmap.emails["M000001"].mailboxes == {"in"}


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
