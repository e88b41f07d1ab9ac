"""UPDATE: from plan to outcome. Not cancellable: the caller must let it run to its end."""

from dataclasses import dataclass
from typing import ClassVar

from gateway.access.journal import Journal
from gateway.access.open import OpenMaildrop
from gateway.errors import Unavailable
from gateway.maildrop import CommitPlan, Outcome
from gateway.telemetry import Emitter, Event, Level


@dataclass(frozen=True, slots=True)
class JournalNotCleared(Event):
    """A finished plan could not be crossed out; the next login will carry it out again."""

    level: ClassVar[Level] = "error"
    detail: str


async def update(
    opened: OpenMaildrop, plan: CommitPlan, journal: Journal, emit: Emitter
) -> Outcome:
    """Carry out a plan, with the journal around it.

    Returns:
        What became of each message of the plan.

    Raises:
        EpochChanged: Nothing was removed.
        Unavailable: The outcome is unknown, or the plan could not be written down.
    """
    journal.record(opened.account, plan)
    try:
        outcome = await opened.upstream.commit(plan)
    except Exception:
        # The client is about to be told, so nothing may be done behind its back later. What
        # is no Exception ends the process, and the client is told nothing.
        _clear(journal, opened.account, emit)
        raise
    _clear(journal, opened.account, emit)
    return _checked(plan, outcome)


def _checked(plan: CommitPlan, outcome: Outcome) -> Outcome:
    """A ref that a driver forgot to account for counts as kept."""
    removed = set(outcome.removed)
    return Outcome(
        tuple(ref for ref in plan.remove if ref in removed),
        tuple(ref for ref in plan.remove if ref not in removed),
    )


def _clear(journal: Journal, account: str, emit: Emitter) -> None:
    """What was done stays done even if this fails, and the client must hear of that."""
    try:
        journal.clear(account)
    except Unavailable as failure:
        emit(JournalNotCleared(failure.detail))
