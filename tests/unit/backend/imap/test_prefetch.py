"""Messages asked for ahead: when, how many, and that every octet of the budget comes back."""

import pytest
import pytest_twisted
from twisted.internet.task import deferLater

from gateway.backend.imap import prefetch as module
from gateway.backend.imap.prefetch import Budget
from gateway.maildrop import CommitPlan
from tests.support.fake_imap import FakeImap, answer, hang, slow
from tests.unit.backend.imap.reader import TOTAL, Sink, messages

# When and how many.


@pytest_twisted.ensureDeferred
async def test_reading_in_order_asks_in_batches(reader):
    with FakeImap(messages()) as server:
        client = await reader(server)
        assert await client.read(*client.maildrop.refs) == messages()
        assert server.bodies == list(range(1, 31))
        assert client.asked()[:3] == [b"1", b"2:17", b"18:30"]
        assert len(client.asked()) < 10
        assert client.taken == 0


@pytest_twisted.ensureDeferred
async def test_switched_off_each_is_asked_for_alone(reader):
    with FakeImap(messages(5)) as server:
        client = await reader(server, prefetch=False)
        assert await client.read(1, 2, 3) == messages(3)
        assert client.asked() == [b"1", b"2", b"3"]


@pytest_twisted.ensureDeferred
async def test_one_message_somewhere_is_not_yet_reading_on_and_two_are(reader):
    with FakeImap(messages()) as server:
        client = await reader(server)
        await client.read(7)
        assert client.asked() == [b"7"]
        await client.read(8)
        await client.gateway.until(lambda: client.asked() == [b"7", b"8", b"9:30"])


@pytest_twisted.ensureDeferred
async def test_what_is_hidden_does_not_end_a_row_and_is_not_asked_for(reader):
    with FakeImap(messages()) as server:
        for message in server.inbox.messages[::3]:
            message.flags.add("\\Deleted")
        client = await reader(server, delete="flag")
        shown = [number for number in range(1, 31) if number % 3 != 1]
        assert list(client.maildrop.refs) == shown
        assert await client.read(*shown) == [messages()[number - 1] for number in shown]
        assert server.bodies == shown
        assert len(client.asked()) < 5


@pytest.mark.parametrize("order", [(30, 29, 28), (3, 9, 4), (1, 1, 1), (1, 2, 20, 3)])
@pytest_twisted.ensureDeferred
async def test_another_order_stops_it(reader, order):
    with FakeImap(messages()) as server:
        client = await reader(server)
        found = await client.read(*order)
        assert found == [messages()[number - 1] for number in order]
        await client.settled()
        held = client.taken // 100
        assert held == (16 if order == (1, 1, 1) else 0)
        assert len(server.bodies) <= len(order) + 32 * order.count(1)


@pytest_twisted.ensureDeferred
async def test_after_going_back_it_reads_on_again(reader):
    with FakeImap(messages()) as server:
        client = await reader(server)
        order = [1, 2, 3, 1, 2, 3, 4, 5]
        assert await client.read(*order) == [messages()[n - 1] for n in order]


@pytest.mark.parametrize(("size", "most"), [(100, 16), (100_000, 5), (600_000, 0)])
@pytest_twisted.ensureDeferred
async def test_a_near_window_is_bounded_in_messages_and_octets(reader, size, most):
    with FakeImap(messages(12, size)) as server:
        client = await reader(server)
        for number in range(1, 13):
            assert await client.read(number) == [messages(12, size)[number - 1]]
            await client.settled()
            assert client.taken <= most * size
        assert server.bodies == list(range(1, 13))


@pytest_twisted.ensureDeferred
async def test_a_far_window_opens_and_is_bounded(reader, monkeypatch):
    monkeypatch.setattr(module, "_FAR_SECONDS", -1)
    with FakeImap(messages(400)) as server:
        client = await reader(server)
        held = []
        for number in client.maildrop.refs:
            await client.read(number)
            await client.settled()
            held.append(client.taken // 100)
        assert held[0] == 16
        assert 32 < max(held) <= 64
        assert server.bodies == list(range(1, 401))
        assert len(client.asked()) < 25


@pytest_twisted.ensureDeferred
async def test_a_large_message_among_small_ones_is_fetched_alone(reader):
    mail = messages(12)
    mail[4] = b"L" * 2_000_000
    with FakeImap(mail) as server:
        client = await reader(server)
        assert await client.read(*range(1, 13)) == mail
        assert client.asked()[:4] == [b"1", b"2:4", b"5", b"6:12"]
        assert sorted(server.bodies) == list(range(1, 13))


@pytest_twisted.ensureDeferred
async def test_empty_messages_count_as_messages(reader):
    with FakeImap([b""] * 30) as server:
        client = await reader(server)
        assert await client.read(*range(1, 31)) == [b""] * 30


# The budget.


def test_the_budget_gives_what_it_has():
    budget = Budget(10)
    assert budget.take(10)
    assert not budget.take(1)
    assert budget.take(0)
    budget.give(4)
    assert not budget.take(5)
    assert budget.take(4)


@pytest_twisted.ensureDeferred
async def test_sessions_share_the_budget_and_go_on_without_it(gateway, reader):
    with FakeImap(messages()) as server:
        client = await reader(server)
        client.budget.take(TOTAL - 250)
        assert await client.read(*range(1, 31)) == messages()
        assert client.budget._left == 250
        assert server.bodies == list(range(1, 31))
        client.budget.give(TOTAL - 250)


@pytest_twisted.ensureDeferred
async def test_a_slow_client_holds_no_more_than_a_window(reader):
    """It takes one message and no other; what is ahead stays, and no more is asked for."""
    with FakeImap(messages(100, 50_000)) as server:
        client = await reader(server)
        await client.read(1, 2, 3)
        await client.settled()
        held = client.taken
        assert 0 < held <= 1 << 19
        await client.gateway.until(lambda: client.session._connection.idle)
        assert client.taken == held
        assert len(server.bodies) <= 3 + 10


# Whatever the client does.


@pytest_twisted.ensureDeferred
async def test_top_in_between_changes_nothing(reader):
    with FakeImap(messages()) as server:
        client = await reader(server)
        await client.read(1, 2)
        for ref in (3, 9, 20):
            sink = Sink()
            await client.session.body(ref, 0).start(sink)
            assert sink.octets == messages()[ref - 1]
        assert await client.read(*range(3, 31)) == messages()[2:]
        whole = server.said("BODY.PEEK[])")
        assert len(whole) <= 8


@pytest.mark.parametrize("asked", [1, 2, 5])
@pytest_twisted.ensureDeferred
async def test_quit_while_a_batch_is_in_flight(reader, asked):
    with FakeImap(messages()) as server:
        client = await reader(server)
        server.fault("BODY", slow(300, 0.002), skip=1)
        await client.read(*range(1, asked + 1))
        outcome = await client.session.commit(CommitPlan("1000", (1, 3)))
        assert outcome.removed == (1, 3)
        assert client.taken == 0
        assert server.inbox.uids == [2, *range(4, 31)]


@pytest_twisted.ensureDeferred
async def test_after_an_update_messages_are_found_where_they_stand_now(reader):
    """A plan that a crash interrupted is carried out between the listing and RETR 1."""
    with FakeImap(messages()) as server:
        client = await reader(server)
        await client.session.commit(CommitPlan("1000", (1, 5, 6)))
        left = [number for number in range(1, 31) if number not in {1, 5, 6}]
        assert await client.read(*left) == [messages()[n - 1] for n in left]
        assert server.bodies == left


@pytest.mark.parametrize("moment", ["before", "waiting", "there"])
@pytest_twisted.ensureDeferred
async def test_stop_gives_the_message_up(reader, moment):
    with FakeImap(messages()) as server:
        client = await reader(server)
        if moment == "waiting":
            server.fault("BODY", hang, skip=1)
        await client.read(1)
        if moment == "there":
            await client.settled()
        body, sink = client.session.body(2), Sink()
        if moment == "before":
            body.stop()
        done = body.start(sink)
        body.stop()
        body.stop()
        await client.session.close()
        await done
        assert client.taken == 0
        assert sink.octets == (messages()[1] if moment == "there" else b"")


@pytest_twisted.ensureDeferred
async def test_a_sink_that_stops_it_gets_no_more_and_nothing_is_marked(reader):
    with FakeImap(messages(4, 150_000)) as server:
        client = await reader(server, mark_seen=True)
        await client.read(1)
        await client.settled()
        body = client.session.body(2)
        sink = Sink(lambda chunk: body.stop())
        await body.start(sink)
        assert len(sink.chunks) == 1
        await client.settled()
        assert [message.flags for message in server.inbox.messages] == [{"\\Seen"}] + [
            set()
        ] * 3


@pytest_twisted.ensureDeferred
async def test_pause_and_resume_of_what_is_there_and_what_is_not(reader):
    with FakeImap(messages(3, 200_000)) as server:
        client = await reader(server)
        for ref in client.maildrop.refs:
            body, sink = client.session.body(ref), Sink()
            done = body.start(sink)
            body.pause()
            body.resume()
            assert await done == 200_000
        assert client.session._connection._paused_by == set()


@pytest_twisted.ensureDeferred
async def test_a_pause_before_the_message_is_found_missing_holds(gateway, reader):
    with FakeImap(messages(3, 200_000)) as server:
        client = await reader(server)
        server.fault("BODY", answer("NO later"), skip=1, times=1)
        await client.read(1)
        body, sink = client.session.body(2), Sink()
        done = body.start(sink)
        body.pause()
        await gateway.until(lambda: 2 in server.bodies)
        await deferLater(gateway.reactor, 0.05)
        assert sink.chunks == []
        body.resume()
        assert await done == 200_000


@pytest_twisted.ensureDeferred
async def test_read_is_what_was_delivered_and_not_what_was_prefetched(reader):
    with FakeImap(messages()) as server:
        client = await reader(server, mark_seen=True)
        await client.read(1, 2, 3)
        await client.settled()
        assert len(server.bodies) > 5
        seen = [message.uid for message in server.inbox.messages if message.flags]
        assert seen == [1, 2, 3]


@pytest.mark.parametrize("end", ["resumed", "stopped"])
@pytest_twisted.ensureDeferred
async def test_a_large_message_waits_for_its_client_and_counts_until_it_is_written(reader, end):
    """Written at once it would lie in the client's buffer, where no budget counts it."""
    size = 400_000
    with FakeImap(messages(2, size)) as server:
        client = await reader(server)
        await client.read(1)
        await client.settled()
        assert client.session.at_hand(2) is None
        body = client.session.body(2)
        sink = Sink(on_write=lambda _: body.pause())
        done = body.start(sink)
        assert len(sink.octets) < size
        assert client.taken == size
        if end == "stopped":
            body.stop()
            assert await done == size
            assert len(sink.octets) < size
            return
        while not done.called:
            body.resume()
        assert await done == size
        assert sink.octets == messages(2, size)[1]
        assert client.taken == 0


@pytest_twisted.ensureDeferred
async def test_at_hand_is_what_has_come_in_order_and_once(gateway, near):
    with FakeImap(messages()) as server:
        session, _ = await gateway.opened(server, prefetch=True, mark_seen=True)
        assert session.at_hand(1) is None
        await session.body(1).start(Sink())
        await gateway.until(lambda: session._connection.idle)
        assert session.at_hand(3) is None  # another is next
        assert session.at_hand(2) == [messages()[1]]
        assert session.at_hand(2) is None
        await gateway.until(lambda: session._connection.idle)
        session._connection.mailbox.moved = True
        assert session.at_hand(3) is None
        session._connection.mailbox.moved = False
        await session.close()
        assert [m.uid for m in server.inbox.messages if m.flags] == [1, 2]


@pytest_twisted.ensureDeferred
async def test_at_hand_tells_of_a_size_that_was_wrong(gateway, near):
    with FakeImap(messages()) as server:
        session, _ = await gateway.opened(server, prefetch=True)
        await session.body(1).start(Sink())
        await gateway.until(lambda: session._connection.idle)
        session._record.octets[1] += 1
        assert session.at_hand(2) == [messages()[1]]
        assert gateway.names() == ["octets_differ"]
        session._record.octets[1] -= 1
