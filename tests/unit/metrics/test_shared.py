"""Counters in files: several processes, one page."""

import os
import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.errors import Misconfigured
from gateway.metrics import shared
from gateway.metrics.page import Reading, page

WORKER = """
import sys
from pathlib import Path
from gateway.metrics import shared
from gateway.metrics.counts import Counts
from gateway.server.events import LoggedIn, Connected
shared.count_into(Path(sys.argv[1]), sys.argv[2])
counts = Counts("imaps://ours")
for _ in range(int(sys.argv[3])):
    counts(Connected(False), {})
    counts(LoggedIn(1, 1, 0.3, "", ""), {})
"""


def worker(directory, name, count):
    subprocess.run([sys.executable, "-c", WORKER, str(directory), name, str(count)], check=True)


@pytest.fixture
def directory(tmp_path):
    path = tmp_path / "metrics"
    shared.prepare(path, ["worker-0", "worker-1", "office"])
    return path


def samples(directory, reading=None):
    text = page(directory, reading or Reading()).decode()
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_workers_add_up(directory):
    worker(directory, "worker-0", 3)
    worker(directory, "worker-1", 4)
    found = samples(directory)
    assert found["pop3_gateway_connections_total",] == 7
    bucket = ("le", "0.5"), ("upstream", "imaps://ours")
    assert found["pop3_gateway_login_seconds_bucket", *bucket] == 7
    assert shared.totals(directory)["pop3_gateway_logins_total", "ok"] == 7


def test_who_takes_a_dead_worker_s_place_counts_on(directory):
    before = sorted(directory.iterdir())
    worker(directory, "worker-0", 3)
    worker(directory, "worker-0", 2)
    assert samples(directory)["pop3_gateway_connections_total",] == 5
    assert sorted(directory.iterdir()) == before


def test_a_new_start_begins_at_nothing(directory):
    worker(directory, "worker-0", 3)
    (directory / "counter_worker-9.db").write_bytes(b"of a larger gateway")
    shared.prepare(directory, ["worker-0"])
    assert shared.totals(directory) == {}
    assert {path.name for path in directory.iterdir()} == {
        "counter_worker-0.db",
        "histogram_worker-0.db",
    }


def test_the_files_are_on_the_disk_and_not_only_promised(directory):
    """A worker that counts into a hole of a full disk would die of SIGBUS."""
    for path in directory.iterdir():
        before = path.stat()
        assert before.st_blocks * 512 >= before.st_size > 0
    worker(directory, "worker-0", 1)
    assert (directory / "counter_worker-0.db").stat().st_size == before.st_size


def test_all_that_can_be_counted_finds_room(directory):
    """With fifty upstreams, and every failure of each."""
    script = (
        WORKER
        + """
from gateway.metrics.table import FAILURES
from gateway.server.events import LoginFailed
for number in range(60):
    counts(LoggedIn(1, 1, 0.3, "", f"imaps://imap-{number}.a-long-name.example.org:993"), {})
    for failure in FAILURES:
        upstream = f"imaps://imap-{number}.a-long-name.example.org:993"
        counts(LoginFailed("ann", failure, "", upstream), {})
"""
    )
    subprocess.run([sys.executable, "-c", script, str(directory), "worker-0", "1"], check=True)
    for path in directory.iterdir():
        assert path.stat().st_size == shared._OCTETS


def test_no_room_is_told(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(Misconfigured, match=r"cannot keep counters in .*No space left"):
        shared.prepare(tmp_path / "metrics", ["worker-0"])


def test_gauges_are_on_the_page(directory):
    reading = Reading(
        {
            "sessions_now": {("0",): 3.0, ("1",): 4.0},
            "info": {("1.2",): 1.0},
            "worker_restarts": {(): 2.0},
        }
    )
    found = samples(directory, reading)
    assert found["pop3_gateway_sessions_now", ("worker", "1")] == 4
    assert found["pop3_gateway_info", ("version", "1.2")] == 1
    assert found["pop3_gateway_worker_restarts_total",] == 2
