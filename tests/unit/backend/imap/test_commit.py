r"""UPDATE: exactly the plan, whatever the server can do and whatever others have marked."""

import pytest
import pytest_twisted

from gateway.backend.imap.commit import is_precise
from gateway.errors import EpochChanged, Unavailable
from gateway.maildrop import CommitPlan, Outcome
from tests.support.fake_imap import (
    FakeImap,
    after,
    answer,
    close,
    cut,
    do,
    hang,
    raw,
    reset,
    say,
    then,
)

FULL = "IMAP4rev1 AUTH=PLAIN SASL-IR UIDPLUS MOVE"
UIDPLUS = "IMAP4rev1 AUTH=PLAIN SASL-IR UIDPLUS"
BARE = "IMAP4rev1 AUTH=PLAIN SASL-IR"
LEVELS = pytest.mark.parametrize(
    "capabilities", [FULL, UIDPLUS, BARE], ids=["full", "+", "bare"]
)


def box(count=6, capabilities=FULL, deleted=()):
    server = FakeImap([b"message %d" % n for n in range(count)], capabilities=capabilities)
    for uid in deleted:
        flag(server, uid)
    return server


def flag(server, uid, text="\\Deleted"):
    next(m for m in server.inbox.messages if m.uid == uid).flags.add(text)


def marked(server):
    return [m.uid for m in server.inbox.messages if "\\Deleted" in m.flags]


async def commit(gateway, server, *uids, epoch="1000", **settings):
    session, _ = await gateway.opened(server, **settings)
    return await session.commit(CommitPlan(epoch, uids))


@LEVELS
@pytest_twisted.ensureDeferred
async def test_exactly_the_plan_and_no_foreign_mark(gateway, capabilities):
    with box(capabilities=capabilities, deleted=(2, 3)) as server:
        outcome = await commit(gateway, server, 5, 3, 1)
        assert outcome == Outcome((5, 3, 1), ())
        assert server.inbox.uids == [2, 4, 6]
        assert marked(server) == [2]
        assert gateway.events == []


@LEVELS
@pytest.mark.parametrize("delete", ["expunge", "move", "flag"])
@pytest_twisted.ensureDeferred
async def test_nothing_to_do(gateway, capabilities, delete):
    with box(capabilities=capabilities, deleted=(2,)) as server:
        assert await commit(gateway, server, delete=delete) == Outcome((), ())
        assert server.inbox.uids == [1, 2, 3, 4, 5, 6]
        assert not server.said("STORE")
        assert not server.said("EXPUNGE")


@LEVELS
@pytest_twisted.ensureDeferred
async def test_gone_already_counts_as_removed(gateway, capabilities):
    with box(capabilities=capabilities) as server:
        session, _ = await gateway.opened(server)
        server.inbox.remove(2)
        assert await session.commit(CommitPlan("1000", (1, 2))) == Outcome((1, 2), ())
        assert server.inbox.uids == [3, 4, 5, 6]


@LEVELS
@pytest_twisted.ensureDeferred
async def test_mail_that_came_meanwhile_stays(gateway, capabilities):
    with box(capabilities=capabilities) as server:
        session, _ = await gateway.opened(server)
        server.inbox.add(b"new", "\\Deleted")
        await session.commit(CommitPlan("1000", (1,)))
        assert server.inbox.uids == [2, 3, 4, 5, 6, 7]
        assert marked(server) == [7]


@pytest.mark.parametrize("epoch", ["999", "", "1000.0"])
@pytest_twisted.ensureDeferred
async def test_another_epoch(gateway, epoch):
    with box() as server:
        with pytest.raises(EpochChanged):
            await commit(gateway, server, 1, epoch=epoch)
        assert len(server.inbox.messages) == 6
        assert not server.said("STORE")


@pytest_twisted.ensureDeferred
async def test_epoch_that_moved_during_the_session(gateway):
    with box() as server:
        session, _ = await gateway.opened(server, keepalive=0.02)
        server.fault("NOOP", say("* OK [UIDVALIDITY 1001] x"))
        await gateway.until(lambda: len(server.said("NOOP")) > 1)
        with pytest.raises(EpochChanged):
            await session.commit(CommitPlan("1000", (1,)))
        assert not server.said("STORE")


@pytest_twisted.ensureDeferred
async def test_read_only(gateway):
    with box() as server:
        server.read_only = True
        assert await commit(gateway, server, 1, 2) == Outcome((), (1, 2))
        assert not server.said("STORE")
        assert not server.said("SEARCH")


@LEVELS
@pytest_twisted.ensureDeferred
async def test_refused_mark(gateway, capabilities):
    with box(capabilities=capabilities) as server:
        server.fault("STORE", answer("NO [NOPERM] x"))
        assert await commit(gateway, server, 1, 2) == Outcome((), (1, 2))
        assert len(server.inbox.messages) == 6
        assert "update_refused" in gateway.names()


@LEVELS
@pytest_twisted.ensureDeferred
async def test_refused_expunge_takes_our_marks_back(gateway, capabilities):
    with box(capabilities=capabilities, deleted=(2, 6)) as server:
        server.fault("EXPUNGE", answer("NO x"))
        assert await commit(gateway, server, 1, 2) == Outcome((), (1, 2))
        assert marked(server) == [2, 6]


@LEVELS
@pytest.mark.parametrize("reply", ["NO x", "BAD x"])
@pytest_twisted.ensureDeferred
async def test_the_search_is_the_truth(gateway, capabilities, reply):
    with box(capabilities=capabilities) as server:
        server.fault("EXPUNGE", after(reply))
        assert await commit(gateway, server, 1, 2) == Outcome((1, 2), ())
        assert server.inbox.uids == [3, 4, 5, 6]


@pytest_twisted.ensureDeferred
async def test_lying_expunge(gateway):
    with box() as server:
        server.fault("EXPUNGE", answer("OK sure"))
        assert await commit(gateway, server, 1, 2) == Outcome((), (1, 2))
        assert marked(server) == []


@pytest.mark.parametrize(
    "action",
    [
        answer("NO x"),
        answer("BAD x"),
        answer("OK said nothing"),
        close,
        hang,
        raw("* BYE x\r\n"),
    ],
)
@pytest.mark.parametrize("skip", [0, 1])
@pytest_twisted.ensureDeferred
async def test_unknown_outcome(gateway, action, skip):
    with box() as server:
        server.fault("SEARCH", action, skip=skip)
        with pytest.raises(Unavailable):
            await commit(gateway, server, 1, 2, command_timeout=0.3)
        assert {3, 4, 5, 6} <= set(server.inbox.uids)


@LEVELS
@pytest.mark.parametrize("stage", ["STORE", "EXPUNGE"])
@pytest.mark.parametrize("action", [close, cut(5, reset), hang])
@pytest_twisted.ensureDeferred
async def test_connection_lost_in_the_middle(gateway, capabilities, stage, action):
    with box(capabilities=capabilities, deleted=(6,)) as server:
        server.fault(stage, action)
        with pytest.raises(Unavailable):
            await commit(gateway, server, 1, 2, command_timeout=0.3)
        assert {3, 4, 5, 6} <= set(server.inbox.uids)


# Without UIDPLUS.


@pytest_twisted.ensureDeferred
async def test_bare_expunge_only_while_no_foreign_mark_exists(gateway):
    with box(capabilities=BARE, deleted=(4, 5)) as server:
        seen = []
        server.fault("EXPUNGE", do(lambda server: seen.append(marked(server))))
        await commit(gateway, server, 1)
        assert seen == [[1]]
        assert marked(server) == [4, 5]
        assert server.inbox.uids == [2, 3, 4, 5, 6]


@pytest_twisted.ensureDeferred
async def test_foreign_mark_that_comes_meanwhile(gateway):
    with box(capabilities=BARE, deleted=(4,)) as server:
        server.fault("SEARCH", do(lambda server: flag(server, 6)), skip=1, times=1)
        assert await commit(gateway, server, 1) == Outcome((1,), ())
        assert server.inbox.uids == [2, 3, 4, 5, 6]
        assert marked(server) == [4, 6]


@pytest_twisted.ensureDeferred
async def test_foreign_mark_that_cannot_be_taken_off(gateway):
    with box(capabilities=BARE, deleted=(4,)) as server:
        server.fault("STORE", answer("NO x"), skip=1)
        assert await commit(gateway, server, 1) == Outcome((), (1,))
        assert len(server.inbox.messages) == 6
        assert not server.said("EXPUNGE")


@pytest_twisted.ensureDeferred
async def test_foreign_mark_that_cannot_be_put_back(gateway):
    with box(capabilities=BARE, deleted=(4,)) as server:
        server.fault("STORE", answer("NO x"), skip=2)
        assert await commit(gateway, server, 1) == Outcome((1,), ())
        assert server.inbox.uids == [2, 3, 4, 5, 6]
        assert "foreign_marks_lost" in gateway.names()


# Move.


@LEVELS
@pytest_twisted.ensureDeferred
async def test_move(gateway, capabilities):
    with box(capabilities=capabilities, deleted=(2,)) as server:
        trash = server.create("Trash")
        assert await commit(gateway, server, 1, 3, delete="move") == Outcome((1, 3), ())
        assert server.inbox.uids == [2, 4, 5, 6]
        assert [m.octets for m in trash.messages] == [b"message 0", b"message 2"]
        assert marked(server) == [2]


@LEVELS
@pytest_twisted.ensureDeferred
async def test_move_makes_the_folder(gateway, capabilities):
    with box(capabilities=capabilities) as server:
        outcome = await commit(gateway, server, 1, delete="move", move_to="Müll & Co")
        assert outcome == Outcome((1,), ())
        assert list(server.folders) == ["M&APw-ll &- Co"]  # RFC 3501 §5.1.3


@pytest_twisted.ensureDeferred
async def test_move_makes_the_folder_for_a_code_in_the_wrong_place(gateway):
    with box(capabilities=BARE) as server:
        server.fault("COPY", answer("NO UID COPY [TRYCREATE] failed"), times=1)
        assert await commit(gateway, server, 1, delete="move") == Outcome((1,), ())
        assert len(server.folders["Trash"].messages) == 1


@LEVELS
@pytest_twisted.ensureDeferred
async def test_move_without_room(gateway, capabilities):
    with box(capabilities=capabilities) as server:
        trash = server.create("Trash")
        server.fault("MOVE", answer("NO [OVERQUOTA] x"))
        server.fault("COPY", answer("NO [OVERQUOTA] x"))
        assert await commit(gateway, server, 1, 2, delete="move") == Outcome((), (1, 2))
        assert server.inbox.uids == [1, 2, 3, 4, 5, 6]
        assert trash.messages == []
        assert not server.said("STORE")


@LEVELS
@pytest_twisted.ensureDeferred
async def test_folder_that_cannot_be_made(gateway, capabilities):
    with box(capabilities=capabilities) as server:
        server.fault("CREATE", answer("NO [NOPERM] x"))
        assert await commit(gateway, server, 1, delete="move") == Outcome((), (1,))
        assert len(server.said("CREATE")) == 1
        assert server.inbox.uids == [1, 2, 3, 4, 5, 6]


@pytest_twisted.ensureDeferred
async def test_only_what_was_copied_is_deleted(gateway):
    with box(count=12_000, capabilities=UIDPLUS) as server:
        server.create("Trash")
        server.fault("COPY", answer("NO x"), skip=1, times=1)
        uids = tuple(range(1, 12_001))
        outcome = await commit(gateway, server, *uids, delete="move", command_timeout=60)
        assert outcome.kept == uids[5000:10_000]
        assert server.inbox.uids == list(uids[5000:10_000])
        assert len(server.folders["Trash"].messages) == 7000


@pytest_twisted.ensureDeferred
async def test_connection_lost_after_the_copy(gateway):
    with box(capabilities=UIDPLUS) as server:
        server.create("Trash")
        server.fault("COPY", then(after("OK"), cut(0, close)))
        with pytest.raises(Unavailable):
            await commit(gateway, server, 1, delete="move")
        assert server.inbox.uids == [1, 2, 3, 4, 5, 6]


# Flag.


@pytest_twisted.ensureDeferred
async def test_flag(gateway):
    with box() as server:
        assert await commit(gateway, server, 1, 3, delete="flag") == Outcome((1, 3), ())
        assert len(server.inbox.messages) == 6
        assert marked(server) == [1, 3]
        _, maildrop = await gateway.opened(server, delete="flag")
        assert list(maildrop.refs) == [2, 4, 5, 6]


@pytest_twisted.ensureDeferred
async def test_flag_that_does_not_stick(gateway):
    with box() as server:
        server.fault("STORE", answer("OK sure"))
        assert await commit(gateway, server, 1, delete="flag") == Outcome((), (1,))


# Bounds.


@LEVELS
@pytest_twisted.ensureDeferred
async def test_many_scattered_messages(gateway, capabilities):
    with box(count=6000, capabilities=capabilities) as server:
        uids = tuple(range(1, 6001, 2))
        outcome = await commit(gateway, server, *uids)
        assert outcome == Outcome(uids, ())
        assert server.inbox.uids == list(range(2, 6001, 2))
        assert max(map(len, server.heard)) < 8000


@pytest.mark.parametrize(
    ("capabilities", "delete", "precise"),
    [
        (FULL, "expunge", True),
        (UIDPLUS, "expunge", True),
        (BARE, "expunge", False),
        (BARE, "flag", True),
        (BARE, "move", False),
        (BARE + " MOVE", "move", True),
        (BARE + " MOVE", "expunge", False),
    ],
)
def test_precise(capabilities, delete, precise):
    assert is_precise(frozenset(capabilities.encode().split()), delete) is precise
