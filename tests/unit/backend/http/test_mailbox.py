"""A session on an HTTP mailbox: listing, reading, removing, and what is kept of it."""

import pytest
import pytest_twisted

from gateway.backend.http.mailbox import MailboxIdTwice, SizeDiffers
from gateway.errors import (
    BadCredentials,
    BodyBroken,
    EpochChanged,
    MessageGone,
    Throttled,
    Unavailable,
)
from gateway.index import SqliteIndex
from gateway.maildrop import CommitPlan
from gateway.telemetry import Emitter
from tests.support.fake_http import Reply
from tests.unit.backend.http.shelf import (
    INEXACT,
    MemoryIndex,
    Sink,
    failure,
    message,
    read,
)


@pytest_twisted.ensureDeferred
async def test_a_maildrop_is_listed_read_and_emptied(shelf, desk):
    session, maildrop = await desk().opened()

    assert list(maildrop.refs) == list(shelf.messages)
    assert list(maildrop.octets) == [len(octets) for octets in shelf.messages.values()]
    assert maildrop.unique_ids[0] == b"m00000"
    assert session.capabilities.exact_octets
    for ref, octets in list(shelf.messages.items()):
        assert await read(session, ref) == octets

    outcome = await session.commit(CommitPlan(maildrop.epoch, ("m00001", "m00003")))
    assert outcome.removed == ("m00001", "m00003")
    assert list(shelf.messages) == ["m00000", "m00002", "m00004"]


@pytest_twisted.ensureDeferred
async def test_a_wrong_password_is_refused(desk):
    session = await desk().open(password=b"wrong")
    refused = await failure(session.snapshot())
    assert isinstance(refused, BadCredentials)
    assert "wrong" not in refused.detail


@pytest_twisted.ensureDeferred
async def test_the_next_login_asks_for_changes_alone(shelf, desk):
    index = MemoryIndex()
    await desk(index=index).opened()
    shelf.remove("m00001")
    shelf.add("m00009", message(9))
    shelf.heard.clear()

    _, maildrop = await desk(index=index).opened()

    assert list(maildrop.refs) == ["m00000", "m00002", "m00003", "m00004", "m00009"]
    assert [request.query for request in shelf.heard] == [{"since": "0"}]


@pytest_twisted.ensureDeferred
async def test_changes_that_do_not_add_up_are_not_believed(shelf, desk):
    index = MemoryIndex()
    await desk(index=index).opened()
    del shelf.messages["m00001"]  # and nobody is told

    _, maildrop = await desk(index=index).opened()

    assert list(maildrop.refs) == list(shelf.messages)


@pytest_twisted.ensureDeferred
async def test_an_unchanged_mailbox_costs_one_request_and_no_write(shelf, desk):
    index = MemoryIndex()
    await desk(index=index).opened()
    saves, count = index.saves, len(shelf.heard)
    await desk(index=index).opened()
    assert (index.saves, len(shelf.heard)) == (saves, count + 1)


@pytest_twisted.ensureDeferred
async def test_unknown_sizes_are_learned_once_and_stay_learned(shelf, desk):
    shelf.sizes, index = False, MemoryIndex()
    session, maildrop = await desk(INEXACT, index=index).opened()
    assert list(maildrop.octets) == [len(octets) for octets in shelf.messages.values()]
    assert session.capabilities.exact_octets
    assert shelf.count("/raw/") == 5

    session, maildrop = await desk(INEXACT, index=index).opened()
    assert session.capabilities.exact_octets
    assert shelf.count("/raw/") == 5

    shelf.epoch = "e2"  # ids mean other messages now
    await desk(INEXACT, index=index).opened()
    assert shelf.count("/raw/") == 10


@pytest_twisted.ensureDeferred
async def test_learning_goes_on_where_it_stopped(shelf, desk):
    shelf.sizes, index = False, MemoryIndex()
    shelf.spoil("/raw/m00003", Reply(503, {"error": "not now"}))
    stopped = await failure(desk(INEXACT, index=index, concurrency=1).opened())
    assert isinstance(stopped, Unavailable)
    assert shelf.count("/raw/") == 4

    shelf.heard.clear()
    _, maildrop = await desk(INEXACT, index=index, concurrency=1).opened()
    assert [request.path for request in shelf.heard if "raw" in request.path] == [
        "/raw/m00003",
        "/raw/m00004",
    ]
    assert list(maildrop.octets) == [len(octets) for octets in shelf.messages.values()]


@pytest_twisted.ensureDeferred
async def test_learning_ends_in_time_and_keeps_what_it_has(shelf, desk):
    shelf.sizes, index = False, MemoryIndex()
    shelf.spoil("/raw/m00004", Reply(200, message(4), hang=10))
    stopped = await failure(
        desk(INEXACT, index=index, concurrency=1, learn_timeout=0.5).opened()
    )
    assert isinstance(stopped, Unavailable)
    await desk(INEXACT, index=index).opened()
    assert shelf.count("/raw/") == 6


@pytest_twisted.ensureDeferred
async def test_estimates_are_called_so_and_are_learned_as_messages_pass(shelf, desk):
    shelf.lies = dict.fromkeys(shelf.messages, 5)
    session, maildrop = await desk(INEXACT, sizes="estimate").opened()
    assert not session.capabilities.exact_octets
    assert list(maildrop.octets) == [5] * 5
    for ref, octets in shelf.messages.items():
        assert await read(session, ref) == octets
    assert session.capabilities.exact_octets
    assert list(maildrop.octets) == [5] * 5  # what a client was told does not move


@pytest_twisted.ensureDeferred
async def test_a_size_that_is_too_small_is_corrected(shelf, desk):
    shelf.lies, index = {"m00000": 5}, MemoryIndex()
    desk_ = desk(index=index)
    session, _ = await desk_.opened()
    assert await read(session, "m00000") == shelf.messages["m00000"]
    assert desk_.events == [SizeDiffers("m00000", 5, len(shelf.messages["m00000"]))]
    await session.close()
    _, maildrop = await desk(index=index).opened()
    assert maildrop.octets[0] == len(shelf.messages["m00000"])


@pytest_twisted.ensureDeferred
async def test_a_message_shorter_than_promised_is_not_whole(shelf, desk):
    shelf.lies = {"m00002": 100_000}
    session, _ = await desk().opened()
    sink = Sink()
    broken = await failure(session.body("m00002").start(sink))
    assert isinstance(broken, BodyBroken)


@pytest_twisted.ensureDeferred
async def test_duplicates_are_shown_once_and_different_ones_are_never_removed(shelf, desk):
    rows = [shelf.row(id_) for id_ in shelf.messages]
    shelf.rows = [*rows, rows[1], {**rows[2], "size": 7}]
    shown = desk()
    session, maildrop = await shown.opened()
    assert list(maildrop.refs) == list(shelf.messages)
    assert shown.events[-1] == MailboxIdTwice(1)
    outcome = await session.commit(CommitPlan(maildrop.epoch, ("m00001", "m00002")))
    assert (outcome.removed, outcome.kept) == (("m00001",), ("m00002",))
    assert "m00002" in shelf.messages


@pytest_twisted.ensureDeferred
async def test_a_page_that_moved_hides_no_message(shelf, desk):
    rows = [shelf.row(id_) for id_ in shelf.messages]
    moved = {"epoch": "e1", "state": 0, "total": 5, "rows": [*rows[:4], rows[3]]}
    shelf.spoil("/list", Reply(200, moved))
    _, maildrop = await desk().opened()
    assert list(maildrop.refs) == list(shelf.messages)


@pytest_twisted.ensureDeferred
async def test_ids_of_every_kind_become_unique_ids_and_are_found_again(shelf, desk):
    odd = [
        "a/b?c#d",
        "x" * 300,
        "x" * 299 + "y",
        "äö \n",
        "..",
        "sha256-x",
        "%41",
        "A",
        "\udc80",
    ]
    shelf.messages = {id_: message(n) for n, id_ in enumerate(odd)}
    session, maildrop = await desk(index=(index := MemoryIndex())).opened()
    ids = list(maildrop.unique_ids)
    assert len(set(ids)) == len(odd)
    assert all(1 <= len(each) <= 70 and all(0x21 <= c <= 0x7E for c in each) for each in ids)
    for ref in maildrop.refs:
        if ref != "\udc80":  # the server here knows no such path
            assert await read(session, ref) == shelf.messages[ref]
    _, again = await desk(index=index).opened()
    assert list(again.unique_ids) == ids


@pytest_twisted.ensureDeferred
async def test_a_list_that_lacks_messages_is_never_shown(shelf, desk):
    shelf.spoil(
        "/list",
        lambda _, reply: Reply(200, {**reply.body, "rows": reply.body["rows"][:2]}),
        times=9,
    )
    short = await failure(desk().opened())
    assert isinstance(short, Unavailable)


@pytest_twisted.ensureDeferred
async def test_a_message_that_is_gone_is_said_to_be(shelf, desk):
    session, _ = await desk(prefetch=False).opened()
    del shelf.messages["m00002"]
    assert isinstance(await failure(session.body("m00002").start(Sink())), MessageGone)


@pytest_twisted.ensureDeferred
async def test_a_plan_of_another_epoch_is_not_carried_out(shelf, desk):
    session, _ = await desk().opened()
    refused = await failure(session.commit(CommitPlan("e0", ("m00001",))))
    assert isinstance(refused, EpochChanged)
    assert len(shelf.messages) == 5


@pytest_twisted.ensureDeferred
async def test_removal_is_tried_once_more(shelf, desk):
    session, maildrop = await desk().opened()
    shelf.spoil("/remove", Reply(502, b"bad gateway"))
    outcome = await session.commit(CommitPlan(maildrop.epoch, ("m00001",)))
    assert outcome.removed == ("m00001",)
    shelf.spoil("/remove", Reply(502, b"bad gateway"), times=2)
    unknown = await failure(session.commit(CommitPlan(maildrop.epoch, ("m00002",))))
    assert isinstance(unknown, Unavailable)
    assert "m00002" in shelf.messages


@pytest_twisted.ensureDeferred
async def test_a_busy_upstream_is_waited_for_as_long_as_is_allowed(shelf, desk):
    shelf.spoil("/list", Reply(429, b"", {"Retry-After": "0"}))
    _, maildrop = await desk().opened()
    assert len(maildrop) == 5
    shelf.spoil("/list", Reply(429, b"slow down", {"Retry-After": "3600"}))
    assert isinstance(await failure(desk().opened()), Throttled)
    shelf.spoil("/list", Reply(503, b"", {"Retry-After": "3600"}))
    assert isinstance(await failure(desk().opened()), Unavailable)


@pytest_twisted.ensureDeferred
async def test_a_session_can_serve_another_login(shelf, desk):
    session, _ = await desk().opened()
    shelf.remove("m00000")
    session.rest()
    assert session.reusable
    await session.revive()
    maildrop = await session.snapshot()
    assert list(maildrop.refs) == list(shelf.messages)
    shelf.passwords.clear()
    assert isinstance(await failure(session.revive()), BadCredentials)
    assert not session.reusable


@pytest_twisted.ensureDeferred
async def test_a_kept_session_notices_another_client_password(shelf, desk, tmp_path):
    """The upstream sees the token alone, which is as good as before."""
    (tmp_path / "token").write_text("t")
    (tmp_path / "password").write_text("for clients\n")
    shelf.tokens = {"t"}
    d = desk(token_file=tmp_path / "token", client_password_file=tmp_path / "password")
    session, _ = await d.opened(password=b"for clients")
    await session.revive()
    (tmp_path / "password").write_text("another\n")
    assert isinstance(await failure(session.revive()), BadCredentials)
    assert not session.reusable


@pytest_twisted.ensureDeferred
async def test_an_epoch_that_nothing_can_keep_is_a_fault_of_the_upstream(shelf, desk, tmp_path):
    """JSON can carry half a character, which neither the index nor the journal can."""
    shelf.epoch = "\udc80"
    emit = Emitter(lambda event, context: None)
    index = SqliteIndex(tmp_path / "index", emit, limit=1 << 20, now=lambda: 0.0)
    try:
        assert isinstance(await failure(desk(index=index).opened()), Unavailable)
    finally:
        index.close()


@pytest_twisted.ensureDeferred
async def test_a_message_that_cannot_be_asked_for_fails_alone(shelf, desk):
    """Not the one before it, which asks for it ahead."""
    d = desk()
    session, _ = await d.opened()
    right = d.apis[0].raw

    def raw(message):
        if message.id == "m00001":
            raise Unavailable("no URL can be made of it")
        return right(message)

    d.apis[0].raw = raw
    assert await read(session, "m00000") == shelf.messages["m00000"]
    with pytest.raises(Unavailable):
        await session.body("m00001").start(Sink())
    assert await read(session, "m00002") == shelf.messages["m00002"]


@pytest_twisted.ensureDeferred
async def test_close_is_told_to_the_driver_once(desk):
    d = desk()
    session, _ = await d.opened()
    await session.close()
    await session.close()
    assert d.apis[0].closed
