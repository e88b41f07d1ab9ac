"""Learning sizes where a message cannot be read, and behind a session's back."""

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import deferLater

from gateway.errors import Unavailable
from tests.support.fake_http import Reply
from tests.unit.backend.http.shelf import INEXACT, MemoryIndex, failure, read


async def until(condition):
    for _ in range(200):
        if condition():
            return
        await deferLater(reactor, 0.01)
    raise AssertionError("it did not come to that")


def sizes(shelf, maildrop):
    return [len(shelf.messages[ref]) for ref in maildrop.refs]


@pytest_twisted.ensureDeferred
async def test_one_message_that_cannot_be_read_keeps_the_others_once(shelf, desk):
    index, bad = MemoryIndex(), list(shelf.messages)[2]
    shelf.spoil(f"/raw/{bad}", Reply(500, b"no MIME form of it"), times=99)
    assert isinstance(await failure(desk(INEXACT, index=index).opened()), Unavailable)
    session, maildrop = await desk(INEXACT, index=index).opened()
    others = [place for place, ref in enumerate(maildrop.refs) if ref != bad]
    expected = sizes(shelf, maildrop)
    assert [maildrop.octets[place] for place in others] == [expected[i] for i in others]
    assert not session.capabilities.exact_octets
    assert isinstance(await failure(read(session, bad)), Unavailable)
    shelf.heal()
    session, maildrop = await desk(INEXACT, index=index).opened()
    assert list(maildrop.octets) == expected
    assert session.capabilities.exact_octets


@pytest_twisted.ensureDeferred
async def test_a_message_that_was_read_after_all_is_waited_for_again(shelf, desk):
    """What is remembered of it goes when it is learned."""
    index, bad = MemoryIndex(), list(shelf.messages)[2]
    shelf.spoil(f"/raw/{bad}", Reply(500, b""), times=1)
    await failure(desk(INEXACT, index=index).opened())
    _, maildrop = await desk(INEXACT, index=index).opened()
    assert list(maildrop.octets) == sizes(shelf, maildrop)
    record = index.load_texts("shelf b'kim'")
    assert set(record.flags) == {1}


@pytest_twisted.ensureDeferred
async def test_estimates_are_learned_while_the_session_lasts(shelf, desk):
    index = MemoryIndex()
    session, maildrop = await desk(INEXACT, index=index, sizes="estimate").opened()
    assert not session.capabilities.exact_octets
    told = list(maildrop.octets)
    await until(lambda: shelf.count("/raw/") == len(maildrop))
    await until(lambda: session.capabilities.exact_octets)
    assert list(maildrop.octets) == told  # what the client was told does not move
    await session.close()
    session, maildrop = await desk(INEXACT, index=index, sizes="estimate").opened()
    assert list(maildrop.octets) == sizes(shelf, maildrop)
    assert shelf.count("/raw/") == len(maildrop)


@pytest_twisted.ensureDeferred
async def test_it_goes_on_in_a_session_that_is_kept_and_ends_with_it(shelf, desk):
    shelf.delay = 0.05
    index = MemoryIndex()
    session, maildrop = await desk(INEXACT, index=index, sizes="estimate").opened()
    session.rest()
    await until(lambda: shelf.count("/raw/") >= 3)
    await session.close()
    asked = shelf.count("/raw/")
    await deferLater(reactor, 0.2)
    assert shelf.count("/raw/") <= asked + 1
    learned = [flags & 1 for flags in index.load_texts("shelf b'kim'").flags]
    assert 1 <= sum(learned) < len(maildrop)


@pytest_twisted.ensureDeferred
async def test_not_if_it_is_switched_off(shelf, desk):
    options = {"sizes": "estimate", "learn_behind": False}
    await desk(INEXACT, **options).opened()
    await deferLater(reactor, 0.1)
    assert shelf.count("/raw/") == 0


@pytest_twisted.ensureDeferred
async def test_what_was_read_to_learn_is_not_asked_for_again(shelf, desk):
    session, maildrop = await desk(INEXACT).opened()
    assert shelf.count("/raw/") == 5
    for ref in reversed(maildrop.refs):
        assert await read(session, ref) == shelf.messages[ref]
    assert shelf.count("/raw/") == 5
    budget = session._budget
    assert budget.take(64 << 20)  # all of it was given back
    budget.give(64 << 20)
    # Once: the second time it is asked for.
    assert await read(session, maildrop.refs[2]) == shelf.messages[maildrop.refs[2]]
    assert shelf.count("/raw/") == 6


@pytest_twisted.ensureDeferred
async def test_what_is_not_read_is_given_back_at_the_end(shelf, desk):
    session, _ = await desk(INEXACT).opened()
    budget = session._budget
    assert not budget.take(64 << 20)
    session.rest()
    assert budget.take(64 << 20)


@pytest_twisted.ensureDeferred
async def test_no_more_is_kept_than_a_session_may(shelf, desk):
    whole = sum(map(len, shelf.messages.values()))
    session, maildrop = await desk(INEXACT, prefetch_session=whole - 1, concurrency=1).opened()
    for ref in maildrop.refs:
        assert await read(session, ref) == shelf.messages[ref]
    assert shelf.count("/raw/") == 6


@pytest_twisted.ensureDeferred
async def test_nothing_is_kept_without_read_ahead(shelf, desk):
    session, maildrop = await desk(INEXACT, prefetch=False).opened()
    assert await read(session, maildrop.refs[0]) == shelf.messages[maildrop.refs[0]]
    assert shelf.count("/raw/") == 6


@pytest_twisted.ensureDeferred
async def test_a_kept_message_can_be_stopped(shelf, desk):
    from tests.unit.backend.http.shelf import Sink

    session, maildrop = await desk(INEXACT).opened()
    body = session.body(maildrop.refs[0])
    sink = Sink(on_write=lambda chunk: body.stop())
    octets = await body.start(sink)
    assert octets == len(sink.octets)
