"""When devices were last seen is written down late, and not more often than needed."""

import pytest
import pytest_twisted

from gateway.accounts.admission.seen import LastSeen, LastSeenNotNoted
from gateway.accounts.model import Device
from gateway.accounts.store import Seen
from gateway.errors import Unavailable

CANON = Device("kim", "canon", "abcd", "hash")


class Desk:
    def __init__(self):
        self.time = 1000.0
        self.written = []
        self.events = []
        self.down = False
        self.seen = LastSeen(self.write, now=lambda: self.time, emit=self.events.append)

    async def write(self, seen):
        if self.down:
            raise Unavailable("away")
        self.written.append(list(seen))


@pytest.fixture
def desk():
    return Desk()


@pytest_twisted.ensureDeferred
async def test_many_logins_are_one_row(desk):
    desk.seen.note(CANON, "192.0.2.1", "")
    desk.time = 1001.0
    desk.seen.note(CANON, "192.0.2.2", "TLSv1.3")
    await desk.seen.flush()
    await desk.seen.flush()
    assert desk.written == [[Seen("kim", "canon", 1001.0, "192.0.2.2", "TLSv1.3")]]


@pytest.mark.parametrize(
    ("last", "noted"),
    [
        ((990.0, "192.0.2.1", ""), False),
        ((699.0, "192.0.2.1", ""), True),
        ((990.0, "192.0.2.9", ""), True),
        ((990.0, "192.0.2.1", "TLSv1"), True),
        ((1500.0, "192.0.2.1", ""), True),  # by a clock that went wrong
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_device_that_polls_is_noted_now_and_then(desk, last, noted):
    at, peer, tls = last
    device = Device("kim", "c", "abcd", "h", last_seen=at, last_peer=peer, last_tls=tls)
    desk.seen.note(device, "192.0.2.1", "")
    await desk.seen.flush()
    assert bool(desk.written) is noted


@pytest_twisted.ensureDeferred
async def test_what_cannot_be_written_is_kept_for_later(desk):
    desk.down = True
    desk.seen.note(CANON, "192.0.2.1", "")
    await desk.seen.flush()
    assert desk.events == [LastSeenNotNoted(1, "away")]
    desk.time, desk.down = 1005.0, False
    desk.seen.note(CANON, "192.0.2.7", "")
    await desk.seen.flush()
    assert desk.written == [[Seen("kim", "canon", 1005.0, "192.0.2.7", "")]]


@pytest_twisted.ensureDeferred
async def test_many_are_written_in_parts(desk):
    for number in range(501):
        desk.seen.note(Device("kim", f"d{number}", "abcd", "h"), "", "")
    await desk.seen.flush()
    assert [len(part) for part in desk.written] == [500, 1]
