"""Records of messages that have texts for names, in the same file as all others."""

import contextlib
import os
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.index import NoIndex, Record, SqliteIndex, TextRecord
from gateway.index.texts import LEARNED, UNKNOWN, pack_texts, unpack_texts
from gateway.telemetry import Emitter

IDS = ["m1", "ä/ \n", "x" * 500, "\udc80", ""]


@pytest.fixture
def events():
    return []


@pytest.fixture
def index(tmp_path, events):
    emit = Emitter(lambda event, context: events.append(event))
    index = SqliteIndex(tmp_path / "index.sqlite", emit, limit=1 << 30, now=lambda: 1000.0)
    yield index
    index.close()


def a_record(ids=IDS, locators=()):
    count = len(ids)
    return TextRecord(
        "e",
        {"state": "s1"},
        list(ids),
        list(locators),
        array("q", range(count)),
        array("q", [UNKNOWN] * count),
        bytearray([LEARNED] * count),
    )


def parts(record):
    return (
        record.epoch,
        dict(record.state),
        list(record.ids),
        list(record.locators),
        list(record.received),
        list(record.octets),
        bytes(record.flags),
    )


@pytest.mark.parametrize("record", [a_record(), a_record([]), a_record(["a", "b"], ["", "G1"])])
def test_what_goes_in_comes_out(index, events, record):
    index.save_texts("kim", record)
    assert parts(index.load_texts("kim")) == parts(record)
    assert events == []


@given(
    st.lists(
        st.tuples(st.text(), st.text(), st.integers(-(2**63), 2**63 - 1), st.integers(0, 255)),
        max_size=20,
    )
)
def test_every_record_can_be_packed(rows):
    ids, locators, numbers, flags = zip(*rows, strict=True) if rows else ((), (), (), ())
    record = TextRecord(
        "e", {}, ids, locators, array("q", numbers), array("q", numbers), bytearray(flags)
    )
    assert parts(unpack_texts("e", "{}", pack_texts(record))) == parts(record)


def test_the_two_kinds_do_not_take_each_others_records(index, events):
    index.save("imap", Record("1", {}, array("I", [1]), array("Q", [2])))
    index.save_texts("http", a_record())
    assert index.load_texts("imap") is None
    assert index.load("http") is None
    assert len(events) == 2
    assert index.load("imap").refs == array("I", [1])
    assert parts(index.load_texts("http")) == parts(a_record())


@pytest.mark.parametrize("cut", [1, 4, 5, 20, 60, -1])
def test_a_damaged_record_is_none(index, events, cut):
    index.save_texts("kim", a_record())
    ((columns,),) = index._database.execute("SELECT columns FROM mailbox")
    index._database.execute("UPDATE mailbox SET columns = ?", (columns[:cut],))
    assert index.load_texts("kim") is None
    with pytest.raises((ValueError, TypeError)):
        unpack_texts("e", "{}", columns[:cut])


@given(st.binary(max_size=100))
def test_any_octets_are_a_record_or_refused(octets):
    with contextlib.suppress(ValueError, TypeError):
        unpack_texts("e", "{}", b"T" + octets)


def test_no_index_knows_nothing():
    NoIndex().save_texts("kim", a_record())
    assert NoIndex().load_texts("kim") is None


def test_random_octets_in_the_file_are_damage(index):
    index.save_texts("kim", a_record())
    index._database.execute("UPDATE mailbox SET columns = ?", (os.urandom(200),))
    assert index.load_texts("kim") is None
