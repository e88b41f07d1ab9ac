"""Octets become lines, whole or byte by byte, within a bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pop3.wire import LineBuffer, LineTooLong

TOO_LONG = "too long"
LIMIT = 8

TABLE = [
    (b"", []),
    (b"NOOP", []),
    (b"NOOP\r\n", [b"NOOP"]),
    (b"NOOP\n", [b"NOOP"]),
    (b"NOOP\r", []),
    (b"NOOP\r\r\n", [b"NOOP\r"]),
    (b"\r\n", [b""]),
    (b"\n", [b""]),
    (b"\r\r\n", [b"\r"]),
    (b"\n\n\r\n", [b"", b"", b""]),
    (b"a\rb\r\n", [b"a\rb"]),
    (b" a \r\n", [b" a "]),
    (b"\0\xff\t\r\n", [b"\0\xff\t"]),
    (b"STAT\r\nQUIT\r\n", [b"STAT", b"QUIT"]),
    (b"STAT\nQU", [b"STAT"]),
    (b"123456\r\n", [b"123456"]),
    (b"1234567\n", [b"1234567"]),
    (b"1234567\r\n", [TOO_LONG]),
    (b"12345678\n", [TOO_LONG]),
    (b"12345678", []),
    (b"123456789", []),
    (b"x" * 1000 + b"\r\nNOOP\r\n", [TOO_LONG, b"NOOP"]),
    (b"x" * 1000 + b"\n" + b"y" * 1000 + b"\nok\n", [TOO_LONG, TOO_LONG, b"ok"]),
    (b"x" * 1000, []),
]


def lines_of(buffer, limit=LIMIT):
    found = []
    while True:
        try:
            line = buffer.next_line(limit)
        except LineTooLong:
            found.append(TOO_LONG)
            continue
        if line is None:
            return found
        found.append(line)


def feed(pieces):
    buffer, found = LineBuffer(), []
    for piece in pieces:
        buffer.feed(piece)
        found += lines_of(buffer)
    return found


def octet_by_octet(data):
    return [data[n : n + 1] for n in range(len(data))]


@pytest.mark.parametrize(("data", "lines"), TABLE)
def test_lines_of_one_packet(data, lines):
    assert feed([data]) == lines


@pytest.mark.parametrize(("data", "lines"), TABLE)
def test_lines_octet_by_octet(data, lines):
    assert feed(octet_by_octet(data)) == lines


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b"a", b" ", b"bcdefghi"]), max_size=40).map(
        b"".join
    ),
    st.data(),
)
def test_where_packets_are_cut_changes_nothing(data, draw):
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=8)))
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert feed(pieces) == feed([data])


def test_endless_line_takes_no_more_memory_than_its_limit():
    buffer = LineBuffer()
    for _ in range(1000):
        buffer.feed(b"x" * 100)
        assert buffer.next_line(255) is None
        assert len(buffer) <= 255


def test_taken_lines_take_no_memory():
    buffer = LineBuffer()
    buffer.feed(b"NOOP\r\n" * 1000)
    lines_of(buffer)
    assert buffer.octets == b""


def test_taken_lines_take_no_memory_after_the_next_packet():
    buffer = LineBuffer()
    buffer.feed(b"NOOP\r\n" * 1000)
    buffer.next_line(LIMIT)
    buffer.feed(b"x")
    assert len(buffer) == len(buffer.octets) == 999 * 6 + 1


def test_length_is_what_no_line_was_made_of():
    buffer = LineBuffer()
    buffer.feed(b"STAT\r\nQUI")
    assert len(buffer) == 9
    assert buffer.next_line(LIMIT) == b"STAT"
    assert len(buffer) == 3


def test_peek_shows_the_start_of_the_next_line_and_takes_nothing():
    buffer = LineBuffer()
    buffer.feed(b"STAT\r\nPASS secret\r\n")
    assert buffer.next_line(255) == b"STAT"
    assert buffer.peek(5) == buffer.peek(5) == b"PASS "
    assert buffer.peek(100) == b"PASS secret\r\n"
    assert buffer.next_line(255) == b"PASS secret"
    assert buffer.peek(5) == b""


def test_clear_forgets_lines_and_parts_of_lines():
    buffer = LineBuffer()
    buffer.feed(b"STAT\r\nQUIT\r\nNO")
    assert buffer.next_line(LIMIT) == b"STAT"
    buffer.clear()
    assert len(buffer) == 0
    buffer.feed(b"OP\r\n")
    assert lines_of(buffer) == [b"OP"]


def test_clear_ends_the_discarding_of_a_long_line():
    buffer = LineBuffer()
    buffer.feed(b"x" * 100)
    assert buffer.next_line(LIMIT) is None
    buffer.clear()
    buffer.feed(b"NOOP\r\n")
    assert lines_of(buffer) == [b"NOOP"]
