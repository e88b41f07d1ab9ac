"""UPDATE (RFC 1939 §6): the one place that decides what QUIT answers."""

from gateway.errors import EpochChanged, Failure
from gateway.maildrop import Outcome
from gateway.pop3 import replies
from gateway.pop3.events import Close, CommitDone, CommitFailed, Effects, Release, Send


def end(event: CommitDone | CommitFailed) -> Effects:
    """Commit, then answer, then release, in this order."""
    return [Send(_reply(event)), Release(), Close()]


def _reply(event: CommitDone | CommitFailed) -> bytes:
    if isinstance(event, CommitDone):
        return _outcome(event.outcome)
    return _failure(event.failure)


def _outcome(outcome: Outcome) -> bytes:
    if outcome.kept:
        return replies.PARTIAL_COMMIT
    return replies.removed(len(outcome.removed))


def _failure(failure: Failure) -> bytes:
    """Only a changed epoch is known to have removed nothing; else nobody can tell."""
    if isinstance(failure, EpochChanged):
        return replies.FAILURES[EpochChanged].reply
    return replies.UNKNOWN_OUTCOME
