"""`demo`, run as a user runs it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.ports import free_port


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where the demo puts its temporary directory."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setenv("TMPDIR", str(directory))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return directory


def command(*arguments):
    return [sys.executable, "-m", "gateway", "demo", *arguments]


def run_demo(*arguments):
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=60, check=False
    )


def start_demo(*arguments):
    demo = subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said = []
    for line in demo.stdout:
        said.append(line)
        if line.startswith("Serving until Ctrl-C"):
            break
    return demo, "".join(said)


def nobody_listens(port):
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) != 0


def listen():
    port = free_port()
    return port, f"127.0.0.1:{port}"


def test_once_plays_two_sessions_and_leaves_nothing(temporary):
    port, address = listen()
    done = run_demo("--once", "--listen", address)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"pop3-gateway serve --upstream maildir://{temporary}" in done.stdout
    for line in ("C: USER demo", "C: PASS demo", "C: RETR 1", "C: DELE 1", "C: QUIT"):
        assert line in done.stdout
    assert re.findall(r"S: \+OK (\d) \d+", done.stdout)[:1] == ["6"]
    assert ".1-welcome is gone" in done.stdout
    assert done.stderr == ""
    assert list(temporary.iterdir()) == []
    assert nobody_listens(port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_told_to_stop(temporary, number):
    port, address = listen()
    demo, said = start_demo("--listen", address)
    try:
        assert f"curl -u demo:demo pop3://{address}/1" in said
        curl = ["curl", "-sS", "-u", "demo:demo", f"pop3://{address}/1"]
        fetched = subprocess.run(curl, capture_output=True, timeout=30, check=True)
        assert b"Subject: Invoice 2026-0117" in fetched.stdout
        demo.send_signal(number)
        demo.send_signal(number)
        assert demo.wait(20) == 0
        assert demo.stdout.read() == "\nStopped.\n"
    finally:
        demo.kill()
        demo.wait()
        demo.stdout.close()
    assert list(temporary.iterdir()) == []
    assert nobody_listens(port)


def test_a_taken_default_port_is_no_obstacle(temporary):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", 1110))
            other.listen()
        except OSError:
            pass  # somebody else has it, which is as good
        done = run_demo("--once")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Port 1110 is taken" in done.stdout


def test_a_taken_port_that_was_asked_for_is_an_error(temporary):
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = run_demo("--once", "--listen", f"127.0.0.1:{other.getsockname()[1]}")
    assert done.returncode == 2
    assert "cannot be listened at" in done.stderr


def test_own_mail_is_read_and_never_deleted(temporary, tmp_path):
    maildir = tmp_path / "My Maildir"
    for place in ("cur", "new", "tmp"):
        (maildir / place).mkdir(parents=True)
    (maildir / "new" / "1.a").write_bytes(b"Subject: mine\n\nown text\n")
    _, address = listen()
    done = run_demo("--once", "--listen", address, "--maildir", str(maildir))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "S: Subject: mine" in done.stdout
    assert "C: PASS ***" in done.stdout
    assert "C: DELE" not in done.stdout
    assert [path.name for path in (maildir / "new").iterdir()] == ["1.a"]


def test_own_mail_has_a_password_of_its_own(temporary, tmp_path):
    maildir = tmp_path / "Maildir"
    for place in ("cur", "new", "tmp"):
        (maildir / place).mkdir(parents=True)
    _, address = listen()
    demo, said = start_demo("--listen", address, "--maildir", str(maildir))
    try:
        assert f"curl -u demo pop3://{address}/1" in said
        curl = ["curl", "-sS", "-u", "demo:demo", f"pop3://{address}/"]
        assert subprocess.run(curl, capture_output=True, timeout=30, check=False).returncode
        demo.terminate()
        assert demo.wait(20) == 0
    finally:
        demo.kill()
        demo.wait()
        demo.stdout.close()


def test_what_is_no_maildir_is_said_to_be_none(temporary, tmp_path):
    done = run_demo("--once", "--maildir", str(tmp_path))
    assert done.returncode == 2
    assert "is not a Maildir" in done.stderr
    assert list(temporary.iterdir()) == []


def test_a_gateway_that_dies_ends_the_demo(temporary):
    _, address = listen()
    demo, _ = start_demo("--listen", address)
    try:
        children = Path(f"/proc/{demo.pid}/task/{demo.pid}/children").read_text().split()
        assert len(children) == 1
        subprocess.run(["kill", "-KILL", *children], check=True)
        assert demo.wait(20) == 1
        assert "ended with status -9" in demo.stdout.read()
    finally:
        demo.kill()
        demo.wait()
        demo.stdout.close()
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(shutil.which("fetchmail") is None, reason="fetchmail is not installed")
def test_the_line_for_fetchmail_can_be_pasted(temporary, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    _, address = listen()
    demo, said = start_demo("--listen", address)
    try:
        (line,) = re.findall(r"^ +(echo .*)$", said, re.MULTILINE)
        fetched = subprocess.run(
            ["/bin/sh", "-c", line], capture_output=True, text=True, timeout=60, check=False
        )
        assert "Subject: Lines that begin with dots" in fetched.stdout, fetched
    finally:
        demo.terminate()
        demo.wait(20)
        demo.stdout.close()


def test_the_gateway_passes_the_probe(temporary):
    _, address = listen()
    demo, _ = start_demo("--listen", address)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "gateway", "probe", f"pop3://demo@{address}", "--quiet"],
            env={**os.environ, "POP3_PASSWORD": "demo"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        demo.terminate()
        demo.wait(20)
        demo.stdout.close()
    assert "0 WARN, 0 FAIL" in done.stdout
    assert done.returncode == 0
