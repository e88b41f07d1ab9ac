"""Devices of the real directory, with each way to prove a password, by real clients."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.test_accounts import password_in
from tests.integration.test_mechanisms import MESSAGE, USER, curl, fetchmail, mpop, python_apop
from tests.support.gateway import RunningGateway
from tests.support.readers import Failed

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]

BY_DIGEST = {
    "poplib APOP": python_apop,
    "curl CRAM-MD5": lambda place, word: curl(place, word, "--login-options", "AUTH=CRAM-MD5"),
    "fetchmail APOP": lambda place, word: fetchmail(place, word, proto="apop"),
    "mpop CRAM-MD5": lambda place, word: mpop(place, word, "cram-md5"),
}


@dataclass(frozen=True)
class Place:
    """For the clients of `test_mechanisms`."""

    directory: Path
    port: int


@pytest.fixture(scope="module")
def gateway(dovecot):
    dovecot.add_user("mechanic", "kept of mechanic")
    dovecot.deliver("mechanic", MESSAGE)
    settings = {"accounts": {"digests": True}}
    flags = ("--accounts", "embedded")
    upstream = f"imap://{dovecot.host}:{dovecot.port}"
    with RunningGateway(upstream, flags=flags, settings=settings, workers=1) as running:
        kept = ("--mailbox", "mechanic", "--password-file", "-")
        running.manage("account", "add", USER, *kept, secret="kept of mechanic")
        yield running


@pytest.fixture(scope="module")
def kept(gateway):
    """The password of a device that is kept so that digests can be calculated of it."""
    return password_in(gateway.manage("device", "add", USER, "kept", "--keep-secret"))


@pytest.fixture
def place(gateway, tmp_path):
    return Place(tmp_path, gateway.port)


def test_scram_proves_the_password_of_a_device(gateway, place, kept):
    assert mpop(place, kept, "scram-sha-256") == MESSAGE
    with pytest.raises(Failed):
        mpop(place, "abcd-efgh-jkmn-pqrs", "scram-sha-256")


@pytest.mark.parametrize("fetch", BY_DIGEST.values(), ids=BY_DIGEST)
def test_a_digest_proves_a_password_that_is_kept(place, kept, fetch):
    assert fetch(place, kept) == MESSAGE
    with pytest.raises((Failed, subprocess.CalledProcessError)):
        fetch(place, "abcd-efgh-jkmn-pqrs")


def test_a_digest_of_a_password_that_is_not_kept_proves_nothing(gateway, tmp_path):
    other = "other@example.org"
    gateway.manage("account", "add", other, "--password-file", "-", secret="no matter")
    password = password_in(gateway.manage("device", "add", other, "forgotten"))
    words = ["curl", "-sS", "--user", f"{other}:{password}", "--login-options", "AUTH=CRAM-MD5"]
    answer = subprocess.run(
        [*words, f"pop3://127.0.0.1:{gateway.port}/1"], capture_output=True, check=False
    )
    assert answer.returncode == 67
