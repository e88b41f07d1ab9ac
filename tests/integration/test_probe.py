"""`probe` against Dovecot's POP3 server: what is in daily use must pass."""

import subprocess
import sys

from tests.support.dovecot import Dovecot

MAIL = [
    b"Subject: plain\r\n\r\ntext\r\n",
    b"Subject: dots\r\n\r\n.begin\r\n.\r\n..\r\nend\r\n",
    b"Subject: bare line feeds\n\nstored\nby another\n.\n",
    b"Subject: no line end\r\n\r\nend",
    b"Subject: long\r\n\r\n" + b"a line of text\r\n" * 20_000,
]


def run_probe(url, password, *arguments):
    command = [sys.executable, "-m", "gateway", "probe", url, "--timeout", "10", *arguments]
    return subprocess.run(
        command,
        env={"POP3_PASSWORD": password, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_dovecot_passes_and_keeps_its_mail(dovecot, fresh_user):
    dovecot.deliver_many(fresh_user.name, MAIL)
    url = f"pop3://{fresh_user.name}@127.0.0.1:{dovecot.pop3_port}"
    done = run_probe(url, fresh_user.password, "--ca", str(dovecot.authority))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 FAIL" in done.stdout
    assert dovecot.messages_left(fresh_user.name) == MAIL
    assert fresh_user.password not in done.stdout


def test_dovecot_by_stls(dovecot, fresh_user):
    url = f"pop3://{fresh_user.name}@localhost:{dovecot.pop3_port}"
    ca = ("--ca", str(dovecot.authority))
    done = run_probe(url, fresh_user.password, "--starttls", *ca)
    assert done.returncode == 0, done.stdout + done.stderr


def test_dovecot_says_no(dovecot, fresh_user):
    url = f"pop3://{fresh_user.name}@127.0.0.1:{dovecot.pop3_port}"
    done = run_probe(url, "not the password", "--quiet")
    assert done.returncode == 1
    assert "the login was refused" in done.stdout


def test_a_certificate_for_another_name(certificates):
    with Dovecot(certificates=certificates, present="wrong_name") as server:
        server.add_user("kim", "pass word")
        url = f"pop3://kim@127.0.0.1:{server.pop3_port}"
        done = run_probe(url, "pass word", "--starttls", "--ca", str(server.authority))
    assert done.returncode == 1
    assert "TLS: " in done.stdout
    assert "C: USER" not in done.stdout
