"""Guessers before a gateway of two workers: what reaches a real Dovecot, and who gets in."""

import itertools
import re
import subprocess

import pytest

from tests.support.dovecot import Dovecot
from tests.support.gateway import PROGRAM, RunningGateway, wait_until
from tests.support.pop3_client import Pop3Client

pytestmark = pytest.mark.servers

_numbers = itertools.count(1)
OFFICE, GUESSER, ELSEWHERE = "127.0.0.1", "127.0.0.3", "127.0.0.4"
SETTINGS = {
    "accounts": {"throttle": {"account_limit": 4, "longest_wait": 0}},
    "upstream": {"warm": {"seconds": 0}},
}
REFUSED = b"-ERR [AUTH] Wrong name or password\r\n"


@pytest.fixture(scope="module")
def dovecot():
    with Dovecot(extra="auth_verbose = yes") as server:
        yield server


@pytest.fixture
def gateway(dovecot):
    url = f"imap://{dovecot.host}:{dovecot.port}"
    with RunningGateway(url, workers=2, settings=SETTINGS) as running:
        yield running


@pytest.fixture
def kim(dovecot):
    name = f"kim{next(_numbers)}"
    dovecot.add_user(name, "right")
    return name


def answer(gateway, user, password, source=OFFICE):
    """To PASS, on a connection of its own."""
    with Pop3Client(gateway.host, gateway.port, source=source) as client:
        client.command(f"USER {user}")
        reply = client.command(f"PASS {password}")
        if reply.startswith(b"+OK"):
            client.quit()
        return reply


def asked(dovecot, user):
    """How often Dovecot was asked for a password that is wrong."""
    pattern = rf"auth.*\({re.escape(user)},.*[Pp]assword mismatch"
    return len(re.findall(pattern, dovecot.log_text()))


def run(gateway, *arguments):
    state = gateway.directory / "state"
    done = subprocess.run(
        [PROGRAM, "throttle", *arguments, "--state-dir", state],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_stale_password_reaches_the_upstream_once_and_locks_nobody(gateway, dovecot, kim):
    assert {answer(gateway, kim, "stale") for _ in range(30)} == {REFUSED}
    assert answer(gateway, kim.upper(), "stale", ELSEWHERE) == REFUSED
    assert answer(gateway, kim, "right").startswith(b"+OK")
    wait_until(lambda: asked(dovecot, kim) >= 1, what="Dovecot's log")
    assert asked(dovecot, kim) == 1
    assert gateway.log_text().count("event=known_bad_password") == 1


def test_a_guesser_is_locked_out_and_the_office_is_not(gateway, dovecot, kim):
    assert answer(gateway, kim, "right").startswith(b"+OK")
    for number in range(20):
        assert answer(gateway, kim, f"guess{number}", GUESSER) == REFUSED
        if number % 5 == 0:
            assert answer(gateway, kim, "right").startswith(b"+OK")
    assert asked(dovecot, kim) == 4
    assert answer(gateway, kim, "right", GUESSER) == REFUSED
    assert answer(gateway, kim, "right", ELSEWHERE) == REFUSED
    assert gateway.log_text().count("event=locked_out") == 1


def test_a_lock_is_shown_and_lifted_while_the_gateway_runs(gateway, dovecot, kim):
    assert run(gateway, "list") == (0, "nobody is locked out, and no password is held back\n")
    for number in range(6):
        answer(gateway, kim, f"guess{number}", GUESSER)
    status, text = run(gateway, "list")
    _, first, *rest = text.splitlines()
    assert status == 0
    assert re.fullmatch(rf"account +{kim} +4 +\S+ \S+ +\S+ \S+ +\S+ \S+", first)
    assert [line.split()[:2] for line in rest[:4]] == [["password", kim]] * 4
    assert rest[4].split()[:3] == ["address", GUESSER, "4"]
    assert run(gateway, "lift", kim.upper()) == (0, f"forgotten: 4 of {kim.upper()}\n")
    assert answer(gateway, kim, "right", GUESSER).startswith(b"+OK")
    status, text = run(gateway, "lift", kim)
    assert (status, text) == (1, f"pop3-gateway: nothing is held against {kim}\n")


def test_a_name_that_does_not_exist_is_answered_alike(gateway, kim):
    known = [answer(gateway, kim, f"guess{number}", GUESSER) for number in range(8)]
    unknown = [answer(gateway, "nobody", f"guess{number}", ELSEWHERE) for number in range(8)]
    assert known == unknown == [REFUSED] * 8


def test_without_a_throttle_every_try_reaches_the_upstream(dovecot, kim):
    off = {**SETTINGS, "accounts": {"throttle": {"enabled": False}}}
    with RunningGateway(f"imap://{dovecot.host}:{dovecot.port}", settings=off) as gateway:
        for _ in range(3):
            assert answer(gateway, kim, "stale") == REFUSED
        wait_until(lambda: asked(dovecot, kim) == 3, what="Dovecot's log")
        assert not (gateway.directory / "state" / "throttle.sqlite").exists()
