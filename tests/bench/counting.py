"""What it costs to count: processor time of one session's events, with and without.

Run with `python -m tests.bench.counting`. It needs no server.
"""

import tempfile
import time
from pathlib import Path

from gateway.app.watch import Watch
from gateway.logs import sink
from gateway.metrics import shared
from gateway.metrics.counts import Counts
from gateway.server.events import Closed, Connected, LoggedIn, Updated
from gateway.telemetry import Emitter, fan_out

SESSIONS = 20_000
CLOSED = Closed(
    user="kim",
    account="",
    device="",
    listener="127.0.0.1:1110",
    tls="TLSv1.3",
    upstream="",
    login="ok",
    retrieved=10,
    octets=20_000,
    removed=10,
    kept=0,
    seconds=1.0,
    reason="client",
)


class Nowhere:
    def write(self, text):
        return len(text)

    def flush(self):
        pass


def microseconds(write, rounds=7):
    """Of the fastest round, for each session."""
    best = float("inf")
    emit = Emitter(write)
    for _ in range(rounds):
        since = time.process_time()
        for number in range(SESSIONS):
            session = emit.bind(session=number, peer="192.0.2.1")
            session(Connected(tls=True))
            session = session.bind(user="kim")
            session(LoggedIn(10, 20_000, 0.05, "TLSv1.3", ""))
            session(Updated(10, 0))
            session(CLOSED)
        best = min(best, time.process_time() - since)
    return best / SESSIONS * 1e6


def main():
    with tempfile.TemporaryDirectory() as directory:
        shared.prepare(Path(directory), ["worker-0"])
        shared.count_into(Path(directory), "worker-0")
        log = sink("info", "text", Nowhere())
        counts, watch = Counts("imaps://imap.example.org"), Watch("", time.time)
        plain = microseconds(log)
        counted = microseconds(fan_out(log, counts, watch))
    print(f"events of a session: {plain:.0f} µs logged, {counted:.0f} µs logged and counted")


if __name__ == "__main__":
    main()
