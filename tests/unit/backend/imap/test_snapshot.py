"""The frozen INBOX."""

from array import array

import pytest
import pytest_twisted
from hypothesis import given
from hypothesis import strategies as st

from gateway.backend.imap import reader, snapshot
from gateway.errors import Misconfigured, Unavailable
from tests.support.fake_imap import (
    FakeImap,
    answer,
    change,
    close,
    cut,
    do,
    hang,
    raw,
    reset,
    say,
    say_after,
    slow,
    then,
)

MESSAGES = [b"x" * size for size in (10, 200, 0, 40_000)]


@pytest_twisted.ensureDeferred
async def test_columns(gateway):
    with FakeImap(MESSAGES) as server:
        server.inbox.add(b"late", uid=4_000_000_000)
        session, maildrop = await gateway.opened(server)
        assert maildrop.epoch == "1000"
        assert list(maildrop.refs) == [1, 2, 3, 4, 4_000_000_000]
        assert list(maildrop.octets) == [10, 200, 0, 40_000, 4]
        assert list(maildrop.unique_ids)[::4] == [b"1000.1", b"1000.4000000000"]
        assert maildrop.total == 40_214
        assert session.capabilities.exact_octets
        assert session.capabilities.stable_ids
        assert [line for line in server.heard if b"FETCH" in line] == [
            b"UID FETCH 1:* (UID RFC822.SIZE)"
        ]


@pytest_twisted.ensureDeferred
async def test_empty_inbox_is_not_listed(gateway):
    with FakeImap() as server:
        _, maildrop = await gateway.opened(server)
        assert (len(maildrop), maildrop.total, maildrop.epoch) == (0, 0, "1000")
        assert not server.said("FETCH")


@pytest_twisted.ensureDeferred
async def test_many_messages(gateway):
    with FakeImap([b"x" * (n % 7) for n in range(20_000)]) as server:
        _, maildrop = await gateway.opened(server)
        assert list(maildrop.refs) == list(range(1, 20_001))
        assert maildrop.octets[13] == 6


@pytest.mark.parametrize(
    "row", ["* 1 FETCH (UID 1 RFC822.SIZE 9)", "* 1 fetch (RFC822.SIZE 9 UID 1)"]
)
@pytest_twisted.ensureDeferred
async def test_a_listing_without_an_end_is_given_up(gateway, monkeypatch, row):
    monkeypatch.setattr(reader, "_SANE_ROWS", 5)
    with FakeImap(MESSAGES) as server:
        server.fault("LIST", then(slow(200, 0.001), say(*[row] * 200)))
        with pytest.raises(Unavailable, match="a listing of more than"):
            await gateway.opened(server)


def swap(octets):
    """Other shapes, another order, a row twice, a row without a size."""
    one, _, three, _, *rest = octets.splitlines(keepends=True)
    return b"".join(
        [
            b"* 4 FETCH (RFC822.SIZE 40000 UID 4)\r\n",
            b"* 3 FETCH (FLAGS (\\Seen))\r\n",
            three,
            b"* 2 FETCH (UID 2 FLAGS () RFC822.SIZE 200)\r\n",
            b"* 2 FETCH (UID 2)\r\n",
            one,
            one,
            *rest,
        ]
    )


@pytest_twisted.ensureDeferred
async def test_rows_in_any_shape_and_order(gateway):
    with FakeImap(MESSAGES) as server:
        server.fault("LIST", change(swap))
        _, maildrop = await gateway.opened(server)
        assert list(maildrop.refs) == [1, 2, 3, 4]
        assert list(maildrop.octets) == [10, 200, 0, 40_000]


@pytest_twisted.ensureDeferred
async def test_sizes_beyond_32_bits(gateway):
    with FakeImap() as server:
        server.inbox.add(b"x", size=5_000_000_000)
        server.inbox.add(b"x", size=2)
        _, maildrop = await gateway.opened(server)
        assert list(maildrop.octets) == [5_000_000_000, 2]
        assert maildrop.total == 5_000_000_002


@pytest.mark.parametrize(
    "noise",
    [
        say("* 0 RECENT", "* FLAGS (x)", "* 1 FETCH (FLAGS ())", "* OK [X-Y z] hm"),
        say_after("* 5 EXISTS", "* 1 RECENT"),
        say_after("* 4 EXPUNGE"),
        say_after("* VANISHED 4"),
        then(do(lambda server: server.inbox.remove(4)), say("* 4 EXPUNGE")),
        then(do(lambda server: server.inbox.add(b"new")), say_after("* 5 EXISTS")),
    ],
)
@pytest_twisted.ensureDeferred
async def test_the_mailbox_may_change_meanwhile(gateway, noise):
    with FakeImap(MESSAGES) as server:
        server.fault("LIST", noise)
        _, maildrop = await gateway.opened(server)
        assert list(maildrop.refs)[:3] == [1, 2, 3]
        assert gateway.events == []


def without_row(number):
    return change(
        lambda octets: b"".join(
            line
            for line in octets.splitlines(keepends=True)
            if not line.startswith(b"* %d FETCH" % number)
        )
    )


@pytest_twisted.ensureDeferred
async def test_short_listing_is_asked_again(gateway):
    with FakeImap(MESSAGES) as server:
        server.fault("LIST", without_row(2), times=2)
        _, maildrop = await gateway.opened(server)
        assert list(maildrop.refs) == [1, 2, 3, 4]
        assert gateway.names() == ["listing_short"] * 2
        assert (gateway.events[0].listed, gateway.events[0].expected) == (3, 4)


@pytest_twisted.ensureDeferred
async def test_expunged_by_another_before_the_listing(gateway):
    with FakeImap(MESSAGES) as server:
        server.fault(
            "LIST",
            then(
                do(lambda server: server.inbox.remove(2)),
                change(lambda octets: octets.replace(b"OK done", b"NO [EXPUNGEISSUED] gone")),
            ),
            times=1,
        )
        _, maildrop = await gateway.opened(server)
        assert list(maildrop.refs) == [1, 3, 4]


NEVER_SHORT = {
    "row missing": ("LIST", without_row(1)),
    "no rows": ("LIST", answer("OK done")),
    "lying EXISTS": ("SELECT", say_after("* 9 EXISTS")),
    "UID 0": ("LIST", change(lambda o: o.replace(b"UID 1 ", b"UID 0 "))),
    "size missing": ("LIST", change(lambda o: o.replace(b" RFC822.SIZE 10)", b")"))),
    "NO": ("LIST", answer("NO [SERVERBUG] x")),
    "BAD": ("LIST", answer("BAD x")),
    "SELECT NO": ("SELECT", answer("NO [UNAVAILABLE] x")),
    "Exchange": ("SELECT", answer("BAD User is authenticated but not connected.")),
    "no EXISTS": ("SELECT", raw("* OK [UIDVALIDITY 1] x\r\nG2 OK done\r\n")),
    "reset": ("LIST", cut(60, reset)),
    "close": ("LIST", cut(60, close)),
    "hang": ("LIST", cut(60, hang)),
    "BYE": ("LIST", raw("* BYE shutdown\r\n")),
    "huge UID": ("LIST", change(lambda o: o.replace(b"UID 1 ", b"UID 4294967296 "))),
    "huge size": ("LIST", change(lambda o: o.replace(b"SIZE 10)", b"SIZE %d)" % 2**64))),
    "odd row": ("LIST", change(lambda o: o.replace(b"UID 1 ", b"UID one "))),
    "UIDVALIDITY moves": ("LIST", say("* OK [UIDVALIDITY 1001] x")),
}


@pytest.mark.parametrize("fault", NEVER_SHORT)
@pytest_twisted.ensureDeferred
async def test_never_a_shortened_maildrop(gateway, fault):
    stage, action = NEVER_SHORT[fault]
    with FakeImap(MESSAGES) as server:
        server.fault(stage, action)
        session = await gateway.open(server, command_timeout=0.5)
        with pytest.raises(Unavailable):
            await session.snapshot()


@pytest.mark.parametrize(
    "reply",
    ["NO [NOPERM] x", "NO [NONEXISTENT] x", "OK [READ-WRITE] no UIDVALIDITY told"],
)
@pytest_twisted.ensureDeferred
async def test_misconfigured(gateway, reply):
    with FakeImap(MESSAGES) as server:
        server.fault("SELECT", then(say("* 4 EXISTS"), answer(reply)))
        session = await gateway.open(server)
        with pytest.raises(Misconfigured):
            await session.snapshot()


@pytest.mark.parametrize(("delete", "shown"), [("expunge", 4), ("move", 4), ("flag", 3)])
@pytest_twisted.ensureDeferred
async def test_deleted_messages_are_hidden_only_where_the_mark_is_ours(gateway, delete, shown):
    with FakeImap(MESSAGES) as server:
        server.inbox.messages[1].flags.add("\\Deleted")
        _, maildrop = await gateway.opened(server, delete=delete)
        assert len(maildrop) == shown
        assert (2 in maildrop.refs) == (shown == 4)


@pytest_twisted.ensureDeferred
async def test_search_without_an_answer_hides_nothing_silently(gateway):
    with FakeImap(MESSAGES) as server:
        server.fault("SEARCH", answer("OK done"))
        session = await gateway.open(server, delete="flag")
        with pytest.raises(Unavailable):
            await session.snapshot()


@pytest_twisted.ensureDeferred
async def test_uids_that_do_not_stick(gateway):
    with FakeImap(MESSAGES) as server:
        server.fault("SELECT", say("* NO [UIDNOTSTICKY] x"))
        session, _ = await gateway.opened(server)
        assert not session.capabilities.stable_ids


NUMBERS = st.integers(1, 40)


@given(uids=st.sets(NUMBERS), spans=st.lists(st.tuples(NUMBERS, NUMBERS).map(sorted)))
def test_what_has_vanished_in_any_order_and_more_than_once(uids, spans):
    there = array("I", sorted(uids))
    stay, sizes = snapshot._without_spans(there, array("Q", there), map(tuple, spans))
    expected = [u for u in there if not any(first <= u <= last for first, last in spans)]
    assert stay.tolist() == sizes.tolist() == expected
    assert there.tolist() == sorted(uids)  # another session may have it
