"""The data path with a Gmail API of somebody else's making: the npm package emulate."""

import pytest

from tests.support.cloud_gateway import PASSWORD, CloudGateway
from tests.support.gmail_emulator import GmailEmulator
from tests.support.mail import realistic_mix
from tests.support.readers import READERS, Account

pytestmark = pytest.mark.servers
MESSAGES = realistic_mix(40, seed=5)


@pytest.fixture(scope="module")
def emulator():
    with GmailEmulator() as server:
        yield server


@pytest.fixture
def filled(emulator):
    """With messages whose dates put them into this order."""
    emulator.empty()
    for number, message in enumerate(MESSAGES):
        dated = b"Date: Mon, 1 Jan 2024 00:%02d:00 +0000\r\n" % number
        emulator.insert(dated + message)
    return [emulator.octets(key) for key in reversed(emulator.inbox())]


@pytest.fixture
def gateway(emulator):
    with CloudGateway("gmail", emulator, token=emulator.token) as running:
        yield running


@pytest.mark.parametrize("reader", ["fetchmail", "mpop"])
def test_drained_byte_for_byte_and_removed(reader, filled, emulator, gateway, tmp_path):
    assert len(filled) == len(MESSAGES)
    account = Account(gateway.host, gateway.port, emulator.user, PASSWORD)
    delivered = READERS[reader](account, tmp_path, delete=True)
    expected = [octets if octets.endswith(b"\r\n") else octets + b"\r\n" for octets in filled]
    if reader == "mpop":
        expected = [octets.replace(b"\r\n", b"\n") for octets in expected]
    assert delivered == expected
    assert emulator.inbox() == []


def test_sizes_are_exact_and_kept(filled, emulator, gateway):
    for _ in range(2):
        with gateway.open(user=emulator.user) as client:
            sizes = [int(line.split()[1]) for line in client.lines("LIST")]
            assert sizes == [len(octets) for octets in filled]
            client.quit()


@pytest.mark.parametrize("delete", ["trash", "archive", "permanent"])
def test_removal(delete, filled, emulator):
    with (
        CloudGateway(
            "gmail", emulator, token=emulator.token, own={"delete": delete}
        ) as gateway,
        gateway.open(user=emulator.user) as client,
    ):
        client.ok("DELE 1")
        client.ok("DELE 3")
        assert client.quit() == b"+OK 2 messages removed, goodbye\r\n"
    left = [emulator.octets(key) for key in reversed(emulator.inbox())]
    assert left == [filled[1], *filled[3:]]
