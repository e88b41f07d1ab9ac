"""LOGIN-DELAY: who has to wait, for how long, and that nothing is remembered for ever."""

import sqlite3

import pytest
from twisted.internet.task import Clock

from gateway.access.delay import LoginDelays
from gateway.errors import Misconfigured, Throttled, Unavailable


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def make(clock):
    """Makes delays, and closes them."""
    made = []

    def make(seconds=10, path=None):
        made.append(LoginDelays(seconds, clock.seconds, path))
        return made[-1]

    yield make
    for delays in made:
        delays.close()


def enter(delays, account):
    delays.check(account)
    delays.note(account)


def rows(delays):
    return delays._database.execute("SELECT account FROM login").fetchall()


def test_a_second_login_within_the_delay_is_throttled(make, clock):
    delays = make()
    enter(delays, "a")
    clock.advance(9.9)
    with pytest.raises(Throttled, match="10 s"):
        enter(delays, "a")


def test_after_the_delay_it_may_go_on(make, clock):
    delays = make()
    enter(delays, "a")
    clock.advance(10)
    enter(delays, "a")


def test_a_throttled_try_does_not_begin_the_delay_anew(make, clock):
    delays = make()
    enter(delays, "a")
    clock.advance(9)
    with pytest.raises(Throttled):
        enter(delays, "a")
    clock.advance(1)
    enter(delays, "a")


def test_a_login_that_failed_does_not_count(make):
    delays = make()
    delays.check("a")
    delays.check("a")


def test_accounts_do_not_wait_for_each_other(make):
    delays = make()
    enter(delays, "a")
    enter(delays, "b")


def test_no_delay_remembers_nobody(make):
    delays = make(0)
    enter(delays, "a")
    enter(delays, "a")
    assert rows(delays) == []


def test_what_does_not_matter_any_more_is_forgotten(make, clock):
    delays = make()
    for number in range(300):
        enter(delays, str(number))
        clock.advance(1)
    assert len(rows(delays)) <= 11


def test_two_workers_know_of_each_other_s_logins(make, clock, tmp_path):
    first, second = make(path=tmp_path / "delays"), make(path=tmp_path / "delays")
    enter(first, "a")
    for delays in (first, second):
        with pytest.raises(Throttled):
            delays.check("a")
    enter(second, "b")
    with pytest.raises(Throttled):
        first.check("b")
    clock.advance(10)
    enter(second, "a")


def test_a_new_start_remembers(make, tmp_path):
    enter(make(path=tmp_path / "delays"), "a")
    with pytest.raises(Throttled):
        make(path=tmp_path / "delays").check("a")


def test_a_time_of_before_the_machine_s_start_keeps_nobody_out(make, clock, tmp_path):
    clock.advance(10_000)
    enter(make(path=tmp_path / "delays"), "a")
    clock.rightNow = 3.0
    delays = make(path=tmp_path / "delays")
    enter(delays, "a")
    assert rows(delays) == [("a",)]


def test_a_file_that_is_locked_for_long_is_a_failure_and_no_traceback(
    make, tmp_path, monkeypatch
):
    monkeypatch.setattr("gateway.access.delay._BUSY_SECONDS", 0.05)
    delays = make(path=tmp_path / "delays")
    holder = sqlite3.connect(tmp_path / "delays", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    delays.check("a")
    with pytest.raises(Unavailable, match="times of logins"):
        delays.note("a")
    holder.close()
    delays.note("a")


@pytest.mark.parametrize("damage", ["directory", "no database"])
def test_a_file_that_cannot_be_used_is_told_with_what_to_do(make, tmp_path, damage):
    path = tmp_path / "delays"
    path.mkdir() if damage == "directory" else path.write_text("no database at all" * 100)
    with pytest.raises(Misconfigured, match="--state-dir"):
        make(path=path)
