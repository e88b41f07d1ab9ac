"""Messages asked for ahead of an upstream that does not do what it should."""

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

from gateway.errors import EpochChanged, MessageGone, Unavailable
from tests.support.fake_imap import (
    FakeImap,
    after,
    answer,
    change,
    close,
    cut,
    do,
    hang,
    raw,
    reset,
    say,
    slow,
    then,
)
from tests.unit.backend.imap.reader import Sink, messages


async def read_all(client):
    """Read until the connection is of no use any more; message or failure of each."""
    return await client.read(*client.maildrop.refs)


DEATHS = {
    "hangs up before it": close,
    "resets before it": reset,
    "hangs up in its head": cut(20),
    "hangs up in a message": cut(250),
    "resets in a message": cut(250, reset),
    "hangs up behind the messages": cut(8 * 140),
    "BYE": raw("* BYE x\r\n"),
    "garbage": raw("junk\r\n"),
    "silence": hang,
    "silence in a message": cut(250, hang),
}


@pytest.mark.parametrize("death", DEATHS)
@pytest_twisted.ensureDeferred
async def test_an_upstream_that_dies_while_prefetching(reader, death):
    with FakeImap(messages()) as server:
        client = await reader(server, command_timeout=0.3)
        server.fault("BODY", DEATHS[death], skip=1, times=1)
        found = await read_all(client)
        assert found[0] == messages()[0]
        for message, expected in zip(found, messages(), strict=True):
            assert message in (expected, Unavailable)
        assert found[-1] is Unavailable


@pytest_twisted.ensureDeferred
async def test_what_came_before_a_death_is_still_delivered(reader):
    with FakeImap(messages()) as server:
        client = await reader(server)
        await client.read(1)
        await client.settled()
        client.session._connection.fail(Unavailable("x"))
        found = await read_all(client)
        assert found[0] is Unavailable  # other orders end what was kept


@pytest.mark.parametrize("reply", ["NO [SERVERBUG] x", "BAD x", "NO [EXPUNGEISSUED] x"])
@pytest.mark.parametrize("deed", [answer, after])
@pytest_twisted.ensureDeferred
async def test_a_batch_that_is_refused_is_asked_for_one_by_one(reader, reply, deed):
    with FakeImap(messages()) as server:
        client = await reader(server)
        server.fault("BODY", deed(reply), skip=1, times=1)
        assert await read_all(client) == messages()


@pytest_twisted.ensureDeferred
async def test_a_message_removed_before_it_was_prefetched_is_gone(reader):
    with FakeImap(messages()) as server:
        client = await reader(server)
        server.fault("BODY", do(lambda s: s.inbox.remove(4)), skip=1, times=1)
        found = await read_all(client)
        assert found[3] is MessageGone
        assert found[:3] + found[4:] == messages()[:3] + messages()[4:]


@pytest_twisted.ensureDeferred
async def test_a_message_removed_after_it_was_prefetched_is_delivered(reader):
    with FakeImap(messages(6)) as server:
        client = await reader(server)
        await client.read(1)
        await client.settled()
        for uid in (2, 3, 4):
            server.inbox.remove(uid)
        assert await client.read(2, 3, 4, 5, 6) == messages(6)[1:]


def uid_last(octets):
    """* n FETCH (BODY[] {k} ... UID u) instead of * n FETCH (UID u BODY[] {k} ...)."""
    lines = octets.split(b")\r\n")
    rows = []
    for line in lines[:-1]:
        head, _, text = line.partition(b"\r\n")
        number, uid, rest = head.split(b" (UID ")[0], *head.split(b"UID ")[1].split(b" ", 1)
        rows.append(number + b" (" + rest + b"\r\n" + text + b" UID " + uid + b")\r\n")
    return b"".join([*rows, lines[-1]])


SHAPES = {
    "UID last": uid_last,
    "longer than announced": lambda o: o.replace(b"{100}\r\n", b"{5100}\r\n" + b"y" * 5000),
    "twice": lambda o: o[: o.rindex(b"\r\nG") + 2] + o,
    "flags in between": lambda o: b"* 3 FETCH (FLAGS (\\Seen))\r\n* 40 EXISTS\r\n" + o,
    "nothing": lambda o: o[o.rindex(b"\r\nG") + 2 :] if b"\r\nG" in o else o,
    "empty": lambda o: b"* 3 FETCH (UID 3 BODY[] {0}\r\n)\r\n" + o,
    "NIL": lambda o: b"* 3 FETCH (UID 3 BODY[] NIL)\r\n" + o,
    "quoted": lambda o: b'* 3 FETCH (UID 3 BODY[] "hello")\r\n' + o,
    "a part": lambda o: o.replace(b"BODY[] ", b"BODY[]<0> "),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest_twisted.ensureDeferred
async def test_odd_answers_to_a_batch_never_give_a_wrong_message(reader, shape):
    with FakeImap(messages()) as server:
        client = await reader(server)
        server.fault("BODY", change(SHAPES[shape]), skip=1, times=1)
        assert await read_all(client) == messages()


@pytest_twisted.ensureDeferred
async def test_what_names_its_uid_last_is_not_taken_for_what_was_asked_for_later(reader):
    with FakeImap(messages()) as server:
        client = await reader(server)
        server.fault("BODY", then(slow(400, 0.002), change(uid_last)), skip=1)
        assert await client.read(1, 25, 2, 24) == [messages()[n - 1] for n in (1, 25, 2, 24)]


@pytest_twisted.ensureDeferred
async def test_another_length_than_announced_is_told_once_and_delivered(gateway, reader):
    with FakeImap(messages(3)) as server:
        server.inbox.messages[1].size = 90
        client = await reader(server)
        assert await client.read(1, 2, 3) == messages(3)
        assert gateway.names() == ["octets_differ"]
        assert (gateway.events[0].announced, gateway.events[0].delivered) == (90, 100)


@pytest_twisted.ensureDeferred
async def test_a_message_given_up_and_asked_for_again_goes_to_the_second(gateway, reader):
    """Servers interleave: both answers may come before either command is done."""
    held = []

    def hold(session, reply, carry_out):
        carry_out()
        held.append(reply.octets())
        reply.sent_raw = b""

    def interleave(session, reply, carry_out):
        carry_out()
        (batch,), mine = held, reply.octets()
        cut_ = batch.rindex(b"\r\nG") + 2
        reply.sent_raw = batch[:cut_] + mine + batch[cut_:]

    with FakeImap(messages(9)) as server:
        client = await reader(server)
        server.fault("BODY", hold, skip=1, times=1)
        server.fault("BODY", interleave, skip=1, times=1)
        await client.read(1)
        await gateway.until(lambda: held)
        assert await client.read(7) == [messages()[6]]
        await client.settled()


@pytest.mark.parametrize("moment", ["in flight", "there"])
@pytest_twisted.ensureDeferred
async def test_a_new_epoch_makes_what_was_prefetched_worthless(gateway, reader, moment):
    moved = say("* OK [UIDVALIDITY 1001] moved")
    with FakeImap(messages()) as server:
        client = await reader(server)
        if moment == "in flight":
            server.fault("BODY", moved, skip=1, times=1)
        await client.read(1)
        await client.settled()
        if moment == "there":
            server.fault("NOOP", moved, times=1)
            await client.session._connection.command(b"NOOP")
        assert await client.read(2, 3) == [EpochChanged] * 2


@pytest_twisted.ensureDeferred
async def test_a_session_that_is_closed_in_the_middle(reader):
    with FakeImap(messages()) as server:
        client = await reader(server, logout_timeout=0.1)
        server.fault("BODY", cut(300, hang), skip=1, times=1)
        await client.read(1)
        waiting = client.session.body(2).start(Sink())
        assert isinstance(waiting, Deferred)
        await client.session.close()
        with pytest.raises(Unavailable):
            await waiting
