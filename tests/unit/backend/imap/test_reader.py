"""Octets to responses, in any chunks."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backend.imap.reader import BodyStart, Limits, Reader, Response, Rows, Violation

SMALL = Limits(line=200, literal=100, response=1000)


def run(octets, cuts=(), limits=SMALL, rows=None):
    """The items of a stream cut at these places, body chunks joined, and the error."""
    reader = Reader(limits)
    reader.rows = rows
    items = []
    places = [0, *sorted(cuts), len(octets)]
    try:
        for start, end in itertools.pairwise(places):
            for item in reader.feed(octets[start:end]):
                if isinstance(item, bytes) and items and isinstance(items[-1], bytes):
                    items[-1] += item
                else:
                    items.append(item)
    except Violation as error:
        items.append(str(error))
    return items


def test_lines():
    assert run(b"* OK hello\r\n* 3 EXISTS\r\nA1 OK\r\n") == [
        Response([b"* OK hello"]),
        Response([b"* 3 EXISTS"]),
        Response([b"A1 OK"]),
    ]


def test_bare_lf_ends_a_line():
    assert run(b"* 1 EXISTS\n\r\n") == [Response([b"* 1 EXISTS"]), Response([b""])]


def test_literals_are_collected():
    assert run(b'* LIST () "/" {3}\r\na\r\n\r\n* X {0}\r\n {2}\r\n{} tail\r\n') == [
        Response([(b'* LIST () "/" {3}', b"a\r\n"), b""]),
        Response([(b"* X {0}", b""), (b" {2}", b"{}"), b" tail"]),
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"* OK see {5}",
        b"A1 NO see {5}",
        b"* BYE {99999999}",
        b"+ go {5}",
        b"+ {5}",
        b"* PREAUTH {5}",
        b"* bad {1}",
        b"* LIST () {5} x",
        b"* LIST {5+}",
        b'* LIST "{5}"',
        b"* LIST {x}",
    ],
)
def test_what_only_looks_like_a_literal(line):
    assert run(line + b"\r\n* next\r\n") == [Response([line]), Response([b"* next"])]


@pytest.mark.parametrize(
    "head",
    [
        b"* 1 FETCH (UID 5 BODY[] ",
        b"* 1 fetch (uid 5 body[] ",
        b"* 1 FETCH (BODY[]<0> ",
        b"* 12 FETCH (FLAGS (\\Seen) BODY[]<700> ",
    ],
)
def test_bodies_stream(head):
    huge = b"\r\n)* 1 FETCH {3}\r\n" * 1000
    octets = head + b"{%d}\r\n" % len(huge) + huge + b" UID 5)\r\nA1 OK\r\n"
    start = [(head + b"{0}", b"")]
    assert run(octets) == [
        BodyStart(start, len(huge)),
        huge,
        Response([*start, b" UID 5)"], len(huge)),
        Response([b"A1 OK"]),
    ]


def test_empty_body():
    assert run(b"* 1 FETCH (BODY[] {0}\r\n)\r\n") == [
        BodyStart([(b"* 1 FETCH (BODY[] {0}", b"")], 0),
        Response([(b"* 1 FETCH (BODY[] {0}", b""), b")"], 0),
    ]


def test_literal_before_the_body_and_after():
    octets = b"* 1 FETCH (X {2}\r\nab BODY[] {4}\r\nbody Y {1}\r\nz)\r\n"
    before = [(b"* 1 FETCH (X {2}", b"ab"), (b" BODY[] {0}", b"")]
    assert run(octets) == [
        BodyStart(before, 4),
        b"body",
        Response([*before, (b" Y {1}", b"z"), b")"], 4),
    ]


def test_second_body_of_one_response_is_no_stream():
    octets = b"* 1 FETCH (BODY[] {1}\r\na BODY[] {101}\r\n"
    assert run(octets)[-1] == "a literal of 101 octets outside a message"


@pytest.mark.parametrize(
    ("octets", "error"),
    [
        (b"x" * 201, "a line of more than 200 octets"),
        (b"x" * 300 + b"\r\n", "a line of more than 200 octets"),
        (b"* X {101}\r\n", "a literal of 101 octets outside a message"),
        (b"* X {" + b"9" * 30 + b"}\r\n", "a literal of absurd size"),
        (b"* 1 FETCH (BODY[] {%d}\r\n" % (2**41), f"a message of {2**41} octets"),
        (b"* 1 FETCH (BODY[] {" + b"9" * 30 + b"}\r\n", "a literal of absurd size"),
        (
            b"* X {90}\r\n" + (b"x" * 90 + b" {90}\r\n") * 9,
            "a response of more than 1000 octets",
        ),
        (b"* X" + b" {0}\r\n" * 50, "a response of more than 1000 octets"),
    ],
)
def test_limits(octets, error):
    assert run(octets)[-1] == error
    assert run(octets, range(1, len(octets)))[-1] == error


def test_at_the_limits():
    line = b"* " + b"x" * 197
    assert run(line + b"\n" + b"* X {100}\r\n" + b"y" * 100 + b"\r\n") == [
        Response([line]),
        Response([(b"* X {100}", b"y" * 100), b""]),
    ]


def test_pending_counts_what_was_not_handed_out():
    reader = Reader(SMALL)
    items = reader.feed(b"A1 OK\r\n* OK injected\r\nx")
    assert next(items) == Response([b"A1 OK"])
    assert reader.pending == 16
    list(items)
    assert reader.pending == 1


# The listing.

ROWS = b"".join(
    b"* %d FETCH (UID %d RFC822.SIZE %d)\r\n" % (n, n * 7, n**5) for n in range(1, 80)
)


def columns(octets, cuts=()):
    rows = Rows()
    return run(octets, cuts, rows=rows), list(rows.uids), list(rows.octets)


def test_rows_in_bulk():
    expected = [n * 7 for n in range(1, 80)], [n**5 for n in range(1, 80)]
    assert columns(ROWS + b"A1 OK\r\n") == ([Response([b"A1 OK"])], *expected)
    assert columns(ROWS, range(1, len(ROWS))) == ([], *expected)


def test_more_rows_than_one_slice():
    lines = b"* 1 FETCH (UID 1 RFC822.SIZE 1)\r\n" * 10_000
    _, uids, octets = columns(lines)
    assert len(uids) == len(octets) == sum(uids) == sum(octets) == 10_000


@pytest.mark.parametrize(
    "row",
    [
        b"* 1 FETCH (RFC822.SIZE 9 UID 4)",
        b"* 1 FETCH (UID 4 RFC822.SIZE 9 FLAGS ())",
        b"* 1 FETCH (UID 4)",
        b"* 1 fetch (UID 4 RFC822.SIZE 9)",
        b"* 1 FETCH (UID 4  RFC822.SIZE 9)",
        b"* 9 EXISTS",
        b"* 1 FETCH (UID 4 RFC822.SIZE -1)",
    ],
)
def test_other_rows_come_out_as_responses(row):
    items, uids, _ = columns(ROWS + row + b"\r\n" + ROWS)
    assert items == [Response([row])]
    assert len(uids) == 2 * 79


def test_rows_without_a_listing_are_responses():
    assert run(b"* 1 FETCH (UID 4 RFC822.SIZE 9)\r\n") == [
        Response([b"* 1 FETCH (UID 4 RFC822.SIZE 9)"])
    ]


def test_large_numbers():
    line = b"* 1 FETCH (UID 4294967295 RFC822.SIZE 123456789012345)\r\n"
    assert columns(line) == ([], [2**32 - 1], [123456789012345])
    assert columns(b"* 1 FETCH (UID 4294967296 RFC822.SIZE 1)\r\n") == (
        ["a UID of more than 32 bits"],
        [],
        [],
    )


@pytest.mark.parametrize(("uid", "octets"), [(2**32, 1), (1, 2**64), (-1, 1), (1, -1)])
def test_impossible_row(uid, octets):
    with pytest.raises(Violation):
        Rows().add(uid, octets)


# Whole is the same as in pieces.

PIECES = st.sampled_from(
    [
        b"* OK [X] {5}\r\n",
        b"* 3 EXISTS\r\n",
        b"* X {3}\r\nabc\r\n",
        b"* X {0}\r\n tail\r\n",
        b"* 1 FETCH (UID 5 BODY[] {12}\r\n* 1 \r\n{5}\r\n)\r\n",
        b"* 1 FETCH (BODY[]<0> {0}\r\n UID 5)\r\n",
        b"* 1 FETCH (UID 5 RFC822.SIZE 77)\r\n",
        b"* 1 FETCH (UID 5 RFC822.SIZE 77)\n",
        b"* X {101}\r\n",
        b"x" * 150,
        b"\r\n",
        b"\n",
        b"{2}\r\n",
        b"\r",
    ]
)


@given(st.lists(PIECES, max_size=12), st.data(), st.booleans())
def test_chunks_do_not_matter(pieces, data, bulk):
    octets = b"".join(pieces)
    cuts = data.draw(st.lists(st.integers(0, len(octets)), max_size=20))
    outcomes = []
    for places in ((), cuts, range(1, len(octets))):
        rows = Rows() if bulk else None
        items = run(octets, places, rows=rows)
        outcomes.append((items, rows and list(rows.uids), rows and list(rows.octets)))
    assert outcomes[0] == outcomes[1] == outcomes[2]
