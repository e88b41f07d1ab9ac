"""UPDATE: exactly the plan, durable, and honest about what stayed."""

import os

import pytest
import pytest_twisted

from gateway.backend.embedded import removal
from gateway.backend.embedded.driver import EPOCH, MaildirMessageKept
from gateway.errors import EpochChanged, Unavailable
from gateway.maildrop import CommitPlan


def plan(*refs):
    return CommitPlan(EPOCH, refs)


def left(box):
    return sorted(path.name for path in box.directory.glob("*/*"))


@pytest_twisted.ensureDeferred
async def test_exactly_the_plan_goes(box):
    for name in ("1.a", "2.b", "3.c"):
        box.put(name)
    session, _ = await box.snapshot()
    box.put("4.later")
    outcome = await session.commit(plan("1.a", "3.c"))
    assert (outcome.removed, outcome.kept) == (("1.a", "3.c"), ())
    assert left(box) == ["2.b", "4.later"]


@pytest_twisted.ensureDeferred
async def test_renamed_and_gone_messages_are_removed(box):
    renamed, gone = box.put("1.a"), box.put("2.b")
    session, _ = await box.snapshot()
    renamed.rename(box.directory / "cur" / "1.a:2,S")
    gone.unlink()
    outcome = await session.commit(plan("1.a", "2.b"))
    assert (outcome.removed, outcome.kept) == (("1.a", "2.b"), ())
    assert left(box) == []


@pytest_twisted.ensureDeferred
async def test_both_names_of_a_linked_file_go(box):
    path = box.put("1.a")
    os.link(path, box.directory / "cur" / "1.a:2,")
    session, _ = await box.snapshot()
    path.unlink()
    os.link(box.directory / "cur" / "1.a:2,", path)
    assert (await session.commit(plan("1.a"))).removed == ("1.a",)
    assert left(box) == []


@pytest_twisted.ensureDeferred
async def test_a_file_that_was_not_shown_stays(box):
    box.put("1.a", b"hidden\n")
    shown = box.put("1.a:2,S", b"this one is shown\n", place="cur")
    session, _ = await box.snapshot()
    shown.unlink()
    assert (await session.commit(plan("1.a"))).removed == ("1.a",)
    assert left(box) == ["1.a"]


@pytest_twisted.ensureDeferred
async def test_a_plan_of_an_earlier_session_needs_no_snapshot(box):
    box.put("1.a:2,S", place="cur")
    session = await box.session()
    assert (await session.commit(plan("1.a", "2.b"))).removed == ("1.a", "2.b")
    assert left(box) == []


@pytest_twisted.ensureDeferred
async def test_what_cannot_be_removed_is_kept(box, monkeypatch):
    box.put("1.a")
    box.put("2.b")
    session, _ = await box.snapshot()
    unlink = os.unlink

    def refuse(path):
        if path.endswith("1.a"):
            raise PermissionError(13, "Permission denied")
        unlink(path)

    monkeypatch.setattr(removal.os, "unlink", refuse)
    outcome = await session.commit(plan("1.a", "2.b"))
    assert (outcome.removed, outcome.kept) == (("2.b",), ("1.a",))
    assert isinstance(box.events[0], MaildirMessageKept)
    assert box.events[0].problem == "Permission denied"


@pytest_twisted.ensureDeferred
async def test_another_epoch_touches_nothing(box):
    box.put("1.a")
    session, _ = await box.snapshot()
    with pytest.raises(EpochChanged):
        await session.commit(CommitPlan("1234", ("1.a",)))
    assert left(box) == ["1.a"]


@pytest.mark.parametrize(("number", "raised"), [(22, False), (5, True)])
def test_a_disk_that_does_not_confirm(box, number, raised):
    def fail(_descriptor):
        raise OSError(number, "x")

    if raised:
        with pytest.raises(Unavailable, match="fsync"):
            removal._make_durable(box.directory, fail)
    else:
        removal._make_durable(box.directory, fail)


@pytest_twisted.ensureDeferred
async def test_odd_names_are_removed(box):
    box.put(b"1.\xff odd")
    session, drop = await box.snapshot()
    assert (await session.commit(plan(*drop.refs))).kept == ()
    assert left(box) == []
