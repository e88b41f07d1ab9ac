"""UPDATE: commit, then answer, then release; +OK only if all of the plan is gone."""

import pytest

from gateway import errors
from gateway.maildrop import Outcome
from gateway.pop3 import replies, update
from gateway.pop3.events import Close, Commit, CommitDone, CommitFailed, Release, Send
from tests.unit.pop3.playbook import Playbook

FAILURES = sorted(replies.FAILURES, key=lambda cls: cls.__name__)


@pytest.mark.parametrize(
    ("outcome", "reply"),
    [
        (Outcome(("a",), ()), b"+OK 1 message removed, goodbye\r\n"),
        (Outcome(("a", "b"), ()), b"+OK 2 messages removed, goodbye\r\n"),
        (Outcome(("a",), ("b",)), replies.PARTIAL_COMMIT),
        (Outcome((), ("a", "b")), replies.PARTIAL_COMMIT),
    ],
)
def test_answer_tells_whether_all_is_gone(outcome, reply):
    assert update.end(CommitDone(outcome)) == [Send(reply), Release(), Close()]


@pytest.mark.parametrize("failure", FAILURES)
def test_no_failure_is_answered_with_ok(failure):
    answer, *rest = update.end(CommitFailed(failure("upstream said secret")))
    assert answer.data.startswith(b"-ERR [SYS/TEMP] ")
    assert b"secret" not in answer.data
    assert rest == [Release(), Close()]


def test_only_a_changed_epoch_is_known_to_have_removed_nothing():
    answer = update.end(CommitFailed(errors.EpochChanged()))[0].data
    assert b"nothing was removed" in answer
    for failure in FAILURES:
        if failure is not errors.EpochChanged:
            assert update.end(CommitFailed(failure()))[0].data == replies.UNKNOWN_OUTCOME


@pytest.mark.parametrize(
    "event", [CommitDone(Outcome(("ref-1",), ())), CommitFailed(errors.Unavailable())]
)
def test_commit_then_answer_then_release(event):
    book = Playbook(5).login()
    book.say(b"DELE 1")
    start = len(book.seen)
    book.say(b"QUIT", b"NOOP")
    book.tell(event)
    book.go_on()
    order = [type(effect) for effect in book.seen[start:]]
    assert order == [Commit, Send, Release, Close]
    book.check_end()
