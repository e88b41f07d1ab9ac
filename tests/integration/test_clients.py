"""Real POP3 clients drain a mailbox of awkward messages through the gateway.

What a client writes is compared with the CRLF form of the message, or with what this client
is known to make of it. Where it makes something of its own of a message that is none, it
must make the same of it as with Dovecot's own POP3 server.
"""

import poplib
import re

import pytest
import trustme

from tests.support.certificates import Certificates, Pair
from tests.support.gateway import RunningGateway
from tests.support.mail import awkward, crlf_form
from tests.support.readers import READERS, Account, Failed

pytestmark = pytest.mark.servers

CORPUS = awkward()
EVERY_READER = pytest.mark.parametrize("reader", READERS)

# Dovecot's POP3 does not double a dot that is the first octet of a message, so a client
# loses it, or takes the message "." for the end.
NOT_WITH_DOVECOT = {"dot first of all", "one dot"}

NO_MESSAGES = {
    *("empty", "one newline", "one CRLF", "one dot", "no headers"),
    *("headers, no blank line", "headers, no newline"),
}
ODD = {
    "poplib": set(),
    "curl": {"empty"},  # writes one line end
    "mpop": set(),
    "mutt": set(),
    # Adds what it misses of a header, or of the blank line after it; counts octets wrong
    # beyond some 64 KB in one line.
    "fetchmail": {*NO_MESSAGES, "one long line", "one long line unfinished"},
    # Reads and writes messages by Python's email package: CR is a line end, long lines of
    # the header are folded anew.
    "getmail": {
        *NO_MESSAGES,
        *("bare CR", "CR LF swapped", "final bare CR", "final dot CR", "every octet"),
        *("dot first of all", "long header", "many headers", "controls"),
    },
}


def sent(message):
    """What is between status line and terminator: the last line always has an end."""
    octets = crlf_form(message)
    return octets if not octets or octets.endswith(b"\r\n") else octets + b"\r\n"


def shown_by_imap(message):
    """IMAP forbids NUL (RFC 3501, section 9: CHAR8); Dovecot sends 0x80 in its place."""
    return message.replace(b"\0", b"\x80")


def written(reader, octets):
    """What the client makes of a message that is one."""
    if reader in {"mpop", "mutt"}:
        return octets.replace(b"\r\n", b"\n")
    if reader == "getmail":
        return b"Return-Path: <unknown>\n" + octets.replace(b"\r\n", b"\n")
    return octets


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """A certificate with a common name besides, as fetchmail takes no other."""
    directory = tmp_path_factory.mktemp("named")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1", common_name="localhost")
    files = [directory / name for name in ("certificate", "key", "combined", "authority")]
    issued.cert_chain_pems[0].write_to_path(str(files[0]))
    issued.private_key_pem.write_to_path(str(files[1]))
    issued.private_key_and_cert_chain_pem.write_to_path(str(files[2]))
    authority.cert_pem.write_to_path(str(files[3]))
    pair = Pair(*files[:3])
    return Certificates(files[3], server=pair, far=pair, wrong_name=pair, stranger=pair)


@pytest.fixture(scope="module")
def gateway(dovecot, named):
    with RunningGateway(f"imap://{dovecot.host}:{dovecot.port}", certificates=named) as running:
        yield running


@pytest.fixture(autouse=True)
def poplib_takes_long_lines(monkeypatch):
    monkeypatch.setattr(poplib, "_MAXLINE", 200_000)


def drain(reader, place, user, directory, *, tls="none", authority=None, delete=False):
    directory.mkdir()
    account = Account(*place, *user, tls, authority)
    return READERS[reader](account, directory, delete=delete)


@EVERY_READER
@pytest.mark.parametrize("tls", ["none", "stls", "implicit"])
def test_every_message_arrives(reader, tls, gateway, named, dovecot, make_user, tmp_path):
    """…and then stays, or is gone: this client and this way in keep on the plain port."""
    user = make_user(CORPUS.values())
    place = gateway.host, gateway.tls_port if tls == "implicit" else gateway.port
    authority = None if tls == "none" else named.authority
    delete = tls != "none"
    delivered = drain(
        reader, place, user, tmp_path / "home", tls=tls, authority=authority, delete=delete
    )
    assert len(delivered) == len(CORPUS)
    wrong = [
        name
        for (name, message), octets in zip(CORPUS.items(), delivered, strict=True)
        if octets != written(reader, sent(shown_by_imap(message))) and name not in ODD[reader]
    ]
    assert wrong == []
    left = dovecot.messages_left(user[0])
    assert left == ([] if delete else list(CORPUS.values()))


@EVERY_READER
def test_odd_messages_arrive_as_from_dovecot(reader, gateway, dovecot, make_user, tmp_path):
    names = [name for name in CORPUS if name in ODD[reader] - NOT_WITH_DOVECOT]
    user = make_user(shown_by_imap(CORPUS[name]) for name in names)
    places = {"gateway": gateway.port, "dovecot": dovecot.pop3_port}
    ours, theirs = (
        drain(reader, (dovecot.host, port), user, tmp_path / name)
        for name, port in places.items()
    )
    assert len(ours) == len(names)
    for name, mine, other in zip(names, ours, theirs, strict=True):
        assert mine == other, name


@pytest.mark.parametrize(
    ("reader", "name", "octets"),
    [
        ("fetchmail", "one dot", b".\r\n\r\n"),
        ("getmail", "one dot", b"Return-Path: <unknown>\n\n.\n"),
        (
            "getmail",
            "dot first of all",
            b"Return-Path: <unknown>\n.first: no header\nSubject: dot first\n\nbody\n",
        ),
    ],
)
def test_what_dovecot_itself_cannot_send(reader, name, octets, gateway, make_user, tmp_path):
    user = make_user([CORPUS[name]])
    place = gateway.host, gateway.port
    assert drain(reader, place, user, tmp_path / "home") == [octets]


@pytest.mark.parametrize("server", ["gateway", "dovecot"])
@pytest.mark.parametrize("name", ["one long line", "long header"])
def test_poplib_takes_no_long_lines_by_itself(
    server, name, gateway, dovecot, make_user, monkeypatch, tmp_path
):
    monkeypatch.setattr(poplib, "_MAXLINE", 2048)
    user = make_user([CORPUS[name]])
    port = gateway.port if server == "gateway" else dovecot.pop3_port
    with pytest.raises(Failed, match="line too long"):
        drain("poplib", (dovecot.host, port), user, tmp_path / "home")


@EVERY_READER
def test_nothing_to_fetch(reader, gateway, make_user, tmp_path):
    user = make_user()
    assert drain(reader, (gateway.host, gateway.port), user, tmp_path / "home") == []


@pytest.mark.parametrize("reader", ["fetchmail", "mpop"])
def test_only_what_is_new_by_unique_id(reader, gateway, dovecot, make_user, tmp_path):
    """Clients that keep mail and remember unique-ids fetch nothing twice."""
    letters = [CORPUS["bare LF"], CORPUS["UTF-8"]]
    user = make_user(letters)
    home = tmp_path / "home"
    home.mkdir()
    account = Account(gateway.host, gateway.port, *user)
    options = {"delete": False, "only_new": True}
    first = READERS[reader](account, home, **options)
    dovecot.deliver(user[0], CORPUS["8-bit"])
    both = READERS[reader](account, home, **options)
    assert [len(first), len(both)] == [2, 3]
    assert re.sub(rb"\r\n", b"\n", both[2]) == CORPUS["8-bit"]
