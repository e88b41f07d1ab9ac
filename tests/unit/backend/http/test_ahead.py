"""Messages asked for ahead: several at once, bounded, and never instead of a true answer."""

import contextlib

import pytest
import pytest_twisted
from twisted.internet.task import deferLater

from gateway.errors import BodyBroken, MessageGone, Unavailable
from gateway.maildrop import CommitPlan
from tests.support.fake_http import Reply
from tests.unit.backend.http.shelf import EXACT, INEXACT, Shelf, Sink, failure, message, read


async def until(happened):
    from twisted.internet import reactor

    while not happened():
        await deferLater(reactor, 0.01)


def many(stack, count=40, size=4096):
    return stack.enter_context(Shelf([message(n, size) for n in range(count)]))


@pytest_twisted.ensureDeferred
async def test_several_are_under_way_at_once_and_each_is_fetched_once(stack, desk):
    shelf = many(stack)
    session, maildrop = await desk(server=shelf, concurrency=12).opened()
    shelf.gate.clear()
    sink = Sink()
    first = session.body(maildrop.refs[0]).start(sink)
    await until(lambda: shelf.most_at_once >= 12)
    shelf.gate.set()
    await first
    assert sink.octets == shelf.messages[maildrop.refs[0]]
    for ref in maildrop.refs[1:]:
        assert await read(session, ref) == shelf.messages[ref]
    assert shelf.count("/raw/") == 40
    assert shelf.most_at_once == 12


@pytest_twisted.ensureDeferred
async def test_the_drivers_limit_is_kept(stack, desk):
    from dataclasses import replace

    shelf = many(stack)
    shelf.delay = 0.01
    session, maildrop = await desk(replace(EXACT, concurrency=3), server=shelf).opened()
    for ref in maildrop.refs:
        await read(session, ref)
    assert shelf.most_at_once <= 3


@pytest_twisted.ensureDeferred
async def test_what_is_kept_is_bounded(stack, desk):
    shelf = many(stack, 10, 50_000)
    session, maildrop = await desk(
        server=shelf, prefetch_session=120_000, prefetch_total=10_000_000
    ).opened()
    await read(session, maildrop.refs[0])
    await session.body(maildrop.refs[5]).start(Sink())  # elsewhere: what was kept is dropped
    assert shelf.count("/raw/") <= 4
    for ref in maildrop.refs:
        assert await read(session, ref) == shelf.messages[ref]


@pytest_twisted.ensureDeferred
async def test_without_a_budget_all_is_fetched_when_it_is_asked_for(stack, desk):
    shelf = many(stack, 5)
    session, maildrop = await desk(server=shelf, prefetch_total=0).opened()
    await read(session, maildrop.refs[0])
    assert shelf.count("/raw/") == 1


@pytest_twisted.ensureDeferred
async def test_the_budget_is_given_back(stack, desk):
    shelf = many(stack, 20)
    d = desk(server=shelf, prefetch_total=200_000)
    for _ in range(3):
        session, maildrop = await d.opened()
        for ref in maildrop.refs[:7]:
            await read(session, ref)
        session.rest()
        assert session._budget._left == 200_000
    await session.commit(CommitPlan(maildrop.epoch, ()))
    await session.close()
    assert session._budget._left == 200_000


@pytest_twisted.ensureDeferred
async def test_one_message_in_the_middle_brings_no_others(stack, desk):
    shelf = many(stack)
    session, maildrop = await desk(server=shelf).opened()
    await read(session, maildrop.refs[20])
    await read(session, maildrop.refs[3])
    await read(session, maildrop.refs[11], top=0)
    assert shelf.count("/raw/") == 3


@pytest_twisted.ensureDeferred
async def test_what_fails_ahead_fails_only_when_it_is_asked_for(stack, desk):
    shelf = many(stack, 6)
    session, maildrop = await desk(server=shelf, resume=0).opened()
    refs = list(maildrop.refs)
    octets = dict(shelf.messages)
    del shelf.messages[refs[2]]
    shelf.spoil(f"/raw/{refs[3]}", lambda _, reply: Reply(200, reply.body, cut=9), times=2)
    shelf.spoil(f"/raw/{refs[4]}", Reply(500, b""), times=1)
    assert await read(session, refs[0]) == octets[refs[0]]
    assert await read(session, refs[1]) == octets[refs[1]]
    assert isinstance(await failure(session.body(refs[2]).start(Sink())), MessageGone)
    assert isinstance(await failure(session.body(refs[3]).start(Sink())), BodyBroken)
    assert await read(session, refs[4]) == octets[refs[4]]
    assert await read(session, refs[5]) == octets[refs[5]]


@pytest_twisted.ensureDeferred
async def test_a_busy_upstream_is_not_asked_ahead_any_more(stack, desk):
    shelf = many(stack, 40)
    session, maildrop = await desk(server=shelf, concurrency=4).opened()
    shelf.spoil(f"/raw/{maildrop.refs[2]}", Reply(429, b"", {"Retry-After": "999"}), times=1)
    for ref in maildrop.refs[:3]:
        assert await read(session, ref) == shelf.messages[ref]
    for number in (30, 31, 32):
        await read(session, maildrop.refs[number])
    assert shelf.count(f"/raw/{maildrop.refs[33]}") == 0


@pytest_twisted.ensureDeferred
async def test_a_message_larger_than_its_estimate_is_fetched_alone(stack, desk):
    shelf = many(stack, 3, 100_000)
    shelf.lies = dict.fromkeys(shelf.messages, 10)
    session, maildrop = await desk(INEXACT, server=shelf, sizes="estimate").opened()
    for ref in maildrop.refs:
        assert await read(session, ref) == shelf.messages[ref]


@pytest_twisted.ensureDeferred
async def test_stopping_one_that_is_under_way(stack, desk):
    shelf = many(stack, 5)
    session, maildrop = await desk(server=shelf).opened()
    refs = maildrop.refs
    shelf.spoil(f"/raw/{refs[1]}", Reply(200, shelf.messages[refs[1]], delay=30))
    await read(session, refs[0])
    body = session.body(refs[1])
    sink = Sink()
    done = body.start(sink)
    body.stop()
    await done
    assert sink.chunks == []
    assert await read(session, refs[2]) == shelf.messages[refs[2]]


@pytest_twisted.ensureDeferred
async def test_a_session_that_is_closed_in_the_middle_leaves_nothing(stack, desk):
    shelf = many(stack)
    session, maildrop = await desk(server=shelf).opened()
    shelf.delay = 0.2
    done = session.body(maildrop.refs[0]).start(Sink())
    await session.close()
    with contextlib.suppress(Unavailable):
        await done
    assert session._budget._left == session._settings.prefetch_total


@pytest.mark.parametrize("sizes", ["estimate", "wait"])
@pytest.mark.parametrize("end", ["resumed", "stopped"])
@pytest_twisted.ensureDeferred
async def test_a_large_message_counts_until_its_client_has_taken_it(stack, desk, sizes, end):
    """Read ahead, or kept since its size was learned."""
    shelf = many(stack, 2, 400_000)
    shelf.sizes = sizes == "estimate"
    traits = EXACT if shelf.sizes else INEXACT
    session, maildrop = await desk(traits, server=shelf, sizes=sizes).opened()
    total = session._settings.prefetch_total
    refs = maildrop.refs
    if shelf.sizes:
        await read(session, refs[0])
        await until(lambda: session._ahead._kept[1].finished)
    asked = shelf.count("/raw/")
    left = session._budget._left
    assert left < total - 390_000
    body = session.body(refs[1])
    sink = Sink(lambda _: body.pause())
    done = body.start(sink)
    assert session._budget._left == left
    assert 0 < len(sink.octets) < 390_000
    while end == "resumed" and not done.called:
        body.resume()
    if end == "stopped":
        body.stop()
    await done
    assert session._budget._left > left + 390_000
    if end == "resumed":
        assert sink.octets == shelf.messages[refs[1]]
    assert shelf.count("/raw/") == asked
