"""The real servers themselves: that they come, go and hang as told, and leave nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import imapclient.exceptions
import pytest

from tests.support.cyrus import Cyrus
from tests.support.dovecot import Dovecot
from tests.support.imap4d import Imap4d
from tests.support.mail import crlf_form
from tests.support.oracle import fetch_all
from tests.support.ports import banner

pytestmark = pytest.mark.servers

LETTER = b"Subject: hello\n\n.dot\nlast\n"


@pytest.fixture(params=[Dovecot, Imap4d, Cyrus])
def own(request):
    with request.param() as server:
        server.add_user("alice", "secret")
        yield server


def in_directory(directory):
    """Every process of the machine that works in or was started with this directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            place = (process / "cwd").readlink()
        except OSError:
            continue
        if os.fsencode(directory) in command or place.is_relative_to(directory):
            found.append(command)
    return found


class TestEveryServer:
    def test_delivers_and_shows(self, own):
        own.deliver_many("alice", [LETTER, LETTER + b"more\n"])
        with own.imap("alice") as client:
            shown = fetch_all(client)
        assert [body for _, _, body in shown] == [
            crlf_form(LETTER),
            crlf_form(LETTER + b"more\n"),
        ]
        assert [size for _, size, _ in shown] == [len(body) for _, _, body in shown]

    def test_refuses_a_wrong_password_at_once(self, own):
        before = time.monotonic()
        with pytest.raises(imapclient.exceptions.LoginError):
            own.imap("alice", "wrong")
        if not isinstance(own, Cyrus):  # Cyrus waits for three seconds
            assert time.monotonic() - before < 0.4

    def test_kill_ends_everything_and_start_brings_it_back(self, own):
        own.deliver("alice", LETTER)
        client = own.imap("alice")
        own.kill()
        assert not own.running
        assert in_directory(own.directory) == []
        with pytest.raises((OSError, imapclient.exceptions.IMAPClientError)):
            client.noop()
        client.shutdown()
        own.start()
        with own.imap("alice") as client:
            assert len(fetch_all(client)) == 1

    def test_stop_refuses_connections(self, own):
        own.stop()
        with pytest.raises(ConnectionRefusedError):
            banner(own.port, own.host)

    def test_suspended_it_accepts_and_says_nothing(self, own):
        own.suspend()
        with pytest.raises(TimeoutError):
            banner(own.port, own.host, timeout=0.3)
        own.resume()
        assert banner(own.port, own.host, timeout=5).startswith(b"* OK")

    def test_nothing_is_left_when_it_is_closed(self, own):
        directory = own.directory
        client = own.imap("alice")
        assert in_directory(directory) != []
        own.close()
        client.shutdown()
        assert in_directory(directory) == []
        assert not directory.exists()

    def test_a_failed_start_shows_the_log_and_leaves_nothing(self):
        server = Dovecot(extra="no_such_setting = 1")
        with pytest.raises(RuntimeError, match="Unknown setting: no_such_setting"):
            server.start()
        directory = server.directory
        assert in_directory(directory) == []
        server.close()
        assert not directory.exists()

    @pytest.mark.parametrize("kind", ["dovecot.Dovecot", "imap4d.Imap4d", "cyrus.Cyrus"])
    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
    def test_nothing_outlives_the_tests(self, kind, number):
        module, name = kind.split(".")
        program = (
            f"from tests.support.{module} import {name} as Kind\n"
            "import time\n"
            "server = Kind().start()\n"
            "server.add_user('alice', 'secret')\n"
            "client = server.imap('alice')\n"
            "print(server.directory, flush=True)\n"
            "time.sleep(60)\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
        ) as tests:
            directory = Path(tests.stdout.readline().decode().strip())
            assert directory.is_dir()
            assert in_directory(directory) != []
            tests.send_signal(number)
        deadline = time.monotonic() + 5
        while directory.exists() or in_directory(directory):
            assert time.monotonic() < deadline, in_directory(directory)
            time.sleep(0.02)
