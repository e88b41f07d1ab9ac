"""The reader of one string, with Python's JSON as the oracle."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonpointer import JsonPointer

from gateway.backend.http.decode import Undecodable
from gateway.backend.profile.field import Field

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def read(octets, pointer, cut=None):
    field = Field(JsonPointer(pointer).parts)
    step = cut or len(octets) or 1
    found = "".join(field.feed(octets[at : at + step]) for at in range(0, len(octets), step))
    field.finish()
    return found


def strings(value, path=()):
    """All strings of a value by their pointers."""
    if isinstance(value, str) and path:
        yield JsonPointer.from_parts(path).path, value
    pairs = value.items() if isinstance(value, dict) else ()
    for step, inner in enumerate(value) if isinstance(value, list) else pairs:
        yield from strings(inner, (*path, str(step)))


@given(VALUES, st.booleans(), st.sampled_from([None, 1, 2, 3, 7]), st.sampled_from([None, 1]))
def test_every_string_of_any_value_is_found_however_it_is_cut(value, ascii_only, cut, indent):
    octets = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    for pointer, expected in strings(value):
        assert read(octets, pointer, cut) == expected


@given(VALUES, st.sampled_from([None, 1, 3]))
def test_a_value_without_the_string_is_refused(value, cut):
    octets = json.dumps({"present": value}).encode()
    with pytest.raises(Undecodable, match="where it should be"):
        read(octets, "/absent", cut)


@given(st.binary(max_size=60), st.sampled_from([None, 1, 5]))
def test_any_octets_are_json_for_both_or_refused(octets, cut):
    try:
        found = read(octets, "/raw", cut)
    except Undecodable:
        return
    assert json.loads(octets)["raw"] == found


@given(VALUES, st.data())
def test_whatever_is_cut_off_is_refused(value, data):
    octets = json.dumps({"raw": "text", "more": value}).encode()
    cut = data.draw(st.integers(0, len(octets) - 1))
    with pytest.raises(Undecodable):
        read(octets[:cut], "/raw")


@pytest.mark.parametrize(
    "octets",
    [
        b'{"raw": "a", "raw": "b"}',
        b'{"raw": 5}',
        b'{"raw": {"raw": "a"}}',
        b'{"raw": "a"} x',
        b'{"raw": "a"}{}',
        b'{"raw": "a",}',
        b'{"raw" "a"}',
        b'{"raw": "a" "b": 1}',
        b'{"raw": "a\nb"}',
        b'{"raw": "a\\x"}',
        b'{"raw": "\\ud800"}',
        b'{"raw": "\\udc00\\ud800"}',
        b'{"raw": "\xff"}',
        b'{"raw": "a", "b": nul}',
        b'{"raw": "a", "b": 01}',
        b'{"raw": "a", "b": [1,]}',
        b'{"raw": "a", "b": [1}',
        b'{"raw": "a", 1: 2}',
        b"[" * 1000,
        b'{"' + b"k" * 100_000,
        b'{"a": ' + b"1" * 5000,
        b"",
        b" ",
        b"]",
        b":",
        b",",
    ],
)
def test_what_is_refused(octets):
    for cut in (None, 1):
        with pytest.raises(Undecodable):
            read(octets, "/raw", cut)


def test_a_surrogate_pair_is_one_character_wherever_it_is_cut():
    octets = b'{"raw": "\\ud83d\\ude00\\u00e9\\\\"}'
    for cut in range(1, len(octets)):
        assert read(octets, "/raw", cut) == "\N{GRINNING FACE}é\\"


def test_the_string_comes_as_it_comes():
    field = Field(["raw"])
    assert field.feed(b'{"x": [1, {"raw": "no"}], "raw": "abc') == "abc"
    assert field.feed(b"def") == "def"
    assert field.feed(b'g", "y": 1}') == "g"
    field.finish()
