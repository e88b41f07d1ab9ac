"""UPDATE with the journal around it: recorded before, cleared after, told in full."""

import pytest
from twisted.internet.defer import Deferred

from gateway.access.update import update
from gateway.errors import EpochChanged, Misconfigured, Unavailable
from gateway.maildrop import CommitPlan, Outcome
from tests.unit.access.deeds import Running, run
from tests.unit.server.doubles import login

PLAN = CommitPlan("7", (11, 13))


@pytest.fixture
def opened(world):
    return run(world.opener.open(login()))


def updating(world, opened):
    return update(opened, PLAN, world.journal, world.emit)


def test_the_plan_is_in_the_journal_while_the_upstream_works_and_not_after(world, opened):
    held = world.upstream.hold("commit")
    running = Running(updating(world, opened))
    assert world.journal.interrupted(opened.account) == PLAN
    held.callback(None)
    assert running.result == [Outcome((11, 13), ())]
    assert world.journal.interrupted(opened.account) is None


@pytest.mark.parametrize("error", [EpochChanged, Unavailable, Misconfigured, RuntimeError])
def test_the_plan_is_cleared_after_any_outcome(world, opened, error):
    """The client hears of the failure; nothing may be done behind its back later."""
    world.upstream.trouble["commit"] = error("no")
    with pytest.raises(error):
        run(updating(world, opened))
    assert world.journal.interrupted(opened.account) is None


def test_a_plan_that_a_crash_leaves_behind_is_settled_at_the_next_login(world, opened):
    world.upstream.hold("commit")
    running = Running(updating(world, opened))
    world.upstream.trouble.clear()  # the process died here; another one starts
    world.leases._held.clear()
    again = run(world.opener.open(login()))
    assert list(again.maildrop.refs) == [12]
    assert running.result == []


def test_a_plan_that_cannot_be_recorded_is_not_carried_out(world, opened, monkeypatch):
    def full(*_):
        raise Unavailable("journal: disk is full")

    monkeypatch.setattr(world.journal, "record", full)
    with pytest.raises(Unavailable):
        run(updating(world, opened))
    assert world.upstream.plans == []
    assert len(world.upstream.mail) == 3


def test_a_plan_that_cannot_be_cleared_is_an_event_and_the_outcome_stays(
    world, opened, monkeypatch
):
    def full(*_):
        raise Unavailable("journal: disk is full")

    monkeypatch.setattr(world.journal, "clear", full)
    assert run(updating(world, opened)) == Outcome((11, 13), ())
    assert [event.detail for event in world.named("journal_not_cleared")] == [
        "journal: disk is full"
    ]


class Forgetful:
    """An upstream session whose outcome is not the plan's."""

    def __init__(self, *outcome):
        self.outcome = Outcome(*outcome)

    async def commit(self, _plan):
        return self.outcome


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (((), ()), ((), (11, 13))),
        (((13,), ()), ((13,), (11,))),
        (((13, 11, 99), ()), ((11, 13), ())),
        (((11,), (13, 12)), ((11,), (13,))),
    ],
)
def test_a_ref_that_a_driver_forgets_counts_as_kept(world, opened, outcome, told):
    opened.upstream = Forgetful(*outcome)
    assert run(updating(world, opened)) == Outcome(*told)


def test_it_waits_for_the_upstream(world, opened):
    held: Deferred = world.upstream.hold("commit")
    running = Running(updating(world, opened))
    assert not running.result
    held.errback(Unavailable("time-out"))
    assert [type(result) for result in running.result] == [Unavailable]
