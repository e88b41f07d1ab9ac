"""Every dialog file against the pure session, and the protocol whole and octet by octet."""

import pytest

from tests.protocol.dialog import FOLDER, Player, read
from tests.protocol.memory_runner import MemoryRunner, OctetRunner, TrickleRunner
from tests.protocol.pure_runner import PureRunner

RUNNERS = {
    "session": PureRunner,
    "packets": MemoryRunner,
    "octets": OctetRunner,
    "trickle": TrickleRunner,
}
RFCS = {"rfc1939", "rfc2449", "rfc2595", "rfc3206", "rfc5034", "rfc7628", "rfc7677", "rfc8314"}
FILES = sorted(FOLDER.glob("*.pop3"))
CASES = [
    pytest.param(path, runner, id=f"{path.stem}-{runner}")
    for path in FILES
    for runner in RUNNERS
    if read(path).runs_on(runner)
]


@pytest.mark.parametrize(("path", "runner"), CASES)
def test_dialog(path, runner):
    dialog = read(path)
    Player(dialog, RUNNERS[runner](dialog)).play()


def test_file_names_carry_the_section():
    assert len(FILES) >= 45
    for path in FILES:
        assert path.stem.partition("-")[0] in RFCS
