"""Clients that do not read, and clients that ask for very much at once."""

import contextlib
import hashlib
import time

import pytest

from tests.support.gateway import RunningGateway
from tests.support.mail import big, crlf_form
from tests.support.pop3_client import Pop3Client

pytestmark = pytest.mark.servers

MIB = 1 << 20
READERS = 8
HUGE = 100 * MIB
LETTERS = [b"Subject: %d\n\n.letter %d\n" % (number, number) for number in range(20)]


@pytest.fixture(scope="module")
def huge(dovecot):
    """Users, each with the message of 100 MiB; the digest of its stuffed form."""
    names = [f"huge{number}" for number in range(READERS)]
    dovecot.add_user(names[0], "secret")
    digest = hashlib.sha256()
    message = bytearray()
    for piece in big(HUGE):
        message += piece
    digest.update(message.replace(b"\n.", b"\n.."))
    if not message.endswith(b"\r\n"):
        digest.update(b"\r\n")
    dovecot.deliver(names[0], bytes(message))
    (file,) = (dovecot.maildir(names[0]) / "new").iterdir()
    for name in names[1:]:
        dovecot.add_user(name, "secret")
        # One file for all of them: nobody changes it.
        (dovecot.maildir(name) / "new" / file.name).hardlink_to(file)
    yield names, digest.digest()
    for name in names:
        for folder in ("new", "cur"):
            for left in (dovecot.maildir(name) / folder).iterdir():
                left.unlink()


@pytest.fixture
def fresh_gateway(dovecot, certificates):
    with RunningGateway(
        f"imap://{dovecot.host}:{dovecot.port}", certificates=certificates
    ) as running:
        yield running


@pytest.mark.parametrize("tls", [False, True])
def test_readers_that_have_stopped(fresh_gateway, huge, client_context, tls):
    """Eight of them wait with 100 MiB each, for less than 32 MiB in all."""
    names, expected = huge
    context = client_context if tls else None
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(fresh_gateway.login(name, "secret", tls=context))
            for name in names
        ]
        before = fresh_gateway.memory()
        for client in clients:
            client.send(b"RETR 1\r\n")
        most = before
        for _ in range(60):
            time.sleep(0.05)
            most = max(most, fresh_gateway.memory())
        assert most - before < 32 * MIB
        # The one that reads on gets all of it, while the others still wait.
        reader = clients[3]
        assert reader.line() == b"+OK %d octets\r\n" % HUGE
        digest = hashlib.sha256()
        for piece in reader.raw_body():
            digest.update(piece)
        assert digest.digest() == expected
        assert fresh_gateway.memory() - before < 32 * MIB
        assert reader.quit().startswith(b"+OK")


def test_reader_that_has_stopped_is_not_in_the_way(fresh_gateway, huge, make_user):
    names, _ = huge
    user = make_user(LETTERS)
    with fresh_gateway.login(names[0], "secret") as stopped:
        stopped.send(b"RETR 1\r\n")
        with fresh_gateway.login(*user) as client:
            assert [client.retr(number) for number in range(1, 21)] == [
                crlf_form(letter) for letter in LETTERS
            ]


def test_many_commands_and_no_reading(fresh_gateway, make_user):
    """20,000 commands in one go and a client that sleeps meanwhile."""
    user = make_user(LETTERS)
    lines = [f"LIST {1 + number % 20}" for number in range(17_000)]
    lines += [f"TOP {1 + number % 20} 1" for number in range(3_000)]
    with Pop3Client(fresh_gateway.host, fresh_gateway.port, receive_buffer=4096) as client:
        client.login(*user)
        before = fresh_gateway.memory()
        client.socket.settimeout(0.5)
        sent, commands = 0, "".join(f"{line}\r\n" for line in lines).encode()
        with contextlib.suppress(TimeoutError):
            while sent < len(commands):
                sent += client.socket.send(commands[sent : sent + 65536])
        time.sleep(1)
        assert fresh_gateway.memory() - before < 8 * MIB
        client.socket.settimeout(30)
        for number, line in enumerate(lines):
            if sent < len(commands):  # what found no room goes as room comes
                sent += client.socket.send(commands[sent : sent + 40])
            reply = client.line()
            assert reply.startswith(b"+OK"), (number, line, reply)
            index = int(line.split()[1]) - 1
            message = crlf_form(LETTERS[index])
            if line.startswith("LIST"):
                assert reply == b"+OK %d %d\r\n" % (index + 1, len(message))
            else:
                body = b"".join(client.raw_body())
                assert body == message.replace(b"\n.", b"\n..")
        assert client.quit().startswith(b"+OK")
        assert fresh_gateway.memory() - before < 8 * MIB


def test_thousands_of_commands_at_once(gateway, make_user):
    """3,000 commands, not waiting for one answer; the mailbox afterwards is as told."""
    user = make_user(LETTERS)
    with gateway.login(*user) as client:
        verbs = ["NOOP", "STAT", "LIST 7", "RETR 5", "DELE 5", "RSET"]
        client.send("".join(f"{verb}\r\n" for verb in verbs * 500).encode())
        octets = sum(len(crlf_form(letter)) for letter in LETTERS)
        for _ in range(500):
            assert client.line() == b"+OK Done\r\n"
            assert client.line() == b"+OK 20 %d\r\n" % octets
            assert client.line() == b"+OK 7 %d\r\n" % len(crlf_form(LETTERS[6]))
            assert client.line().startswith(b"+OK")
            assert b"".join(client.raw_body()) == b"Subject: 4\r\n\r\n..letter 4\r\n"
            assert client.line() == b"+OK Message 5 marked as deleted\r\n"
            assert client.line() == b"+OK Maildrop has 20 messages (%d octets)\r\n" % octets
        assert client.quit() == b"+OK Goodbye\r\n"


def test_a_whole_session_in_one_packet(gateway, dovecot, make_user):
    """From before the login to QUIT, by a client that then closes its sending side."""
    name, password = make_user(LETTERS[:3])
    with gateway.client() as client:
        client.send(
            f"USER {name}\r\nPASS {password}\r\nSTAT\r\nRETR 2\r\nDELE 2\r\nQUIT\r\n".encode()
        )
        client.socket.shutdown(1)
        answers = client.rest()
    assert answers.startswith(b"+OK Send the password\r\n+OK Maildrop has 3 messages")
    assert answers.endswith(
        b".letter 1\r\n.\r\n+OK Message 2 marked as deleted\r\n"
        b"+OK 1 message removed, goodbye\r\n"
    )
    assert dovecot.messages_left(name) == [LETTERS[0], LETTERS[2]]
