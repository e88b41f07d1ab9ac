"""The last 24 hours by the minute."""

import json

import pytest

from gateway.app.samples import SAMPLED, Samples

MINUTE = 60.0
DAY = 24 * 60 * MINUTE


class Bench:
    def __init__(self, path):
        self.path = path
        self.now = 1_000_000.0
        self.totals = dict.fromkeys(SAMPLED, 0.0)
        self.sessions = 0
        self.samples = self.start()

    def start(self):
        self.samples = Samples(
            self.path, lambda: dict(self.totals), lambda: self.sessions, lambda: self.now
        )
        return self.samples

    def minute(self, **done):
        for name, count in done.items():
            self.totals[name] += count
        self.now += MINUTE
        self.samples.take()


_WHOLE = dict.fromkeys(("at", "sessions", *SAMPLED), 1)
_ODD = [json.dumps(_WHOLE | {"at": odd}) for odd in ("x", None, float("inf"), [])]


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path / "samples.jsonl")


def test_a_sample_is_what_was_done_since_the_last(bench):
    bench.totals["messages"] = 5.0
    bench.start()
    bench.sessions = 3
    bench.minute(messages=7, octets=1000, logins=2, refused=1, removed=4)
    bench.minute()
    first, second = bench.samples.all
    assert (first.messages, first.octets, first.logins) == (7, 1000, 2)
    assert (first.refused, first.removed, first.sessions) == (1, 4, 3)
    assert (second.messages, second.at - first.at) == (0, MINUTE)


def test_what_was_done_in_the_minute_that_runs_is_told_and_counted_once(bench):
    bench.minute(messages=1)
    bench.totals["messages"] += 2
    bench.now += 20
    running = bench.samples.running()
    assert (running.messages, running.at) == (2, bench.now)
    bench.minute(messages=4)
    assert [each.messages for each in bench.samples.all] == [1, 6]
    assert bench.samples.running().messages == 0


def test_a_restart_keeps_them(bench):
    for number in range(3):
        bench.minute(messages=number)
    before = bench.samples.all
    assert bench.start().all == before
    bench.minute(messages=9)
    assert [each.messages for each in bench.start().all] == [0, 1, 2, 9]


def test_counters_that_begin_anew_are_no_negative_work(bench):
    bench.minute(messages=7)
    bench.totals["messages"] = 2.0
    bench.minute()
    assert bench.samples.all[-1].messages == 0


def test_those_older_than_a_day_are_forgotten_in_the_file_too(bench):
    bench.minute(messages=1)
    bench.now += DAY - MINUTE
    bench.minute(messages=2)
    assert [each.messages for each in bench.samples.all] == [2]
    bench.start()
    assert len(bench.path.read_text().splitlines()) == 1


def test_there_are_never_more_than_a_day_s(bench):
    for _ in range(1500):
        bench.now += 1
        bench.samples.take()
    assert len(bench.samples.all) == 1440
    assert len(bench.path.read_text().splitlines()) <= 1500
    for _ in range(3000):
        bench.samples.take()
    assert len(bench.path.read_text().splitlines()) < 3000


def test_a_file_of_any_size_is_read_at_its_end_alone(bench):
    bench.minute(messages=7)
    line = bench.path.read_text()
    bench.path.write_text("x" * 3_000_000 + "\n" + line)
    assert [each.messages for each in bench.start().all] == [7]


@pytest.mark.parametrize("junk", ["{", "[]", '{"at": 1}', "null", '{"a": 1, "b": 2}', *_ODD])
def test_a_damaged_line_costs_that_line(bench, junk):
    bench.minute(messages=1)
    with bench.path.open("a") as file:
        file.write(f"{junk}\n")
    bench.minute(messages=2)
    assert [each.messages for each in bench.start().all] == [1, 2]


def test_a_file_that_cannot_be_written_costs_the_past_alone(bench):
    bench.path.unlink()
    bench.path.mkdir()
    bench.minute(messages=1)
    assert [each.messages for each in bench.samples.all] == [1]
    assert bench.start().all == []
