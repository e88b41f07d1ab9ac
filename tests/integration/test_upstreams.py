"""Three kinds of IMAP server behind the gateway: what IMAPClient sees is what POP3 shows.

IMAPClient is the independent reader; the servers' own ways with awkward messages are the
subject of test_server_corpus.
"""

import itertools
import re

import pytest

from tests.support.dovecot import Dovecot
from tests.support.gateway import RunningGateway
from tests.support.imap4d import Imap4d
from tests.support.mail import awkward, crlf_form, realistic_mix
from tests.support.oracle import fetch_all
from tests.support.pop3_client import Pop3Client

pytestmark = pytest.mark.servers

CORPUS = awkward()
CYRUS_REFUSES = {"NUL", "every octet", "empty", "one dot", "headers, no newline"}
_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=["dovecot", "imap4d", "cyrus"])
def pair(request):
    """A server and the gateway in front of it."""
    server = request.getfixturevalue(request.param)
    gateway = "gateway" if request.param == "dovecot" else f"gateway_{request.param}"
    return server, request.getfixturevalue(gateway)


def new_user(server, messages):
    """The user's name with the server, and for the gateway."""
    name = f"several{next(_numbers)}"
    server.add_user(name, "secret")
    server.deliver_many(name, messages)
    return name, server.login(name) if isinstance(server, Imap4d) else name


def corpus_for(server):
    refused = CYRUS_REFUSES if server.name == "cyrus" else ()
    return [message for name, message in CORPUS.items() if name not in refused]


def letters(server, count):
    """Messages that each server takes as they are: imap4d only with LF, Cyrus with CRLF."""
    made = [b"Subject: %d\n\nletter %d\n" % (number, number) for number in range(count)]
    return made if server.name == "imap4d" else [crlf_form(letter) for letter in made]


def bodies(server, user):
    """What is left. imap4d gives new mail another UID in each session that only looks."""
    return [body for _, _, body in seen_by_imapclient(server, user)]


def with_line_end(octets):
    return octets if not octets or octets.endswith(b"\r\n") else octets + b"\r\n"


def seen_by_imapclient(server, user):
    with server.imap(user) as client:
        return fetch_all(client)


@pytest.mark.parametrize("kind", ["awkward", "ordinary"])
def test_retr_list_and_stat(pair, kind):
    server, gateway = pair
    messages = corpus_for(server) if kind == "awkward" else realistic_mix(60, seed=5)
    user, login = new_user(server, messages)
    expected = seen_by_imapclient(server, user)
    assert len(expected) == len(messages)
    with gateway.login(login, "secret") as client:
        assert client.stat() == (len(expected), sum(size for _, size, _ in expected))
        sizes = [b"%d %d" % (number, row[1]) for number, row in enumerate(expected, 1)]
        assert client.lines("LIST") == sizes
        for number, (_, size, body) in enumerate(expected, 1):
            assert client.command(f"RETR {number}") == b"+OK %d octets\r\n" % size
            got = b"".join(client.raw_body())
            stuffed = body.replace(b"\n.", b"\n..")
            stuffed = b"." + stuffed if stuffed.startswith(b".") else stuffed
            assert got == with_line_end(stuffed), number
        assert client.quit().startswith(b"+OK")


@pytest.mark.parametrize("lines", [2])
def test_top(pair, lines):
    server, gateway = pair
    user, login = new_user(server, corpus_for(server))
    expected = seen_by_imapclient(server, user)
    with gateway.login(login, "secret") as client:
        for number, (_, _, body) in enumerate(expected, 1):
            assert client.text(f"TOP {number} {lines}") == top(body, lines), number
        assert client.quit().startswith(b"+OK")


def top(body, lines):
    """The header, the blank line and so many lines; a line ends with LF, as for clients."""
    rows = body.split(b"\n")
    rows = [row + b"\n" for row in rows[:-1]] + ([rows[-1]] if rows[-1] else [])
    blank = next((at for at, row in enumerate(rows) if row in {b"\r\n", b"\n"}), len(rows))
    return with_line_end(b"".join(rows[: blank + 1 + lines]))


def test_unique_ids_stay(pair):
    server, gateway = pair
    user, login = new_user(server, realistic_mix(10, seed=6))
    with gateway.login(login, "secret") as client:
        before = client.lines("UIDL")
        client.ok("DELE 4")
        assert client.quit() == b"+OK 1 message removed, goodbye\r\n"
    server.deliver(user, b"Subject: new\r\n\r\nnew\r\n")
    with gateway.login(login, "secret") as client:
        after = [line.split()[1] for line in client.lines("UIDL")]
        assert after[:-1] == [line.split()[1] for line in before if line[:2] != b"4 "]
        assert after[-1] not in {line.split()[1] for line in before}
        client.quit()


def test_deletes_what_was_marked(pair):
    server, gateway = pair
    user, login = new_user(server, letters(server, 300))
    with gateway.login(login, "secret") as client:
        for number in range(1, 301):
            if number % 3:
                client.send(b"DELE %d\r\n" % number)
        assert all(client.line().startswith(b"+OK") for _ in range(200))
        assert client.quit() == b"+OK 200 messages removed, goodbye\r\n"
    kept = [crlf_form(letter) for letter in letters(server, 300)[2::3]]
    assert bodies(server, user) == kept


def test_deletes_everything(pair):
    server, gateway = pair
    user, login = new_user(server, corpus_for(server))
    with gateway.login(login, "secret") as client:
        count, _ = client.stat()
        for number in range(1, count + 1):
            client.ok(f"DELE {number}")
        assert client.quit() == b"+OK %d messages removed, goodbye\r\n" % count
    assert seen_by_imapclient(server, user) == []


def test_nothing_there(pair):
    server, gateway = pair
    _, login = new_user(server, [])
    with gateway.login(login, "secret") as client:
        assert client.stat() == (0, 0)
        assert client.lines("LIST") == []
        assert client.lines("UIDL") == []
        assert client.command("RETR 1").startswith(b"-ERR")
        assert client.quit().startswith(b"+OK")


def test_wrong_password(pair):
    server, gateway = pair
    _, login = new_user(server, [])
    with gateway.client() as client:
        client.ok(b"USER " + (login if isinstance(login, bytes) else login.encode()))
        assert client.command("PASS wrong").startswith(b"-ERR [AUTH]")


def other_way(server, **imap):
    """A gateway that removes messages in another way."""
    settings = {"upstream": {"imap": imap}}
    return RunningGateway(f"imap://{server.host}:{server.port}", settings=settings)


def remove(gateway, login, numbers):
    with gateway.login(login, "secret") as client:
        for number in numbers:
            client.ok(f"DELE {number}")
        return client.quit()


class TestMove:
    @pytest.mark.parametrize("exists", [True, False])
    def test_what_is_removed_is_in_the_folder(self, pair, exists):
        server, _ = pair
        user, login = new_user(server, letters(server, 5))
        whole = [crlf_form(letter) for letter in letters(server, 5)]
        if exists:
            with server.imap(user) as other:
                other.create_folder("Trash")
        with other_way(server, delete="move", move_to="Trash") as gateway:
            said = remove(gateway, login, [2, 5])
            assert said == b"+OK 2 messages removed, goodbye\r\n"
        assert bodies(server, user) == [whole[0], whole[2], whole[3]]
        with server.imap(user) as other:
            assert [body for *_, body in fetch_all(other, "Trash")] == [whole[1], whole[4]]

    def test_folder_that_cannot_be(self, dovecot):
        user, login = new_user(dovecot, letters(dovecot, 3))
        with other_way(dovecot, delete="move", move_to="no/../such") as gateway:
            assert remove(gateway, login, [1, 2]).startswith(b"-ERR [SYS/TEMP]")
        assert dovecot.messages_left(user) == letters(dovecot, 3)
        with dovecot.imap(user) as other:
            other.select_folder("INBOX")
            assert other.search("DELETED") == []

    def test_foreign_marks_without_move_and_uidplus(self, imap4d):
        user, login = new_user(imap4d, letters(imap4d, 5))
        with imap4d.imap(user) as other:
            other.select_folder("INBOX")
            other.delete_messages([4])
        with other_way(imap4d, delete="move", move_to="Trash") as gateway:
            assert remove(gateway, login, [1]).startswith(b"+OK")
        assert imap4d.messages_left(user) == letters(imap4d, 5)[1:]


def test_flag_hides_and_keeps(pair):
    server, _ = pair
    user, login = new_user(server, letters(server, 5))
    with other_way(server, delete="flag") as gateway:
        said = remove(gateway, login, [2, 5])
        assert said == b"+OK 2 messages removed, goodbye\r\n"
        with gateway.login(login, "secret") as client:
            whole = [crlf_form(letter) for letter in letters(server, 5)]
            assert [client.retr(number) for number in (1, 2, 3)] == [
                whole[0],
                whole[2],
                whole[3],
            ]
            assert client.stat()[0] == 3
            client.quit()
    assert bodies(server, user) == whole


def test_mark_seen(pair):
    """Those that were fetched as a whole, and only they."""
    server, _ = pair
    user, login = new_user(server, letters(server, 3))
    with other_way(server, mark_seen=True) as gateway, gateway.login(login, "secret") as client:
        client.retr(2)
        client.text("TOP 3 0")
        client.quit()
    with server.imap(user) as other:
        other.select_folder("INBOX", readonly=True)
        unseen = other.search("UNSEEN")
        assert len(unseen) == 2
        assert [uid for uid in other.search() if uid not in unseen] == [other.search()[1]]


def test_the_client_is_introduced(certificates):
    """Its address is in the log of an upstream that trusts the gateway."""
    with Dovecot(certificates=certificates, trusted="127.0.0.1") as server:
        server.add_user("alice", "secret")
        with (
            other_way(server, send_id=True) as gateway,
            Pop3Client(gateway.host, gateway.port, source="127.0.0.9") as client,
        ):
            client.login("alice", "secret")
            client.quit()
        assert re.search(r"Login: user=<alice>.* rip=127\.0\.0\.9,", server.log_text())
