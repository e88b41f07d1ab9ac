"""The gateway itself is killed: what QUIT has begun is finished later, and nothing else."""

from pathlib import Path

import pytest

from tests.support.dovecot import Dovecot
from tests.support.gateway import RunningGateway, wait_until
from tests.support.mail import crlf_form

pytestmark = pytest.mark.servers

LETTERS = [b"Subject: %d\n\nletter %d\n" % (number, number) for number in range(6)]


@pytest.fixture(scope="module")
def upstream(certificates):
    with Dovecot(certificates=certificates) as server:
        yield server


@pytest.fixture
def alice(upstream, request):
    name = f"alice-{request.node.name}"
    upstream.add_user(name, "secret")
    upstream.deliver_many(name, LETTERS)
    yield name
    upstream.resume()
    if not upstream.running:
        upstream.start()


@pytest.fixture
def running(upstream):
    with RunningGateway(f"imap://{upstream.host}:{upstream.port}") as gateway:
        yield gateway


def killed_in_update(gateway, server, user, numbers):
    """The plan is written down, and the upstream has not answered when the end comes."""
    with gateway.login(user, "secret") as client:
        for number in numbers:
            client.ok(f"DELE {number}")
        server.suspend()
        client.send(b"QUIT\r\n")
        wait_until(lambda: is_written_down(gateway), what="the plan")
        gateway.kill()
        assert client.rest() == b""
    server.resume()
    wait_until(lambda: not server.processes("imap"), what="the end of the session")


def is_written_down(gateway):
    wal = gateway.directory / "state" / "journal.sqlite-wal"
    return wal.exists() and b"imap://" in wal.read_bytes()


def test_plan_is_finished_at_the_next_login(running, upstream, alice):
    killed_in_update(running, upstream, alice, [2, 5])
    upstream.deliver(alice, b"Subject: new\n\nnew\n")
    running.start()
    with running.login(alice, "secret") as client:
        # The client sees none of them any more.
        rest = [LETTERS[0], LETTERS[2], LETTERS[3], LETTERS[5], b"Subject: new\n\nnew\n"]
        assert client.stat()[0] == len(rest)
        assert [client.retr(number) for number in range(1, 6)] == [
            crlf_form(letter) for letter in rest
        ]
        assert client.quit() == b"+OK Goodbye\r\n"
    assert upstream.messages_left(alice) == rest
    assert "interrupted_update_settled" in running.log_text()


def test_plan_is_finished_once(running, upstream, alice):
    killed_in_update(running, upstream, alice, [1])
    for _ in range(3):
        if running.running:
            running.kill()
        running.start()
        with running.login(alice, "secret") as client:
            assert client.stat()[0] == len(LETTERS) - 1
            assert client.quit() == b"+OK Goodbye\r\n"
    assert running.log_text().count("interrupted_update_settled") == 1
    assert upstream.messages_left(alice) == LETTERS[1:]


def test_foreign_marks_are_not_part_of_the_plan(running, upstream, alice):
    killed_in_update(running, upstream, alice, [3])
    with upstream.imap(alice) as other:
        other.select_folder("INBOX")
        other.delete_messages([4])
    running.start()
    with running.login(alice, "secret") as client:
        assert client.stat()[0] == len(LETTERS) - 1
        client.quit()
    assert upstream.messages_left(alice) == [*LETTERS[:2], *LETTERS[3:]]


def test_plan_for_a_mailbox_that_is_another_one_now(running, upstream, alice):
    """The UIDVALIDITY is a new one: whatever the plan's numbers mean now, it is not meant."""
    killed_in_update(running, upstream, alice, [1, 2, 3])
    upstream.stop()
    # What the interrupted session had sent may have been carried out: all begins anew.
    for file in filter(Path.is_file, upstream.maildir(alice).rglob("*")):
        file.unlink()
    upstream.start()
    upstream.deliver_many(alice, LETTERS)
    running.start()
    with running.login(alice, "secret") as client:
        assert client.stat()[0] == len(LETTERS)
        client.quit()
    assert upstream.messages_left(alice) == LETTERS
    assert "interrupted_update_dropped" in running.log_text()


def test_other_users_are_not_concerned(running, upstream, alice):
    other = f"{alice}-other"
    upstream.add_user(other, "secret")
    upstream.deliver_many(other, LETTERS)
    killed_in_update(running, upstream, alice, [1, 2])
    running.start()
    with running.login(other, "secret") as client:
        assert client.stat()[0] == len(LETTERS)
        client.quit()
    assert upstream.messages_left(other) == LETTERS
    with running.login(alice, "secret") as client:
        assert client.stat()[0] == len(LETTERS) - 2
        client.quit()
    assert upstream.messages_left(alice) == LETTERS[2:]


def test_marks_without_quit_mean_nothing(running, upstream, alice):
    with running.login(alice, "secret") as client:
        client.ok("DELE 1")
        running.kill()
        assert client.rest() == b""
    running.start()
    with running.login(alice, "secret") as client:
        assert client.stat()[0] == len(LETTERS)
        client.quit()
    assert upstream.messages_left(alice) == LETTERS


def test_client_gone_after_quit(running, upstream, alice):
    """It did say QUIT, so its messages are removed, though it hears nothing of it."""
    with running.login(alice, "secret") as client:
        client.ok("DELE 2")
        upstream.suspend()
        client.send(b"QUIT\r\n")
        wait_until(lambda: is_written_down(running), what="the plan")
        client.abort()
    upstream.resume()
    running.wait_for_log("removed=1")
    assert upstream.messages_left(alice) == [LETTERS[0], *LETTERS[2:]]


def test_second_login_while_update_goes_on(running, upstream, alice):
    """Not even a client that is gone lets another one in before UPDATE has ended."""
    with running.login(alice, "secret") as client:
        client.ok("DELE 2")
        upstream.suspend()
        client.send(b"QUIT\r\n")
        wait_until(lambda: is_written_down(running), what="the plan")
        client.abort()
    with running.client() as second:
        second.send(b"USER %b\r\nPASS secret\r\nSTAT\r\n" % alice.encode())
        second.line()
        upstream.resume()
        reply = second.line()
        if reply.startswith(b"+OK"):  # UPDATE was the quicker one
            assert second.line().split()[1] == b"%d" % (len(LETTERS) - 1)
        else:
            assert reply.startswith(b"-ERR [IN-USE]")
    running.wait_for_log("removed=1")
    assert upstream.messages_left(alice) == [LETTERS[0], *LETTERS[2:]]
