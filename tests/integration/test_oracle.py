"""Dovecot's own POP3 and the gateway in front of its IMAP show the same mailbox.

They differ in three things, each named below: the form of unique-ids (Dovecot's is UID and
UIDVALIDITY in hexadecimal), NUL (IMAP cannot carry it), and two messages that Dovecot's
POP3 cannot send, as it does not double a dot that is the very first octet.
"""

import re

import pytest

from tests.support.mail import awkward, crlf_form, realistic_mix
from tests.support.pop3_client import Pop3Client

pytestmark = pytest.mark.servers

CORPUS = awkward()
NOT_WITH_DOVECOT = {"dot first of all", "one dot"}
SAME = {name: octets for name, octets in CORPUS.items() if name not in NOT_WITH_DOVECOT}


@pytest.fixture
def both(gateway, dovecot, make_user):
    """Asks the two servers the same, one after the other."""

    def ask(messages, what):
        user = make_user(messages)
        answers = []
        for port in (gateway.port, dovecot.pop3_port):
            with Pop3Client(gateway.host, port) as client:
                client.login(*user)
                answers.append(what(client))
                assert client.quit().startswith(b"+OK")
        return answers

    return ask


def everything(client):
    messages, _ = client.stat()
    return [client.retr(number) for number in range(1, messages + 1)]


def test_stat_and_list(both):
    ours, theirs = both(CORPUS.values(), lambda client: (client.stat(), client.lines("LIST")))
    assert ours == theirs
    octets = [len(crlf_form(message)) for message in CORPUS.values()]
    assert ours[0] == (len(CORPUS), sum(octets))
    assert ours[1] == [b"%d %d" % pair for pair in enumerate(octets, 1)]


@pytest.mark.parametrize("number", [1, 5, 6, 7, 0, -1, 10**12])
def test_list_of_one(both, number):
    """The line is the same, as is whether it is an error."""
    ours, theirs = both(
        list(SAME.values())[:6], lambda client: client.command(f"LIST {number}")
    )
    assert ours.startswith(b"+OK") == (1 <= number <= 6)
    assert ours[:4] == theirs[:4]
    if ours.startswith(b"+OK"):
        assert ours == theirs


def test_retr(both):
    ours, theirs = both(SAME.values(), everything)
    for name, mine, other in zip(SAME, ours, theirs, strict=True):
        # What Dovecot sends of an empty message is one empty line: two octets too many.
        expected = b"" if name == "empty" else other.replace(b"\0", b"\x80")
        assert mine == expected, name


def test_retr_of_ordinary_mail(both):
    ours, theirs = both(realistic_mix(100, seed=2), everything)
    assert ours == theirs


@pytest.mark.parametrize("name", sorted(NOT_WITH_DOVECOT))
def test_retr_of_what_dovecot_cannot_send(gateway, make_user, name):
    with gateway.login(*make_user([CORPUS[name]])) as client:
        octets = client.retr(1)
        assert octets.removesuffix(b"\r\n") == crlf_form(CORPUS[name]).removesuffix(b"\r\n")
        assert client.quit().startswith(b"+OK")


@pytest.mark.parametrize("lines", [0, 1, 3, 100, 10**9])
def test_top(both, lines):
    def tops(client):
        messages, _ = client.stat()
        return [client.text(f"TOP {number} {lines}") for number in range(1, messages + 1)]

    ours, theirs = both(SAME.values(), tops)
    for name, mine, other in zip(SAME, ours, theirs, strict=True):
        if name != "empty":
            assert mine == other.replace(b"\0", b"\x80"), name


def test_unique_ids_name_the_same_messages(both):
    ours, theirs = both(SAME.values(), lambda client: client.lines("UIDL"))
    assert len(ours) == len(SAME)
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=True), 1):
        uidvalidity, uid = re.fullmatch(rb"%d (\d+)\.(\d+)" % number, mine).groups()
        assert other == b"%d %08x%08x" % (number, int(uid), int(uidvalidity))


def test_marks(both):
    def play(client):
        said = [client.ok("DELE 2")[:3], client.stat(), client.lines("LIST")]
        said += [client.command(text)[:4] for text in ("DELE 2", "RETR 2", "LIST 2", "TOP 2 0")]
        said += [client.ok("RSET")[:3], client.stat(), client.lines("LIST")]
        return said

    ours, theirs = both(list(SAME.values())[:4], play)
    assert ours == theirs
