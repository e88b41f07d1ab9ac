"""The index: whatever happens to its file, it gives back what was put in, or nothing."""

import sqlite3
from array import array

import pytest

from gateway.errors import Misconfigured
from gateway.index import NoIndex, Record, SqliteIndex
from gateway.index import store as module
from gateway.telemetry import Emitter

WIDE = 5_000_000_000


def record(*pairs, epoch="7", **state):
    octets = [size for _, size in pairs]
    return Record(
        epoch,
        state or {"uidnext": 100},
        array("I", [uid for uid, _ in pairs]),
        array("Q", octets),
    )


SMALL = record((1, 10), (2, 0), (4_294_967_295, 30))


def parts(found):
    return found and (found.epoch, found.state, list(found.refs), list(found.octets))


class Place:
    """Indexes on one file, as several workers have them."""

    def __init__(self, directory):
        self.path = directory / "state" / "index"
        self.now = 1_000_000.0
        self.events = []
        self.opened = []

    def open(self, limit=1 << 30):
        emit = Emitter(lambda event, context: self.events.append(event))
        self.opened.append(SqliteIndex(self.path, emit, limit=limit, now=lambda: self.now))
        return self.opened[-1]

    def names(self):
        return [event.name() for event in self.events]

    def change(self, statement, *values):
        with sqlite3.connect(self.path) as database:
            database.execute(statement, values)
        database.close()

    def close(self):
        for index in self.opened:
            index.close()
        self.opened.clear()


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_BUSY_SECONDS", 0.05)
    made = Place(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(
    "kept",
    [
        record(),
        SMALL,
        record((1, WIDE), (2, 1)),
        record((1, 0xFFFF_FFFF)),
        record((1, 1 << 32)),
        Record("", {}, array("I"), array("I")),
        record(*((uid, uid * 7) for uid in range(1, 5000)), epoch="4294967295", uidnext=5000),
    ],
)
def test_what_goes_in_comes_out_also_after_a_new_start(place, kept):
    place.open().save("a", kept)
    assert parts(place.open().load("a")) == parts(kept)
    place.close()
    assert parts(place.open().load("a")) == parts(kept)
    assert place.events == []


def test_narrow_sizes_take_four_octets_and_wide_ones_eight(place):
    index = place.open()
    index.save("narrow", record((1, 0xFFFF_FFFF)))
    index.save("wide", record((1, WIDE)))
    assert index.load("narrow").octets.itemsize == 4
    assert index.load("wide").octets.itemsize == 8


def test_the_last_record_counts_and_accounts_are_told_apart(place):
    index = place.open()
    index.save("a", SMALL)
    index.save("b", record((9, 9)))
    index.save("a", record((3, 3)))
    assert list(index.load("a").refs) == [3]
    assert list(index.load("b").refs) == [9]
    assert index.load("A") is None


def test_no_index_knows_nothing():
    NoIndex().save("a", SMALL)
    assert NoIndex().load("a") is None


def test_the_directory_is_for_the_owner_alone(place):
    place.open()
    assert place.path.parent.stat().st_mode & 0o777 == 0o700


# Damage of a row.


def flipped(octets, bit):
    damaged = bytearray(octets)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def test_no_flipped_bit_of_the_columns_is_taken_for_the_truth(place):
    index = place.open()
    index.save("a", SMALL)
    ((columns,),) = index._database.execute("SELECT columns FROM mailbox")
    for bit in range(len(columns) * 8):
        place.change("UPDATE mailbox SET columns = ?", flipped(columns, bit))
        assert index.load("a") is None
    assert set(place.names()) == {"index_unusable"}
    place.change("UPDATE mailbox SET columns = ?", columns)
    assert parts(index.load("a")) == parts(SMALL)


DAMAGE = {
    "truncated": "UPDATE mailbox SET columns = substr(columns, 1, 9)",
    "lengthened": "UPDATE mailbox SET columns = CAST(columns || x'00' AS BLOB)",
    "empty": "UPDATE mailbox SET columns = x''",
    "a text": "UPDATE mailbox SET columns = 'text'",
    "a number": "UPDATE mailbox SET columns = 17",
    "state": "UPDATE mailbox SET state = replace(state, '100', '101')",
    "no JSON": "UPDATE mailbox SET state = '{'",
    "epoch": "UPDATE mailbox SET epoch = '8'",
    "no UTF-8": "UPDATE mailbox SET epoch = CAST(x'ff' AS TEXT)",
    "epoch and state run together": "UPDATE mailbox SET epoch = '', state = epoch || state",
    "checksum": "UPDATE mailbox SET checksum = checksum + 1",
    "no number": "UPDATE mailbox SET checksum = 'x'",
    "of another account": "UPDATE mailbox SET account = 'a' WHERE account = 'b'",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_row_is_no_row_and_is_replaced(place, damage):
    index = place.open()
    index.save("b" if damage == "of another account" else "a", SMALL)
    place.change(DAMAGE[damage])
    assert index.load("a") is None
    assert place.names() == ["index_unusable"]
    index.save("a", SMALL)
    assert parts(index.load("a")) == parts(SMALL)


# Damage of the file.


def overwrite(place):
    place.path.write_bytes(b"this is no database at all" * 400)


def other_version(place):
    place.change("PRAGMA user_version = 99")


def truncate(place):
    place.path.write_bytes(place.path.read_bytes()[:5000])


def empty(place):
    place.path.write_bytes(b"")


@pytest.mark.parametrize("damage", [overwrite, other_version, truncate, empty])
def test_a_file_that_cannot_be_used_is_made_anew_at_the_start(place, damage):
    place.open().save("a", SMALL)
    place.close()
    damage(place)
    index = place.open()
    assert index.load("a") is None
    index.save("a", SMALL)
    assert parts(index.load("a")) == parts(SMALL)
    place.close()
    assert parts(place.open().load("a")) == parts(SMALL)


def corrupt(place):
    """The file's pages are overwritten while it is open, all but the first."""
    place.opened[0]._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with place.path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 10)
    for index in place.opened:  # what is in a cache is not damaged
        index._database.execute("PRAGMA shrink_memory")


def test_a_file_that_breaks_while_it_is_open_is_made_anew(place):
    index = place.open()
    index.save("a", record(*((uid, 1) for uid in range(1, 3000))))
    corrupt(place)
    assert index.load("a") is None
    assert "malformed" in place.events[0].detail
    index.save("a", SMALL)
    assert parts(index.load("a")) == parts(SMALL)
    assert len(place.events) == 1


def test_two_workers_with_a_broken_file_agree_on_a_new_one(place):
    first, second = place.open(), place.open()
    first.save("a", record(*((uid, 1) for uid in range(1, 3000))))
    assert second.load("a") is not None
    corrupt(place)
    assert first.load("a") is None
    first.save("a", SMALL)
    second.load("a")  # a page in its cache may do
    second.save("b", SMALL)
    third = place.open()
    for index in (first, third):
        assert parts(index.load("a")) in (parts(SMALL), None)


# Trouble that passes: the file is left alone.


def test_a_locked_file_costs_a_warning_and_nothing_else(place):
    index = place.open()
    index.save("a", SMALL)
    inode = place.path.stat().st_ino
    holder = sqlite3.connect(place.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    index.save("a", record((5, 5)))
    assert place.names() == ["index_unusable"]
    assert parts(index.load("a")) == parts(SMALL)
    with pytest.raises(Misconfigured, match="locked"):
        place.open()
    holder.close()
    assert place.path.stat().st_ino == inode
    index.save("a", record((5, 5)))
    assert list(place.open().load("a").refs) == [5]


def test_a_full_disk_costs_a_warning_and_nothing_else(place):
    index = place.open()
    index.save("a", SMALL)
    ((pages,),) = index._database.execute("PRAGMA page_count")
    index._database.execute(f"PRAGMA max_page_count = {pages}")
    index.save("b", record(*((uid, 1) for uid in range(1, 10_000))))
    assert "full" in place.events[0].detail
    assert index.load("b") is None
    place.now += 3 * 86_400  # and now a login would note that the row is in use
    assert parts(index.load("a")) == parts(SMALL)


def test_a_record_is_found_though_its_use_cannot_be_noted(place):
    index = place.open()
    index.save("a", SMALL)
    place.now += 2 * 86_400
    holder = sqlite3.connect(place.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert parts(index.load("a")) == parts(SMALL)
    assert place.names() == ["index_unusable"]
    holder.close()


@pytest.mark.parametrize("trouble", ["a file above", "a directory", "read-only"])
def test_a_place_that_cannot_be_used_is_told_with_what_to_do(place, trouble, monkeypatch):
    if trouble == "a file above":
        place.path.parent.write_text("")
    elif trouble == "a directory":
        place.path.mkdir(parents=True)
    else:  # tests may run as root, whom no mode stops
        connect = sqlite3.connect
        place.open().save("a", SMALL)
        monkeypatch.setattr(
            module.sqlite3,
            "connect",
            lambda path, **more: connect(f"file:{path}?mode=ro", uri=True, **more),
        )
        monkeypatch.setattr(module, "_VERSION", 2)
    with pytest.raises(Misconfigured, match="--state-dir"):
        place.open()


def test_after_the_end_nothing_is_raised(place):
    index = place.open()
    index.close()
    index.save("a", SMALL)
    assert index.load("a") is None
    assert place.names() == ["index_unusable"] * 2


# Its size.

LIMIT = 1 << 20


def large(count=10_000):
    return record(*((uid, uid) for uid in range(1, count + 1)))


def size(index):
    index._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return index._path.stat().st_size


def test_the_mailboxes_not_used_for_longest_are_forgotten(place):
    index = place.open(LIMIT)
    for number in range(40):
        index.save(f"account {number}", large())
        place.now += 10
        index.load("account 0")
    left = [n for n in range(40) if index.load(f"account {n}") is not None]
    assert 5 < len(left) < 14
    assert left == list(range(40 - len(left), 40))
    assert size(index) < LIMIT + (1 << 18)


def test_use_counts_once_a_day(place):
    index = place.open(LIMIT)
    index.save("old but used", large())
    for number in range(40):
        place.now += 86_401
        index.save(f"account {number}", large())
        assert index.load("old but used") is not None


def test_large_mailboxes_instead_of_small_ones_keep_to_the_limit(place):
    index = place.open(LIMIT)
    for number in range(300):
        index.save(f"small {number}", record((1, 1)))
        place.now += 1
    for number in range(30):
        index.save(f"large {number}", large(60_000))
        place.now += 1
    assert size(index) < 2 * LIMIT
    assert index._size() <= LIMIT
    assert index.load("large 29") is not None


def test_a_mailbox_larger_than_the_limit_is_not_kept_and_harms_nothing(place):
    index = place.open(LIMIT)
    index.save("huge", large(300_000))
    assert index.load("huge") is None
    index.save("a", SMALL)
    assert parts(index.load("a")) == parts(SMALL)
    assert place.events == []
