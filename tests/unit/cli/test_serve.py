"""serve as a process: the ready line, the end, and what it says when it cannot."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from tests.support.certificates import make_certificates

SERVE = [sys.executable, "-m", "gateway", "serve"]
# What systemd does between fork and exec: descriptor 3 and three variables.
AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="pop3")
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.fixture
def office(tmp_path):
    """Writes a configuration for a Maildir with a password of its own."""
    for name in ("cur", "new", "tmp"):
        (tmp_path / "Maildir" / name).mkdir(parents=True)
    (tmp_path / "password").write_text("correct horse\n")

    def write(listen):
        path = tmp_path / "office.toml"
        path.write_text(
            f'[listen]\n{listen}\n[upstream]\nurl = "maildir://{tmp_path}/Maildir"\n'
            f'[upstream.maildir]\npassword_file = "{tmp_path}/password"\n'
            f'[state]\ndir = "{tmp_path}/state"\n'
        )
        return path

    return write


@contextlib.contextmanager
def running(command, **more):
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )
    try:
        with process.stdout, process.stderr:
            yield process
    finally:
        process.kill()
        process.wait(10)


def refused(*flags):
    result = subprocess.run(
        [*SERVE, *map(str, flags)], capture_output=True, text=True, check=False, timeout=30
    )
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("pop3-gateway: ")
    return result.returncode, line


def test_one_line_when_every_address_accepts(office, tmp_path):
    made = make_certificates(tmp_path).server
    config = office(
        'plain = ["127.0.0.1:0", "127.0.0.1:0"]\ntls = ["127.0.0.1:0"]\n'
        f'cert = "{made.certificate}"\nkey = "{made.key}"'
    )
    with running([*SERVE, "--config", config]) as process:
        line = process.stdout.readline()
        ports = re.findall(r"(pop3s?) 127\.0\.0\.1:(\d+)", line)
        assert [kind for kind, _ in ports] == ["pop3", "pop3", "pop3s"], line
        for _, port in ports:
            socket.create_connection(("127.0.0.1", int(port)), 5).close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stdout.read() == ""


def test_a_taken_port_is_told(office):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, line = refused("--config", office(f'plain = ["127.0.0.1:{port}"]'))
    assert status == 1
    assert f"127.0.0.1:{port}" in line


def test_a_state_directory_that_cannot_be_made_is_told(office, tmp_path):
    config = office('plain = ["127.0.0.1:0"]')
    status, line = refused("--config", config, "--state-dir", "/proc/nowhere")
    assert status == 1
    assert "/proc/nowhere" in line


def test_a_socket_that_systemd_did_not_give_is_told(office):
    status, line = refused("--config", office('plain = ["systemd:pop3"]'))
    assert status == 1
    assert "pop3" in line


def test_a_socket_from_systemd_is_served(office):
    config = office('plain = ["systemd:pop3"]')
    with socket.create_server(("127.0.0.1", 0)) as opened:
        command = [sys.executable, "-c", AS_SYSTEMD, str(opened.fileno()), *SERVE]
        with running([*command, "--config", config], pass_fds=[opened.fileno()]) as process:
            assert process.stdout.readline(), process.stderr.read()
            with socket.create_connection(opened.getsockname(), 5) as client:
                assert client.recv(3) == b"+OK"
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may bind every port")
def test_a_port_for_root_alone_is_told(office):
    status, line = refused("--config", office('plain = ["127.0.0.1:110"]'))
    assert status == 1
    assert "127.0.0.1:110" in line
