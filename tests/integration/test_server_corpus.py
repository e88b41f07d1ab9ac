"""How the real servers present each awkward message over IMAP.

The gateway passes on what its upstream shows, so a difference between servers that is
found here is not one of the gateway's.
"""

import re

import imapclient.exceptions
import pytest

from tests.support.mail import awkward, crlf_form
from tests.support.oracle import fetch_all

pytestmark = pytest.mark.servers

CORPUS = awkward()
CYRUS_REFUSES = {"NUL", "every octet", "empty", "one dot", "headers, no newline"}


def show_corpus(server, refused=frozenset()):
    """Deliver the corpus to one user; returns what the server shows of it, by name."""
    server.add_user("corpus", "secret")
    taken = [name for name in CORPUS if name not in refused]
    server.deliver_many("corpus", [CORPUS[name] for name in taken])
    with server.imap("corpus") as client:
        return dict(zip(taken, fetch_all(client), strict=True))


@pytest.fixture(scope="module")
def dovecot_shows(dovecot):
    return show_corpus(dovecot)


@pytest.fixture(scope="module")
def imap4d_shows(imap4d):
    return show_corpus(imap4d)


@pytest.fixture(scope="module")
def cyrus_shows(cyrus):
    return show_corpus(cyrus, refused=CYRUS_REFUSES)


@pytest.mark.parametrize("name", CORPUS)
def test_dovecot_shows_the_crlf_form(dovecot_shows, name):
    _, size, body = dovecot_shows[name]
    # IMAP forbids NUL (RFC 3501, section 9: CHAR8); Dovecot sends 0x80 in its place.
    assert body == crlf_form(CORPUS[name]).replace(b"\0", b"\x80")
    assert size == len(body)


def test_dovecot_keeps_what_was_delivered(dovecot, dovecot_shows):
    assert dovecot.messages_left("corpus") == list(CORPUS.values())


@pytest.mark.parametrize("name", CORPUS)
def test_imap4d_shows_the_crlf_form_of_lf_messages(imap4d_shows, name):
    message = CORPUS[name]
    _, size, body = imap4d_shows[name]
    assert size == len(body)
    # On disk it takes CRLF for CR and LF. What then has no header followed by a blank line
    # is an empty message to it.
    has_header = b"\n\n" in message
    if not has_header:
        assert body == b"\r\n"
    elif b"\r\n" not in message:
        assert body == crlf_form(message)
    else:
        assert body != crlf_form(message)


@pytest.mark.parametrize("name", sorted(CYRUS_REFUSES))
def test_cyrus_refuses(cyrus, cyrus_shows, name):
    with pytest.raises(imapclient.exceptions.IMAPClientError, match="append failed"):
        cyrus.deliver("corpus", CORPUS[name])


@pytest.mark.parametrize("name", sorted(set(CORPUS) - CYRUS_REFUSES))
def test_cyrus_shows_what_it_has_taken(cyrus_shows, name):
    _, size, body = cyrus_shows[name]
    # A bare CR is a line end to it, and 8-bit octets of a header become X.
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", CORPUS[name])
    head, blank, rest = lines.partition(b"\r\n\r\n")
    assert body == re.sub(rb"[\x80-\xff]", b"X", head) + blank + rest
    assert size == len(body)
