"""One mailbox and several who use it: the lease, and other programs behind our back."""

import re
import subprocess
import sys
import time

import pytest

from tests.support.dovecot import Dovecot
from tests.support.gateway import RunningGateway, wait_until
from tests.support.mail import big, crlf_form
from tests.support.pop3_client import Pop3Client, Refused

pytestmark = pytest.mark.servers

LETTERS = [b"Subject: %d\n\nletter %d\n" % (number, number) for number in range(6)]


class TestLease:
    def test_second_session_is_refused_until_the_first_has_ended(self, gateway, make_user):
        user = make_user(LETTERS)
        with gateway.login(*user) as first:
            with pytest.raises(Refused, match=r"-ERR \[IN-USE\]"):
                gateway.login(*user)
            first.quit()
        gateway.login(*user).close()

    def test_wrong_password_does_not_tell_that_it_is_held(self, gateway, make_user):
        name, password = make_user()
        with (
            gateway.login(name, password),
            pytest.raises(Refused, match=r"-ERR \[AUTH\]"),
        ):
            gateway.login(name, "wrong")

    def test_dead_client(self, gateway, make_user):
        """Killed in the middle of a message, which frees the lease at once."""
        user = make_user([b"".join(big(20_000_000))])
        program = (
            "import socket, sys\n"
            "s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
            "s.sendall(f'USER {sys.argv[2]}\\r\\nPASS {sys.argv[3]}\\r\\nRETR 1\\r\\n'.encode())\n"
            "f = s.makefile('rb')\n"
            "[f.readline() for _ in range(5)]\n"
            "print('reading', flush=True)\n"
            "sys.stdin.read()\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program, str(gateway.port), *user],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as client:
            assert client.stdout.readline() == b"reading\n"
            with pytest.raises(Refused, match="IN-USE"):
                gateway.login(*user)
            client.kill()
            client.wait()
            before = time.monotonic()
            while True:
                try:
                    gateway.login(*user).close()
                    break
                except Refused:
                    assert time.monotonic() - before < 2
                    time.sleep(0.01)

    def test_message_cut_off_is_not_counted(self, gateway, make_user):
        """The line that sums a session up tells of whole messages."""
        user = make_user([b"".join(big(20_000_000)), LETTERS[0]])
        with gateway.login(*user) as client:
            client.retr(2)
            client.ok("RETR 1")
            client.abort()
        summed_up = re.compile(rf"event=closed .*user={user[0]} .*retrieved=1 ")
        wait_until(lambda: summed_up.search(gateway.log_text()))

    def test_dropped_client_deletes_nothing(self, gateway, dovecot, make_user):
        user = make_user(LETTERS)
        with gateway.login(*user) as client:
            client.ok("DELE 1")
            client.ok("DELE 2")
        wait_until(lambda: can_log_in(gateway, user), what="the lease")
        assert dovecot.messages_left(user[0]) == LETTERS


def can_log_in(gateway, user):
    try:
        gateway.login(*user).close()
    except Refused:
        return False
    return True


class TestOthersAtTheMailbox:
    def test_message_expunged_behind_our_back(self, gateway, dovecot, make_user):
        user = make_user(LETTERS)
        with gateway.login(*user) as client:
            with dovecot.imap(user[0]) as other:
                other.select_folder("INBOX")
                other.delete_messages([3])
                other.uid_expunge([3])
            assert client.command("RETR 3").startswith(b"-ERR")
            # Numbers, sizes and the other messages are as they were.
            assert client.stat() == (6, sum(len(crlf_form(letter)) for letter in LETTERS))
            for number in (1, 2, 4, 5, 6):
                assert client.retr(number) == crlf_form(LETTERS[number - 1])
            client.ok("DELE 3")
            client.ok("DELE 4")
            assert client.quit().startswith(b"+OK")
        left = [letter for number, letter in enumerate(LETTERS, 1) if number not in {3, 4}]
        assert dovecot.messages_left(user[0]) == left

    def test_new_mail_moves_nothing(self, gateway, dovecot, make_user):
        user = make_user(LETTERS[:3])
        with gateway.login(*user) as client:
            before = client.lines("UIDL")
            dovecot.deliver(user[0], LETTERS[5])
            assert client.retr(3) == crlf_form(LETTERS[2])
            assert client.lines("UIDL") == before
            assert client.command("RETR 4").startswith(b"-ERR")
            client.ok("DELE 3")
            assert client.quit().startswith(b"+OK")
        assert dovecot.messages_left(user[0]) == [*LETTERS[:2], LETTERS[5]]
        with gateway.login(*user) as client:
            assert client.lines("UIDL")[:2] == before[:2]
            assert client.retr(3) == crlf_form(LETTERS[5])

    def test_everything_deleted_behind_our_back(self, gateway, dovecot, make_user):
        user = make_user(LETTERS[:2])
        with gateway.login(*user) as client:
            with dovecot.imap(user[0]) as other:
                other.select_folder("INBOX")
                other.delete_messages([1, 2])
                other.expunge()
            assert client.stat()[0] == 2
            assert client.command("RETR 1").startswith(b"-ERR")
            client.ok("DELE 1")
            assert client.quit().startswith(b"+OK")

    def test_retr_leaves_messages_unseen(self, gateway, dovecot, make_user):
        user = make_user(LETTERS[:2])
        with gateway.login(*user) as client:
            client.retr(1)
            client.text("TOP 2 1")
            client.quit()
        with dovecot.imap(user[0]) as other:
            other.select_folder("INBOX", readonly=True)
            assert other.search("UNSEEN") == [1, 2]


class TestForeignDeletedMarks:
    """Messages that somebody else marked as deleted are his: QUIT leaves them alone."""

    def check(self, gateway, server, login, user):
        with server.imap(user) as other:
            other.select_folder("INBOX")
            other.delete_messages([2, 5])
        with gateway.login(*login) as client:
            assert client.stat()[0] == len(LETTERS)
            for number in (1, 4, 5):
                client.ok(f"DELE {number}")
            assert client.quit() == b"+OK 3 messages removed, goodbye\r\n"
        assert server.messages_left(user) == [LETTERS[1], LETTERS[2], LETTERS[5]]

        # imap4d tells others of the mark when the session upstream has ended.
        def marked():
            with server.imap(user) as other:
                other.select_folder("INBOX")
                return other.search("DELETED") == [2]

        wait_until(marked, what="the mark that was there before")

    def test_dovecot(self, gateway, dovecot, make_user):
        name, password = make_user(LETTERS)
        self.check(gateway, dovecot, (name, password), name)

    def test_dovecot_without_uidplus(self, certificates):
        with Dovecot(certificates=certificates, without=["UIDPLUS", "MOVE"]) as server:
            server.add_user("bob", "secret")
            server.deliver_many("bob", LETTERS)
            with RunningGateway(f"imap://{server.host}:{server.port}") as running:
                self.check(running, server, ("bob", "secret"), "bob")

    def test_imap4d(self, gateway_imap4d, imap4d):
        imap4d.add_user("marked", "secret")
        imap4d.deliver_many("marked", LETTERS)
        login = (imap4d.login("marked"), "secret")
        self.check(gateway_imap4d, imap4d, login, "marked")

    def test_cyrus(self, gateway_cyrus, cyrus):
        cyrus.add_user("marked", "secret")
        cyrus.deliver_many("marked", [crlf_form(letter) for letter in LETTERS])
        with cyrus.imap("marked") as other:
            other.select_folder("INBOX")
            other.delete_messages([2])
        with gateway_cyrus.login("marked", "secret") as client:
            client.ok("DELE 1")
            assert client.quit() == b"+OK 1 message removed, goodbye\r\n"
        with cyrus.imap("marked") as other:
            other.select_folder("INBOX")
            assert other.search() == [2, 3, 4, 5, 6]
            assert other.search("DELETED") == [2]


def test_pop3_client_keeps_what_follows_a_message(gateway, make_user):
    """The tests' own client: two messages and a reply in one go."""
    user = make_user([b"", b".\n"])
    with Pop3Client(gateway.host, gateway.port) as client:
        client.login(*user)
        client.send(b"RETR 1\r\nRETR 2\r\nNOOP\r\n")
        assert client.line() == b"+OK 0 octets\r\n"
        assert b"".join(client.raw_body()) == b""
        assert client.line() == b"+OK 3 octets\r\n"
        assert b"".join(client.raw_body()) == b"..\r\n"
        assert client.line() == b"+OK Done\r\n"
