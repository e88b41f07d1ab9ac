"""What a JMAP mailbox costs through the gateway, in ratios; Cyrus is the server.

Usage: python -m tests.bench.http_mailboxes

One run takes a minute. Prints a Markdown table; nothing is asserted.
"""

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.bench import relay
from tests.support.cyrus import Cyrus
from tests.support.gateway import RunningGateway
from tests.support.ports import free_port, wait_for_port
from tests.support.relay import Relay
from tests.support.supervise import children_of

PASSWORD = "pw"
ROUND_TRIP = 0.05
MANY, DRAINED, HUGE = 10_000, 200, 100 << 20
_TICK = os.sysconf("SC_CLK_TCK")


class Counting(Relay):
    """Counts the requests that pass."""

    def __init__(self, host, port):
        super().__init__(host, port, hide=[])
        self.requests = 0
        self._lock = threading.Lock()

    def _pass_on(self, source, target, hide):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                with self._lock:
                    self.requests += len(re.findall(rb" HTTP/1\.1\r\n", data))
                target.sendall(data)


@contextlib.contextmanager
def far(port):
    """A port behind which another is, a round trip away."""
    place = free_port()
    command = [sys.executable, relay.__file__, str(place), str(port), str(ROUND_TRIP / 2)]
    process = subprocess.Popen(command)
    try:
        wait_for_port(place)
        yield place
    finally:
        process.kill()
        process.wait()


def letter(number, octets):
    head = b"Subject: number %d\r\n\r\n" % number
    line = b"%075d\r\n" % number
    return head + line * ((octets - len(head)) // len(line))


def filled(cyrus, user, letters):
    """One APPEND behind the other, a hundred without waiting (RFC 7888)."""
    cyrus.add_user(user, PASSWORD)
    with (
        socket.create_connection((cyrus.host, cyrus.port), 120) as connection,
        connection.makefile("rb") as replies,
    ):
        replies.readline()
        _answered(connection, replies, [f"LOGIN {user} {PASSWORD}".encode()])
        batch = []
        for each in letters:
            batch.append(b"APPEND INBOX {%d+}\r\n%b" % (len(each), each))
            if len(batch) == 100:
                _answered(connection, replies, batch)
                batch = []
        _answered(connection, replies, batch)


def _answered(connection, replies, commands):
    connection.sendall(b"".join(b"t %b\r\n" % each for each in commands))
    for _ in commands:
        while not (line := replies.readline()).startswith(b"t "):
            assert line
        assert line.startswith(b"t OK"), line


def cpu(gateway):
    """Seconds that the gateway's processes have used."""
    total = 0
    for pid in [gateway._process.pid, *children_of([gateway._process.pid])]:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / _TICK


def drained(gateway, user):
    """Seconds for reading everything, and the CPU time."""
    with gateway.client(timeout=180) as client:
        client.login(user, PASSWORD)
        count, octets = client.stat()
        before, start = cpu(gateway), time.monotonic()
        for number in range(1, count + 1):
            client.retr(number)
        took, used = time.monotonic() - start, cpu(gateway) - before
        client.quit()
    return took, used, octets


def warm_login(cyrus):
    with Counting(cyrus.host, cyrus.http_port) as counting:
        counts, seconds = [], []
        url = f"jmap+http://127.0.0.1:{counting.port}"
        settings = {"upstream": {"warm": {"seconds": 0}}}
        with RunningGateway(url, settings=settings, workers=1) as gateway:
            for _ in range(4):
                counting.requests = 0
                start = time.monotonic()
                with gateway.client(timeout=180) as client:
                    client.login("many", PASSWORD)
                    assert client.stat()[0] == MANY
                    seconds.append(time.monotonic() - start)
                    client.quit()
                counts.append(counting.requests)
    return counts, seconds


def far_drain(port, *, ahead):
    settings = {"upstream": {"http": {"prefetch": ahead}}}
    with RunningGateway(
        f"jmap+http://127.0.0.1:{port}", settings=settings, workers=1
    ) as gateway:
        return drained(gateway, "drained")[0]


def huge(url):
    """CPU milliseconds per MB. Cyrus loses a SELECT that comes close behind the password."""
    settings = {"upstream": {"imap": {"pipeline_login": False}}}
    with RunningGateway(url, workers=1, settings=settings) as gateway:
        drained(gateway, "huge")
        runs = [drained(gateway, "huge") for _ in range(8)]
    return sum(used for _, used, _ in runs) / (sum(octets for *_, octets in runs) / 1e6) * 1000


def main():
    with Cyrus() as cyrus:
        filled(cyrus, "many", (letter(n, 300) for n in range(MANY)))
        filled(cyrus, "drained", (letter(n, 4096) for n in range(DRAINED)))
        filled(cyrus, "huge", [letter(1, HUGE)])
        counts, seconds = warm_login(cyrus)
        with far(cyrus.http_port) as port:
            alone, ahead = (far_drain(port, ahead=each) for each in (False, True))
        jmap = huge(f"jmap+{cyrus.url}")
        imap = huge(f"imap://{cyrus.host}:{cyrus.port}")
    print("| what | figure | target |\n| --- | --- | --- |")
    print(f"| login to {MANY} messages, first | {counts[0]} requests, {seconds[0]:.2f} s | |")
    later, fastest = max(counts[1:]), min(seconds[1:])
    print(f"| the same, unchanged | {later} requests, {fastest:.3f} s | 3 |")
    print(f"| {DRAINED} x 4 KiB at 50 ms, one by one | {alone:.2f} s | |")
    print(f"| the same, asked for ahead | {ahead:.2f} s, {ahead / alone:.3f} | 0.1 |")
    print(f"| CPU per MB of 100 MiB, IMAP | {imap:.2f} ms | |")
    print(f"| the same, JMAP | {jmap:.2f} ms, {jmap / imap:.2f} | 1.5 |")


if __name__ == "__main__":
    main()
