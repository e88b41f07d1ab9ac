"""The upstream dies or hangs, and the client is told the truth."""

import hashlib
import itertools
import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.support.dovecot import Dovecot
from tests.support.gateway import RunningGateway, wait_until
from tests.support.mail import big, crlf_form
from tests.support.pop3_client import Refused

pytestmark = pytest.mark.servers

LETTERS = [b"Subject: %d\n\nletter %d\n" % (number, number) for number in range(6)]
LARGE = 30_000_000
SECONDS = 1.5  # the command time-out of these gateways


@pytest.fixture(scope="module")
def large():
    """The 30 MB as they are on the wire, before the terminator."""
    return b"".join(big(LARGE)).replace(b"\n.", b"\n..") + b"\r\n"


@pytest.fixture(scope="module")
def fragile(certificates):
    with Dovecot(certificates=certificates) as server:
        yield server


@pytest.fixture
def own_dovecot(fragile):
    """To be killed and suspended; runs again afterwards."""
    yield fragile
    fragile.resume()
    if not fragile.running:
        fragile.start()


@pytest.fixture(scope="module")
def own_gateway(fragile):
    imap = {"command_timeout": SECONDS, "connect_timeout": SECONDS}
    with RunningGateway(
        f"imap://{fragile.host}:{fragile.port}", settings={"upstream": {"imap": imap}}
    ) as running:
        yield running


_numbers = itertools.count(1)


@pytest.fixture
def alice(own_dovecot):
    """Has one message of 30 MB."""
    name = f"alice{next(_numbers)}"
    own_dovecot.add_user(name, "secret")
    own_dovecot.deliver(name, b"".join(big(LARGE)))
    return name


@pytest.fixture
def bob(own_dovecot):
    """Has six letters."""
    name = f"bob{next(_numbers)}"
    own_dovecot.add_user(name, "secret")
    own_dovecot.deliver_many(name, LETTERS)
    return name


def imap_process_of(server, user):
    """The process that serves this user's only IMAP session: the one in his mailbox."""
    mailbox = str(server.maildir(user))

    def in_mailbox(pid):
        maps = Path(f"/proc/{pid}/fd")
        return any(str(fd.readlink()).startswith(mailbox) for fd in maps.iterdir())

    (pid,) = [pid for pid in server.processes("imap") if in_mailbox(pid)]
    return pid


def read_a_bit(client, octets):
    """The status line and so many octets of the message, which is then held up."""
    client.send(b"RETR 1\r\n")
    assert client.line() == b"+OK %d octets\r\n" % LARGE
    return client.some(octets)


class TestDeathInTheMiddleOfAMessage:
    def test_no_message_looks_complete(self, own_dovecot, own_gateway, alice, large):
        with own_gateway.login(alice, "secret") as client:
            got = read_a_bit(client, 100_000)
            own_dovecot.kill()
            got += client.rest()
        assert len(got) < LARGE
        assert not got.endswith(b"\r\n.\r\n")
        assert b"-ERR" not in got
        assert large.startswith(got)
        own_gateway.wait_for_log("reason=aborted")

    def test_the_connection_is_reset(self, own_dovecot, own_gateway, alice):
        """A client must not take the end for one that was meant."""
        with own_gateway.login(alice, "secret") as client:
            read_a_bit(client, 100_000)
            own_dovecot.kill()
            with pytest.raises(ConnectionResetError):
                while client.socket.recv(1 << 18):
                    pass

    def test_others_go_on(self, own_dovecot, own_gateway, alice, bob, large):
        """Only the process of alice's session is killed."""
        with (
            own_gateway.login(bob, "secret") as other,
            own_gateway.login(alice, "secret") as client,
        ):
            read_a_bit(client, 100_000)
            os.kill(imap_process_of(own_dovecot, alice), signal.SIGKILL)
            assert not client.rest().endswith(b"\r\n.\r\n")
            assert [other.retr(number) for number in range(1, 7)] == [
                crlf_form(letter) for letter in LETTERS
            ]
            # The lease is free, and alice gets all of it now.
            with own_gateway.login(alice, "secret") as again:
                again.ok("RETR 1")
                digest = hashlib.sha256()
                for piece in again.raw_body():
                    digest.update(piece)
            assert digest.digest() == hashlib.sha256(large).digest()
            other.ok("DELE 6")
            assert other.quit() == b"+OK 1 message removed, goodbye\r\n"

    def test_a_message_that_has_not_begun_is_refused(self, own_dovecot, own_gateway, bob):
        with own_gateway.login(bob, "secret") as client:
            own_dovecot.kill()
            reply = client.command("RETR 2")
            assert reply.startswith(b"-ERR [SYS/TEMP]")
            assert client.quit().startswith(b"+OK")

    def test_a_message_that_stands_still_is_given_up(self, own_dovecot, own_gateway, alice):
        with own_gateway.login(alice, "secret") as client:
            got = read_a_bit(client, 100_000)
            own_dovecot.suspend()
            got += client.rest()
            own_dovecot.resume()
        assert len(got) < LARGE
        assert not got.endswith(b"\r\n.\r\n")


class TestDeathBeforeQuit:
    def test_nothing_is_lost_unsaid(self, own_dovecot, own_gateway, bob):
        with own_gateway.login(bob, "secret") as client:
            for number in (1, 3):
                client.ok(f"DELE {number}")
            own_dovecot.kill()
            reply = client.quit()
        assert reply.startswith(b"-ERR [SYS/TEMP]") or reply == b""
        own_dovecot.start()
        assert own_dovecot.messages_left(bob) == LETTERS
        with own_gateway.login(bob, "secret") as client:
            assert client.stat()[0] == len(LETTERS)

    def test_nothing_marked_is_a_good_end(self, own_dovecot, own_gateway, bob):
        with own_gateway.login(bob, "secret") as client:
            own_dovecot.kill()
            assert client.quit().startswith(b"+OK")

    def test_hanging_it_is_given_up(self, own_dovecot, own_gateway, bob):
        """What the upstream does when it wakes up nobody can know: the answer is -ERR."""
        with own_gateway.login(bob, "secret") as client:
            client.ok("DELE 1")
            own_dovecot.suspend()
            assert client.quit().startswith(b"-ERR [SYS/TEMP]")
            own_dovecot.resume()
        # Not that of its processes: connections of other users are kept.
        ended = re.compile(rf"imap\({bob}\).*: Disconnected")
        wait_until(lambda: ended.search(own_dovecot.log_text()), what="the end of the session")
        assert own_dovecot.messages_left(bob) in (LETTERS, LETTERS[1:])


class TestLogin:
    def test_suspended(self, own_dovecot, own_gateway, bob):
        with own_gateway.client() as client:
            own_dovecot.suspend()
            before = time.monotonic()
            client.ok(f"USER {bob}")
            assert client.command("PASS secret").startswith(b"-ERR [SYS/TEMP]")
            assert time.monotonic() - before < SECONDS + 5
            own_dovecot.resume()
            client.ok(f"USER {bob}")
            client.ok("PASS secret")
            assert client.stat()[0] == len(LETTERS)

    def test_dead(self, own_dovecot, own_gateway, bob):
        own_dovecot.kill()
        with pytest.raises(Refused, match=r"-ERR \[SYS/TEMP\]"):
            own_gateway.login(bob, "secret")
        own_dovecot.start()
        own_gateway.login(bob, "secret").close()

    def test_wrong_password(self, gateway, make_user):
        name, _ = make_user()
        with pytest.raises(Refused, match=r"-ERR \[AUTH\]"):
            gateway.login(name, "wrong")

    def test_unknown_user_is_told_the_same(self, gateway, make_user):
        with pytest.raises(Refused) as unknown:
            gateway.login("nobody", "wrong")
        with pytest.raises(Refused) as known:
            gateway.login(make_user()[0], "wrong")
        assert unknown.value.args == known.value.args
