"""What is noted of the selected mailbox."""

import pytest

from gateway.backend.imap.mailbox import Mailbox
from gateway.backend.imap.reader import Response
from gateway.backend.imap.responses import interpret


def after(*lines):
    mailbox = Mailbox()
    for line in lines:
        mailbox.note(interpret(Response([line])))
    return mailbox


def test_counts():
    mailbox = after(b"* 5 EXISTS", b"* 1 EXPUNGE", b"* VANISHED 7,8", b"* 3 EXISTS")
    assert (mailbox.exists, mailbox.expunged) == (3, 3)
    assert after(b"* 1 EXISTS", b"* 1 EXPUNGE", b"* 1 EXPUNGE").exists == 0
    assert after(b"* 5 EXISTS", b"* VANISHED (EARLIER) 1:3").exists == 5
    assert after(b"* 1 EXPUNGE", b"* 0 RECENT").exists is None


@pytest.mark.parametrize(
    ("lines", "uidvalidity", "moved"),
    [
        ([], None, False),
        ([b"* OK [UIDVALIDITY 5] x"], 5, False),
        ([b"* OK [UIDVALIDITY 5]", b"* OK [UIDVALIDITY 5]"], 5, False),
        ([b"* OK [UIDVALIDITY 5]", b"* OK [UIDVALIDITY 6]"], 5, True),
        ([b"* OK [UIDVALIDITY x]"], None, False),
        ([b"* OK [UIDVALIDITY]"], None, False),
    ],
)
def test_uidvalidity(lines, uidvalidity, moved):
    mailbox = after(*lines)
    assert (mailbox.uidvalidity, mailbox.moved) == (uidvalidity, moved)


def test_access_and_stickiness():
    assert after(b"G1 OK [READ-ONLY] x").read_only
    assert not after(b"* OK [READ-ONLY] x", b"G1 OK [READ-WRITE] x").read_only
    assert after().sticky
    assert not after(b"* NO [UIDNOTSTICKY] x").sticky
