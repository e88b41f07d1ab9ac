"""Commands as octets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backend.imap.encoder import (
    Answer,
    Literals,
    Text,
    Unencodable,
    encode,
    literals,
    ranges,
    uid_sets,
)

LONG = b"x" * 251
HUGE = b"x" * 4097


@pytest.mark.parametrize(
    ("octets", "mode", "segments"),
    [
        (b"plain", Literals.WAIT, [b'T X "plain"\r\n']),
        (b"", Literals.WAIT, [b'T X ""\r\n']),
        (b" at the ends ", Literals.WAIT, [b'T X " at the ends "\r\n']),
        (b'quo"te', Literals.WAIT, [b"T X {6}\r\n", b'quo"te\r\n']),
        (b"back\\slash", Literals.ALL, [b"T X {10+}\r\nback\\slash\r\n"]),
        ("ü".encode(), Literals.SMALL, [b"T X {2+}\r\n\xc3\xbc\r\n"]),
        (b"\xff", Literals.ALL, [b"T X {1+}\r\n\xff\r\n"]),
        (b"a\r\nb", Literals.ALL, [b"T X {4+}\r\na\r\nb\r\n"]),
        (b"\x7f", Literals.ALL, [b"T X {1+}\r\n\x7f\r\n"]),
        (b"x" * 250, Literals.WAIT, [b'T X "' + b"x" * 250 + b'"\r\n']),
        (LONG, Literals.WAIT, [b"T X {251}\r\n", LONG + b"\r\n"]),
        (HUGE, Literals.SMALL, [b"T X {4097}\r\n", HUGE + b"\r\n"]),
        (HUGE, Literals.ALL, [b"T X {4097+}\r\n" + HUGE + b"\r\n"]),
    ],
)
def test_string(octets, mode, segments):
    assert encode(b"T", [b"X", Text(octets)], mode) == segments


def test_several_strings_wait_for_each():
    words = [b"LOGIN", Text(b"\xe9"), Text(b'"')]
    assert encode(b"T", words, Literals.WAIT) == [
        b"T LOGIN {1}\r\n",
        b"\xe9 {1}\r\n",
        b'"\r\n',
    ]


def test_answer_is_a_line_of_its_own():
    assert encode(b"T", [b"AUTHENTICATE", b"PLAIN", Answer(b"AAA=")], Literals.ALL) == [
        b"T AUTHENTICATE PLAIN\r\n",
        b"AAA=\r\n",
    ]


@pytest.mark.parametrize("mode", list(Literals))
@pytest.mark.parametrize("octets", [b"\0", b"a\0b", b"\xff" * 5000 + b"\0"])
def test_nul_is_refused(octets, mode):
    with pytest.raises(Unencodable) as caught:
        encode(b"T", [Text(octets)], mode)
    assert "NUL" in str(caught.value)


@pytest.mark.parametrize("word", [Text(b"s3cret"), Answer(b"s3cret")])
def test_repr_shows_nothing(word):
    assert "s3cret" not in repr(word)


@pytest.mark.parametrize(
    ("capabilities", "mode"),
    [
        (set(), Literals.WAIT),
        ({b"LITERAL-"}, Literals.SMALL),
        ({b"LITERAL+"}, Literals.ALL),
        ({b"LITERAL+", b"LITERAL-"}, Literals.ALL),
    ],
)
def test_literals(capabilities, mode):
    assert literals(frozenset(capabilities)) is mode


@pytest.mark.parametrize(
    ("uids", "expected"),
    [
        ([], []),
        ([5], [(5, 5)]),
        ([1, 2, 3], [(1, 3)]),
        ([3, 1, 2, 2], [(1, 3)]),
        ([1, 3, 4, 9], [(1, 1), (3, 4), (9, 9)]),
        ([2**32 - 1, 1], [(1, 1), (2**32 - 1, 2**32 - 1)]),
    ],
)
def test_ranges(uids, expected):
    assert list(ranges(uids)) == expected


def members(uid_set):
    found = set()
    for part in uid_set.split(b","):
        first, _, last = part.partition(b":")
        found.update(range(int(first), int(last or first) + 1))
    return found


@given(
    st.sets(st.integers(1, 300) | st.integers(2**32 - 50, 2**32 - 1)),
    st.integers(25, 120),
    st.integers(1, 40),
)
def test_sets_name_each_uid_once_and_keep_the_bounds(uids, octets, count):
    pieces = list(uid_sets(uids, octets, count))
    for uid_set, named in pieces:
        assert len(uid_set) <= octets
        assert len(named) <= count
        assert members(uid_set) == set(named)
    together = [uid for _, named in pieces for uid in named]
    assert together == sorted(uids)


def test_a_hundred_thousand_scattered_uids():
    pieces = list(uid_sets(range(1, 200_001, 2)))
    assert max(len(uid_set) for uid_set, _ in pieces) <= 7900
    assert sum(len(named) for _, named in pieces) == 100_000
