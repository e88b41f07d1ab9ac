"""Several processes with one index: nobody sees half a record, nobody is kept out."""

import subprocess
import sys
from array import array
from pathlib import Path

from gateway.index import Record, SqliteIndex
from gateway.telemetry import Emitter

KEPT = Record("7", {"uidnext": 9}, array("I", [3, 8]), array("I", [30, 80]))


WRITER = """
import sys, time
from array import array
from pathlib import Path
from gateway.index import Record, SqliteIndex
path, mine, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
events = []
index = SqliteIndex(path, events.append, limit=1 << 22, now=time.time)
print("open", flush=True)
count, end = 0, time.monotonic() + seconds
while time.monotonic() < end:
    count += 1
    for account in (mine, "shared"):
        refs = array("I", range(1, 2000 + count % 50))
        index.save(account, Record(mine, {"n": count}, refs, array("I", refs)))
    record = index.load("shared")
    assert record is None or list(record.octets) == list(record.refs), "torn"
    assert index.load(mine).state["n"] == count
assert not events, events
print(count)
"""


def test_processes_write_at_the_same_time(tmp_path):
    def start(name):
        return subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "index"), name, "1.0"],
            stdout=subprocess.PIPE,
            text=True,
        )

    writers = [start(name) for name in ("one", "two", "three")]
    texts = [writer.communicate(timeout=60)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert all(int(text.split()[1]) > 5 for text in texts)


def open_index(path, events):
    emit = Emitter(lambda event, context: events.append(event))
    return SqliteIndex(path, emit, limit=1 << 30, now=lambda: 0.0)


def test_a_process_that_is_killed_leaves_a_usable_file(tmp_path):
    path, events = Path(tmp_path / "index"), []
    index = open_index(path, events)
    index.save("a", KEPT)
    index.close()
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), "one", "60"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout.readline() == "open\n"
        writer.kill()
        writer.communicate()
        index = open_index(path, events)
        assert list(index.load("a").octets) == [30, 80]
        found = index.load("one")
        assert found is None or list(found.refs) == list(found.octets)
        index.close()
    assert events == []
