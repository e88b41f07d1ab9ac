"""Every text a client can read: fixed, one line, short enough, and without secrets."""

import inspect

import pytest

from gateway import errors
from gateway.pop3 import replies
from gateway.pop3.replies import FAILURES, Then

FAILURE_CLASSES = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, errors.Failure) and cls is not errors.Failure
]

# DESIGN: failure, response code, what follows.
TABLE = [
    (errors.BadCredentials, b"-ERR [AUTH] ", Then.STAY),
    (errors.ConsentMissing, b"-ERR [SYS/TEMP] ", Then.STAY),
    (errors.Throttled, b"-ERR [LOGIN-DELAY] ", Then.STAY),
    (errors.MaildropBusy, b"-ERR [IN-USE] ", Then.STAY),
    (errors.Unavailable, b"-ERR [SYS/TEMP] ", Then.STAY),
    (errors.Misconfigured, b"-ERR [SYS/PERM] ", Then.STAY),
    (errors.MessageGone, b"-ERR This", Then.STAY),
    (errors.EpochChanged, b"-ERR [SYS/TEMP] ", Then.CLOSE),
    (errors.BodyBroken, b"", Then.ABORT),
    (errors.PartialCommit, b"-ERR [SYS/TEMP] ", Then.CLOSE),
    (errors.BadCommand, b"-ERR Unknown", Then.STAY),
]

MADE = [
    replies.challenge(b""),
    replies.challenge(b"VXNlcm5hbWU6"),
    replies.logged_in(1, 10**15),
    replies.stat(10**6, 10**15),
    replies.listing(10**6, 10**15),
    replies.scan(10**6, 10**15),
    replies.unique_id(10**6, b"~" * 70),
    replies.body(None),
    replies.body(10**15),
    replies.marked(10**6),
    replies.reset(10**6, 10**15),
    replies.removed(10**6),
]
FIXED = [
    value for name, value in vars(replies).items() if name.isupper() and value != replies.CRLF
]
ALL = [
    *MADE,
    *(value for value in FIXED if isinstance(value, bytes) and value != replies.TERMINATOR),
    *(row.reply for row in FAILURES.values() if row.reply),
]


def test_every_failure_has_a_row_and_no_row_is_left_over():
    assert set(FAILURES) == set(FAILURE_CLASSES)
    assert {row[0] for row in TABLE} == set(FAILURE_CLASSES)


@pytest.mark.parametrize(("failure", "start", "then"), TABLE)
def test_row_of_the_table(failure, start, then):
    row = FAILURES[failure]
    assert row.reply.startswith(start)
    assert row.then is then


def test_nothing_is_written_after_a_broken_body():
    assert FAILURES[errors.BodyBroken].reply == b""


def test_consent_is_no_wrong_password():
    """Devices disable themselves when told that a password is wrong."""
    assert b"[AUTH]" not in FAILURES[errors.ConsentMissing].reply


@pytest.mark.parametrize("reply", ALL)
def test_reply_is_one_line_of_plain_text_within_512_octets(reply):
    assert reply.endswith(b"\r\n")
    assert len(reply) <= 512
    assert all(0x20 <= octet <= 0x7E for octet in reply[:-2])
    assert reply.startswith((b"+OK ", b"-ERR ", b"+ "))


def test_table_cannot_be_changed_by_accident():
    with pytest.raises(TypeError):
        FAILURES[errors.BadCommand] = FAILURES[errors.Throttled]


def test_drop_listing_is_two_numbers_and_nothing_else():
    assert replies.stat(2, 320) == b"+OK 2 320\r\n"
    assert replies.stat(0, 0) == b"+OK 0 0\r\n"


def test_scan_listing_and_unique_id():
    assert replies.scan(2, 200) == b"+OK 2 200\r\n"
    assert replies.unique_id(2, b"QhdPYR:00WBw1Ph7x7") == b"+OK 2 QhdPYR:00WBw1Ph7x7\r\n"


def test_counts_are_in_good_english():
    assert replies.logged_in(1, 5) == b"+OK Maildrop has 1 message (5 octets)\r\n"
    assert replies.logged_in(0, 0) == b"+OK Maildrop has 0 messages (0 octets)\r\n"
    assert replies.listing(2, 7) == b"+OK 2 messages (7 octets)\r\n"
    assert replies.reset(2, 7) == b"+OK Maildrop has 2 messages (7 octets)\r\n"
    assert replies.removed(1) == b"+OK 1 message removed, goodbye\r\n"
    assert replies.marked(3) == b"+OK Message 3 marked as deleted\r\n"


def test_line_before_a_message_tells_octets_only_when_known():
    assert replies.body(120) == b"+OK 120 octets\r\n"
    assert replies.body(None) == replies.DONE


def test_empty_challenge_keeps_its_blank():
    assert replies.challenge(b"") == b"+ \r\n"


def test_refusal_carries_its_reply():
    assert replies.Refused(replies.NO_TLS).reply == replies.NO_TLS
