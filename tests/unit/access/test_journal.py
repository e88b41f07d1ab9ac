"""The durable journal: what it keeps, and that it never lets go of a plan by mistake."""

import os
import sqlite3

import pytest

from gateway.access import journal as journals
from gateway.access.journal import SqliteJournal
from gateway.errors import Misconfigured, Unavailable
from gateway.maildrop import CommitPlan

PLAN = CommitPlan("7", (11, "AAMk=", 4294967295))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "journal.sqlite"


@pytest.fixture
def journal(path):
    opened = SqliteJournal(path)
    yield opened
    opened.close()


def damage(path, *values):
    with sqlite3.connect(path) as database:
        database.execute("UPDATE journal SET epoch = ?, refs = ?", values)
    database.close()


def test_it_knows_nothing_of_an_account_without_a_plan(journal):
    assert journal.interrupted("a") is None


def test_a_plan_comes_back_as_it_was(journal):
    journal.record("a", PLAN)
    assert journal.interrupted("a") == PLAN


def test_a_cleared_plan_is_gone_and_others_stay(journal):
    journal.record("a", PLAN)
    journal.record("b", PLAN)
    journal.clear("a")
    journal.clear("nobody")
    assert journal.interrupted("a") is None
    assert journal.interrupted("b") == PLAN


def test_a_newer_plan_replaces_the_older_one(journal):
    journal.record("a", PLAN)
    journal.record("a", CommitPlan("8", (1,)))
    assert journal.interrupted("a") == CommitPlan("8", (1,))


def test_a_plan_outlives_the_process(path):
    pid = os.fork()
    if not pid:
        SqliteJournal(path).record("a", PLAN)
        os._exit(0)  # as if killed: nothing is closed
    os.waitpid(pid, 0)
    journal = SqliteJournal(path)
    assert journal.interrupted("a") == PLAN
    journal.close()


def test_it_is_nobody_elses_business(journal, path):
    journal.record("a", PLAN)
    for kept in (path.parent, *path.parent.iterdir()):
        assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "refs", ["", "[1", "7", '{"a": 1}', "[1.5]", "[null]", "[true]", "[[1]]"]
)
def test_a_damaged_plan_is_unavailable_and_stays(journal, path, refs):
    journal.record("a", PLAN)
    damage(path, "7", refs)
    for _ in range(2):
        with pytest.raises(Unavailable):
            journal.interrupted("a")


def test_a_file_that_is_no_database_is_misconfigured_and_stays(path):
    path.parent.mkdir()
    path.write_bytes(b"somebody's notes, not a database\n" * 100)
    before = path.read_bytes()
    with pytest.raises(Misconfigured, match="--state-dir"):
        SqliteJournal(path)
    assert path.read_bytes() == before


def test_a_file_damaged_while_it_is_open_is_unavailable(journal, path):
    journal.record("a", PLAN)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    path.write_bytes(b"\xff" * path.stat().st_size)
    with pytest.raises(Unavailable, match="journal"):
        SqliteJournal.interrupted(journal, "a")
    with pytest.raises(Unavailable, match="journal"):
        journal.record("b", PLAN)


def test_a_directory_that_cannot_be_made_is_misconfigured(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="--state-dir"):
        SqliteJournal(tmp_path / "file" / "journal.sqlite")


def test_a_directory_in_place_of_the_file_is_misconfigured(path):
    path.mkdir(parents=True)
    with pytest.raises(Misconfigured):
        SqliteJournal(path)


def test_a_locked_file_is_unavailable_and_nothing_is_recorded(path, monkeypatch):
    monkeypatch.setattr(journals, "_BUSY_SECONDS", 0.01)
    journal = SqliteJournal(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"):
        journal.record("a", PLAN)
    with pytest.raises(Unavailable, match="locked"):
        journal.clear("a")
    other.execute("ROLLBACK")
    other.close()
    assert journal.interrupted("a") is None
    journal.close()


def test_a_full_disk_is_unavailable_and_the_old_plan_stays(journal):
    journal.record("a", PLAN)
    journal._database.execute("PRAGMA max_page_count = 1")
    with pytest.raises(Unavailable, match="full"):
        journal.record("b", CommitPlan("7", tuple(range(100_000))))
    assert journal.interrupted("a") == PLAN
    assert journal.interrupted("b") is None


def test_a_closed_journal_is_unavailable(path):
    journal = SqliteJournal(path)
    journal.close()
    with pytest.raises(Unavailable):
        journal.record("a", PLAN)
