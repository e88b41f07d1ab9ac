"""What the throttle adds to a good login: `python -m tests.bench.throttle`.

Known passwords at known addresses, with the tables empty and full, against the door without
a throttle in the same run; processor time, the least and the middle of 60 rounds.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

from pydantic import SecretBytes

from gateway.accounts.guarded import GuardedDoor
from gateway.accounts.passing import PassThrough
from gateway.accounts.throttle import Throttle, ThrottleSettings
from gateway.maildrop import Attempt
from gateway.telemetry import Emitter

USERS, ROUNDS, ROWS = 500, 60, 200_000


async def poll(door, attempt):
    """A login as the Opener asks for it, without the upstream."""
    admission = await door.admit(attempt)
    await door.ended(attempt, admission, None)


def drive(coroutine):
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


def measure(doors, attempts):
    """Microseconds a login of each door."""
    taken = [[] for _ in doors]
    for _ in range(ROUNDS):
        for door, times in zip(doors, taken, strict=True):
            begun = time.process_time()
            for attempt in attempts:
                drive(poll(door, attempt))
            times.append((time.process_time() - begun) / len(attempts) * 1e6)
    return taken


def fill(database, rows):
    """What others have left behind, and nothing of ours."""
    now = time.time()
    database.execute("BEGIN")
    for table in ("good", "home"):
        database.execute(f"DELETE FROM {table}")
    for number in range(rows):
        name, address, tag = f"user{number}", f"address{number}", os.urandom(16)
        database.execute(
            "INSERT INTO wrong (tag, name, address, at, points, state, seen, told) "
            "VALUES (?, ?, ?, ?, 10, 2, ?, 0)",
            (tag, name, address, now, now),
        )
        database.execute(
            "INSERT INTO good (tag, name, refusals, refused, seen, told) "
            "VALUES (?, ?, 0, 0, ?, 0)",
            (os.urandom(16), name, now),
        )
        database.execute(
            "INSERT INTO home (name, address, seen, shut) VALUES (?, ?, ?, 0)",
            (name, address, now),
        )
    database.execute("COMMIT")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def main():
    attempts = [
        Attempt(b"Kim%d@example.org" % n, SecretBytes(b"secret%d" % n), "192.0.2.7")
        for n in range(USERS)
    ]
    with tempfile.TemporaryDirectory() as directory:
        emit = Emitter(lambda event, context: None)
        throttle = Throttle(Path(directory), ThrottleSettings(), time.time, emit)
        doors = PassThrough(), GuardedDoor(PassThrough(), throttle, emit)
        print("| tables | added, least | added, middle | a first login |\n|---|---|---|---|")
        for title, rows in (("empty", 0), (f"{ROWS:,} rows each", ROWS)):
            fill(throttle.store._database, rows)
            begun = time.process_time()
            for attempt in attempts:
                drive(poll(doors[1], attempt))
            first = (time.process_time() - begun) / USERS * 1e6
            bare, guarded = measure(doors, attempts)
            least = min(guarded) - min(bare)
            middle = statistics.median(guarded) - statistics.median(bare)
            print(f"| {title} | {least:.1f} µs | {middle:.1f} µs | {first:.0f} µs |")
        size = (Path(directory) / "throttle.sqlite").stat().st_size
        print(f"\n{size / ROWS:.0f} octets a row of each")
        throttle.close()


if __name__ == "__main__":
    main()
