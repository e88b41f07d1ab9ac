"""Unique-ids: valid, never two messages with one, the same every time."""

import re
from array import array

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.maildrop.uidl import (
    ImapUniqueIds,
    OpaqueUniqueIds,
    from_imap,
    from_opaque,
    is_valid,
)

MAX = 2**32 - 1
# Hypothesis leaves lone surrogates out of text by default; JSON does not.
ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=100)
NEARLY_VALID = st.text(st.characters(min_codepoint=0x1F, max_codepoint=0x81), max_size=80)


@pytest.mark.parametrize(
    ("unique_id", "valid"),
    [
        (b"", False),
        (b"!", True),
        (b"~" * 70, True),
        (b"~" * 71, False),
        (b"a b", False),
        (b"a\n", False),
        (b"\x7f", False),
        (b"\x20", False),
        (b"\xc3\xbc", False),
        (b"whqtswO00WBw418f9t5JxYwZ", True),
    ],
)
def test_is_valid_as_rfc_1939_has_it(unique_id, valid):
    assert is_valid(unique_id) is valid


@given(st.tuples(st.integers(0, MAX), st.integers(0, MAX)))
@example((MAX, MAX))
@example((0, 0))
def test_imap_ids_are_valid_and_tell_both_numbers(pair):
    made = from_imap(*pair)
    assert is_valid(made)
    assert tuple(map(int, made.split(b"."))) == pair


def test_imap_numbers_do_not_run_into_each_other():
    assert from_imap(11, 1) != from_imap(1, 11)


@given(st.one_of(ANY_TEXT, NEARLY_VALID))
def test_any_text_becomes_a_valid_unique_id_the_same_every_time(text):
    made = from_opaque(text)
    assert is_valid(made)
    assert made == from_opaque(text)


@given(st.lists(st.one_of(ANY_TEXT, NEARLY_VALID), unique=True, max_size=20))
@example(["\u00e9", "\udcc3\udca9"])
@example(["\ud800", "\ud801"])
def test_different_texts_never_become_one(texts):
    assert len({from_opaque(text) for text in texts}) == len(texts)


@given(ANY_TEXT)
def test_the_hash_of_another_text_is_no_id_of_its_own(text):
    made = from_opaque(text).decode()
    if made != text:
        assert from_opaque(made) != made.encode()


def test_valid_ids_stay_and_long_ones_are_not_cut():
    assert from_opaque("AAMkAD/+=_-") == b"AAMkAD/+=_-"
    assert from_opaque("x" * 70) == b"x" * 70
    long = [from_opaque("x" * 70 + tail) for tail in ("a", "b")]
    assert long[0] != long[1]
    assert all(re.fullmatch(rb"sha256-[0-9a-f]{56}", made) for made in long)


def test_letter_case_is_kept_apart():
    assert from_opaque("AAMkA") != from_opaque("AAmKa")


def test_imap_sequence_gives_what_from_imap_gives():
    uids = array("I", [1, 5, 9, MAX])
    ids = ImapUniqueIds(7, uids)
    expected = [from_imap(7, uid) for uid in uids]
    assert len(ids) == 4
    assert list(ids) == expected
    assert ids[-1] == expected[-1]
    assert ids[1:3] == expected[1:3]
    assert ids[:] == expected
    assert ids[10:] == []
    with pytest.raises(IndexError):
        ids[4]


def test_opaque_unique_ids_are_made_when_asked_for():
    ids = OpaqueUniqueIds(["a", "ä", "b"])
    assert len(ids) == 3
    assert list(ids) == [from_opaque("a"), from_opaque("ä"), from_opaque("b")]
    assert ids[1:] == [from_opaque("ä"), from_opaque("b")]
    assert ids[-1] == b"b"


def test_a_prefix_tells_generations_apart():
    assert list(OpaqueUniqueIds(["7"], "g1")) == [b"g1.7"]
    assert list(OpaqueUniqueIds(["x" * 70], "g1")) != list(OpaqueUniqueIds(["x" * 70], "g2"))
