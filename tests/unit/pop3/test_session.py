"""The session: what each event does in each state, and how it ends."""

import pytest

from gateway import errors
from gateway.maildrop import Outcome
from gateway.pop3 import replies
from gateway.pop3.events import (
    Abort,
    BodyDone,
    BodyFailed,
    Close,
    Commit,
    CommitDone,
    CommitFailed,
    Draining,
    Gone,
    ListingDone,
    Open,
    Opened,
    OpenFailed,
    Release,
    Send,
    SendBody,
    SendListing,
    StartTls,
    TimedOut,
    TlsStarted,
    Wait,
    Waited,
)
from tests.unit.pop3.playbook import Playbook, kinds, maildrop, sent

UNAVAILABLE, BROKEN = errors.Unavailable("x"), errors.BodyBroken("x")
ENDED = [Release, Close]


def _before(*lines):
    book = Playbook(5, 6, tls=True, failed_login_delay=1)
    book.say(*lines)
    return book


def _waiting():
    book = _before(b"USER a", b"PASS b")
    book.tell(OpenFailed(errors.BadCredentials()))
    return book


def _after(*lines):
    book = Playbook(5, 6).login()
    book.say(*lines)
    return book


def _closed():
    return _after(b"QUIT")


STATES = {
    "authorization": _before,
    "name given": lambda: _before(b"USER a"),
    "exchange": lambda: _before(b"AUTH PLAIN"),
    "opening": lambda: _before(b"USER a", b"PASS b"),
    "waiting": _waiting,
    "starting TLS": lambda: _before(b"STLS"),
    "transaction": lambda: _after(b"DELE 1"),
    "body": lambda: _after(b"DELE 1", b"RETR 2"),
    "top": lambda: _after(b"TOP 2 0"),
    "listing": lambda: _after(b"LIST"),
    "updating": lambda: _after(b"DELE 1", b"QUIT"),
    "closed": _closed,
}

# State: what Gone, TimedOut and Draining cause.
INTERRUPTED = {
    "authorization": ([], [Close], [Close]),
    "name given": ([], [Close], [Close]),
    "exchange": ([], [Close], [Close]),
    "opening": ([], [Close], [Close]),
    "waiting": ([], [Close], [Close]),
    "starting TLS": ([], [Close], [Close]),
    "transaction": ([Release], ENDED, ENDED),
    "body": ([Release], ENDED, []),
    "top": ([Release], ENDED, []),
    "listing": ([Release], ENDED, []),
    "updating": ([], [], []),
    "closed": ([], [], []),
}

# State, the late answer, and what it causes after Gone, TimedOut and Draining.
ANSWERED_LATE = [
    ("opening", Opened(maildrop(5, 6)), ([Release], [Release], [Release])),
    ("opening", OpenFailed(UNAVAILABLE), ([], [], [])),
    ("opening", OpenFailed(errors.BadCredentials()), ([], [], [])),
    ("waiting", Waited(), ([], [], [])),
    ("starting TLS", TlsStarted(), ([], [], [])),
    ("body", BodyDone(), ([], [], ENDED)),
    ("body", BodyFailed("ref-2", BROKEN), ([], [], [Release, Abort])),
    ("body", BodyFailed("ref-2", UNAVAILABLE), ([], [], [Send, *ENDED])),
    ("body", BodyFailed("ref-2", errors.MessageGone()), ([], [], [Send, *ENDED])),
    ("body", BodyFailed("ref-2", errors.EpochChanged()), ([], [], [Send, *ENDED])),
    ("top", BodyDone(), ([], [], ENDED)),
    ("listing", ListingDone(), ([], [], ENDED)),
    (
        "updating",
        CommitDone(Outcome(("ref-1",), ())),
        ([Release], [Send, *ENDED], [Send, *ENDED]),
    ),
    (
        "updating",
        CommitDone(Outcome((), ("ref-1",))),
        ([Release], [Send, *ENDED], [Send, *ENDED]),
    ),
    ("updating", CommitFailed(UNAVAILABLE), ([Release], [Send, *ENDED], [Send, *ENDED])),
]
INTERRUPTS = (Gone(), TimedOut(), Draining())


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("which", range(3))
def test_interruption_in_each_state(state, which):
    book = STATES[state]()
    assert kinds(book.tell(INTERRUPTS[which])) == INTERRUPTED[state][which]
    assert not book.count(Commit) or state == "updating"


@pytest.mark.parametrize(("state", "answer", "expected"), ANSWERED_LATE)
@pytest.mark.parametrize("which", range(3))
def test_answer_that_comes_after_the_interruption(state, answer, expected, which):
    book = STATES[state]()
    book.tell(INTERRUPTS[which])
    assert kinds(book.tell(answer)) == expected[which]
    book.check_end()


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("which", range(3))
def test_nothing_is_said_to_a_client_that_is_gone(state, which):
    book = STATES[state]()
    book.tell(Gone())
    seen = len(book.seen)
    book.feed(b"NOOP\r\nQUIT\r\n")
    book.tell(INTERRUPTS[which])
    assert len(book.seen) == seen
    assert book.session.buffered == 0 or state not in {"authorization", "transaction"}


@pytest.mark.parametrize("answer", [row for row in ANSWERED_LATE if row[0] == "updating"])
def test_no_interruption_stops_an_update_or_releases_before_its_end(answer):
    book = STATES["updating"]()
    for event in (Draining(), TimedOut(), Gone(), Draining(), TimedOut()):
        assert book.tell(event) == []
    assert kinds(book.tell(answer[1])) == [Release]
    book.check_end()


def test_interruptions_one_after_the_other_release_once():
    for state, make in STATES.items():
        book = make()
        for event in (*INTERRUPTS, *INTERRUPTS):
            book.tell(event)
        assert book.count(Release) == (0 if state == "updating" else book.opened)


# ---- pending effects hold everything up


@pytest.mark.parametrize(
    ("state", "effect"),
    [
        ("opening", [Send, Open]),
        ("waiting", [Wait]),
        ("starting TLS", [Send, StartTls]),
        ("body", [SendBody]),
        ("listing", [Send, SendListing]),
        ("updating", [Commit]),
    ],
)
def test_nothing_is_read_while_an_answer_is_outstanding(state, effect):
    book = STATES[state]()
    assert kinds(book.seen)[-len(effect) :] == effect
    assert type(book.session.pending) is effect[-1]
    assert book.say(b"NOOP", b"QUIT") == []
    assert book.session.buffered > 0


def test_pipelined_commands_go_on_after_the_body():
    book = Playbook(5).login()
    assert kinds(book.say(b"RETR 1", b"NOOP", b"DELE 1", b"QUIT")) == [SendBody]
    assert book.tell(BodyDone()) == []
    assert kinds(book.go_on()) == [Send, Send, Commit]


def test_login_is_pipelined():
    book = Playbook(5)
    book.say(b"USER a", b"PASS b", b"STAT", b"QUIT")
    book.tell(Opened(book.maildrop))
    assert sent(book.go_on()) == b"+OK 1 5\r\n" + replies.GOODBYE
    book.tell(Gone())
    book.check_end()


def test_nothing_is_read_after_quit():
    book = Playbook(5).login()
    assert kinds(book.say(b"QUIT", b"DELE 1", b"QUIT")) == [Send, Release, Close]
    assert book.go_on() == []


def test_what_follows_starts_empty_when_tls_begins():
    book = Playbook(tls=True)
    book.say(b"STLS", b"USER injected")
    book.tell(TlsStarted())
    assert book.go_on() == []


# ---- login


def test_greeting_and_login():
    book = Playbook(5, 6)
    assert book.seen == [Send(replies.GREETING)]
    book.say(b"USER a", b"PASS b")
    (reply,) = book.tell(Opened(book.maildrop))
    assert reply == Send(b"+OK Maildrop has 2 messages (11 octets)\r\n")
    assert book.session.logged_in


LOGIN_FAILURES = [
    errors.ConsentMissing,
    errors.Throttled,
    errors.MaildropBusy,
    errors.Unavailable,
    errors.Misconfigured,
]


@pytest.mark.parametrize("failure", [errors.BadCredentials, *LOGIN_FAILURES])
def test_refused_login_is_answered_by_its_row_and_stays(failure):
    book = Playbook()
    book.say(b"USER a", b"PASS b")
    effects = book.tell(OpenFailed(failure("NO upstream text, password hunter2")))
    assert effects == [Send(replies.FAILURES[failure].reply)]
    assert book.say(b"USER a", b"PASS b")[-1:] != []
    assert not book.session.logged_in


def test_wrong_password_is_answered_after_a_delay():
    book = Playbook(failed_login_delay=3)
    book.say(b"USER a", b"PASS b")
    assert book.tell(OpenFailed(errors.BadCredentials())) == [Wait(3)]
    reply = Send(replies.FAILURES[errors.BadCredentials].reply)
    assert book.tell(Waited()) == [reply]


@pytest.mark.parametrize("failure", LOGIN_FAILURES)
def test_other_failures_are_answered_at_once(failure):
    book = Playbook(failed_login_delay=3)
    book.say(b"USER a", b"PASS b")
    assert kinds(book.tell(OpenFailed(failure()))) == [Send]


@pytest.mark.parametrize("failure", [errors.BadCredentials, *LOGIN_FAILURES])
def test_one_refused_login_too_many_closes(failure):
    book = Playbook(max_failed_logins=2)
    book.say(b"USER a", b"PASS b")
    assert kinds(book.tell(OpenFailed(failure()))) == [Send]
    book.say(b"USER a", b"PASS b")
    assert kinds(book.tell(OpenFailed(failure()))) == [Send, Close]
    book.check_end()


def test_commands_before_login_are_limited():
    book = Playbook(max_commands_before_login=4)
    answers = book.say(*[b"CAPA"] * 5, b"CAPA")
    assert kinds(answers) == [Send] * 5 + [Close]
    assert answers[4].data == replies.TOO_MANY_COMMANDS


def test_commands_after_login_are_not_limited():
    book = Playbook(5, max_commands_before_login=4).login()
    assert kinds(book.say(*[b"NOOP"] * 3000)) == [Send] * 3000


# ---- bad commands


def test_bad_commands_before_login_are_limited():
    book = Playbook(max_bad_commands_before_login=3)
    answers = book.say(b"FOO", b"STAT", b"x" * 300, b"NOOP")
    assert kinds(answers) == [Send, Send, Send, Send, Close]
    assert answers[3].data == replies.TOO_MANY_BAD_COMMANDS


def test_bad_commands_after_login_are_limited_and_the_maildrop_released():
    book = Playbook(5, max_bad_commands=3).login()
    book.say(b"DELE 1")
    answers = book.say(b"FOO", b"USER a", b"y" * 300)
    assert kinds(answers) == [Send, Send, Send, Send, Release, Close]
    book.check_end()
    assert not book.count(Commit)


def test_long_lines_are_answered_once_and_forgotten():
    book = Playbook(5).login()
    assert book.ask(b"x" * 100_000) == replies.LINE_TOO_LONG
    assert book.ask(b"NOOP") == replies.DONE


def test_255_octets_are_a_line_and_256_are_none():
    book = Playbook(5).login()
    assert book.ask(b"NOOP" + b" " * 249) == replies.DONE
    assert book.ask(b"NOOP" + b" " * 250) == replies.LINE_TOO_LONG


# ---- bodies


@pytest.mark.parametrize("failure", [errors.Unavailable, errors.Misconfigured])
def test_failure_before_the_first_octet_is_answered_and_stays(failure):
    book = Playbook(5).login()
    book.say(b"RETR 1")
    assert book.tell(BodyFailed("ref-1", failure("NO secret"))) == [
        Send(replies.FAILURES[failure].reply)
    ]
    assert book.ask(b"NOOP") == replies.DONE


def test_broken_body_releases_and_aborts_without_a_word():
    book = Playbook(5).login()
    book.say(b"DELE 1", b"RSET", b"RETR 1", b"QUIT")
    assert kinds(book.tell(BodyFailed("ref-1", BROKEN))) == [Release, Abort]
    assert book.go_on() == []
    book.check_end()


def test_changed_epoch_ends_the_session():
    book = Playbook(5).login()
    book.say(b"RETR 1")
    effects = book.tell(BodyFailed("ref-1", errors.EpochChanged()))
    assert kinds(effects) == [Send, Release, Close]
    book.check_end()


def test_client_that_asks_for_a_gone_message_again_and_again_comes_to_an_end():
    book = Playbook(5, 6, max_bad_commands=3).login()
    reply = replies.FAILURES[errors.MessageGone].reply
    for ref in ("ref-1", "ref-2", "ref-1", "ref-1"):
        book.say(b"RETR " + ref[-1:].encode())
        assert book.tell(BodyFailed(ref, errors.MessageGone())) == [Send(reply)]
    book.say(b"RETR 2")
    effects = book.tell(BodyFailed("ref-2", errors.MessageGone()))
    assert kinds(effects) == [Send, Send, Release, Close]
    book.check_end()
