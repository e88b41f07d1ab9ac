"""The benchmark's arithmetic; what it measures is measured nowhere else."""

import pytest

from tests.bench.figures import CPU, DRAIN_WALL, PEAK, Row, Sample, row, short, table


def cpu(*seconds):
    return [Sample(cpu=each) for each in seconds]


def test_a_row_compares_with_the_better_peer_by_medians():
    samples = {"us": cpu(1, 2, 9), "slow": cpu(8, 8, 1), "better": cpu(4, 5, 3)}
    found = row("a poll", CPU, samples, "us", 0.5)
    assert (found.ours, found.peer, found.theirs) == (2000, "better", 4000)
    assert (found.ratio, found.met) == (0.5, True)


def test_what_is_above_the_target_is_not_met():
    assert row("a poll", CPU, {"us": cpu(3), "peer": cpu(4)}, "us", 0.5).met is False


def test_without_a_target_there_is_no_verdict():
    assert row("a poll", CPU, {"us": cpu(3), "peer": cpu(4)}, "us").met is None


def test_without_a_peer_there_is_no_ratio():
    found = row("a poll", CPU, {"us": cpu(3)}, "us", 0.5)
    assert (found.ratio, found.met) == (None, None)


def test_an_absolute_target_needs_no_peer():
    found = row("memory", PEAK, {"us": [Sample(memory=9_000_000)]}, "us", 16, absolute=True)
    assert found.met is True
    assert found.cells()[2:] == ("9 MB", "", "", "≤ 16 MB", "yes")


def test_cpu_and_wall_are_those_of_one_session():
    found = row("polls", CPU, {"us": [Sample(cpu=4, times=20)]}, "us")
    assert found.ours == 200


def test_drains_tell_their_rates():
    run = Sample(wall=2, times=2, octets=8_000_000, messages=400)
    found = row("drain", DRAIN_WALL, {"us": [run], "peer": [run]}, "us", 1)
    assert found.cells()[2] == "1,000 ms, 4 MB/s, 200 messages/s"
    assert found.cells()[3] == "1,000 ms, 4 MB/s, 200 messages/s (peer)"


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (0, "0"),
        (0.0004, "0.0004"),
        (0.0204, "0.0204"),
        (0.25, "0.25"),
        (1.005, "1"),
        (12.34, "12.34"),
        (100, "100"),
        (49_123.4, "49,123"),
    ],
)
def test_figures_are_short(figure, text):
    assert short(figure) == text


def test_the_table_is_markdown():
    lines = table([Row("a", "wall", "ms", 1, "peer", 2, 0.5)]).splitlines()
    assert lines[0] == "| scenario | measure | gateway | peer | ratio | target | met? |"
    assert lines[2:] == ["| a | wall | 1 ms | 2 ms (peer) | 0.5 | ≤ 0.5 | yes |"]
