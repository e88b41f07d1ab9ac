"""Byte-stuffing, the cut of TOP and listings, each against a slow oracle."""

from array import array

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.maildrop import Maildrop, Marks
from gateway.maildrop.uidl import ImapUniqueIds
from gateway.pop3 import multiline
from gateway.pop3.multiline import Stuffer, TopCutter
from tests.support.mail import CHUNK_EDGES, awkward

AWKWARD = awkward()
HARD = st.lists(
    st.sampled_from([b"\r", b"\n", b".", b"a", b"\r\n", b"\r\n.\r\n", b"\n.", b"\n\n"]),
    max_size=40,
).map(b"".join)
CUTS = st.lists(st.integers(0, 120), max_size=10)


def pieces(message, cuts):
    cuts = sorted(min(cut, len(message)) for cut in cuts)
    return [message[a:b] for a, b in zip([0, *cuts], [*cuts, len(message)], strict=True)]


def every(message, step):
    return [message[n : n + step] for n in range(0, len(message), step)]


def lines_of(message):
    """The lines with their ends; a line ends at its LF."""
    return [line + b"\n" for line in message.split(b"\n")[:-1]] + [message.split(b"\n")[-1]]


def stuff_slowly(message):
    wire = b"".join(b"." + line if line[:1] == b"." else line for line in lines_of(message))
    return wire + (b".\r\n" if wire[-2:] in {b"", b"\r\n"} else b"\r\n.\r\n")


def stuff(chunks):
    stuffer = Stuffer()
    return b"".join([*map(stuffer.feed, chunks), stuffer.finish()])


def unstuff(wire):
    """What a client makes of it that takes LF for a line end."""
    body, found = b"", False
    for line in lines_of(wire):
        assert not found or line == b""
        found = found or line in {b".\r\n", b".\n"}
        body += b"" if found else line[1:] if line[:1] == b"." else line
    assert found
    return body


def cut_slowly(message, count):
    lines, kept = lines_of(message), []
    while lines:
        kept.append(lines.pop(0))
        if kept[-1] in {b"\n", b"\r\n"}:
            return b"".join(kept + lines[:count]), len(lines) > count
    return message, False


def cut(chunks, count):
    cutter = TopCutter(count)
    return b"".join(map(cutter.feed, chunks)), cutter.finished


@given(HARD, CUTS)
@example(b".", [])
@example(b"\r\n.\r\n", [1])
@example(b"a\r\n.", [3])
def test_stuffing_is_what_the_slow_way_gives_wherever_chunks_are_cut(message, cuts):
    assert stuff(pieces(message, cuts)) == stuff_slowly(message)


@given(HARD, CUTS)
def test_unstuffing_gives_the_message_and_at_most_its_missing_line_end(message, cuts):
    body = unstuff(stuff(pieces(message, cuts)))
    assert body in {message, message + b"\r\n"}
    assert (body == message) == (message == b"" or message.endswith(b"\r\n"))


@given(HARD)
def test_message_octet_by_octet_is_stuffed_as_a_whole(message):
    assert stuff(every(message, 1)) == stuff([message])


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("step", [4093, *CHUNK_EDGES])
def test_awkward_mail_is_stuffed_as_the_slow_way_gives(name, step):
    assert stuff(every(AWKWARD[name], step)) == stuff_slowly(AWKWARD[name])


def test_empty_message_is_the_terminator_alone():
    assert stuff([]) == stuff([b""]) == b".\r\n"


def test_chunk_without_dots_is_not_copied():
    chunk = b"no dots at line starts. None.\r\n" * 10
    assert Stuffer().feed(chunk) is chunk


@given(HARD, CUTS, st.integers(0, 6))
@example(b"\r\n", [1], 0)
@example(b"a\r\n\r\nb\r\nc", [4], 1)
@example(b"\ra\nb\n\nc", [2], 0)
@example(b"\r\r\nb\n\nc", [2], 0)
@example(b"ab\n\nc", [1], 0)
def test_top_is_what_the_slow_way_gives_wherever_chunks_are_cut(message, cuts, count):
    assert cut(pieces(message, cuts), count)[0] == cut_slowly(message, count)[0]
    assert cut(every(message, 1), count)[0] == cut_slowly(message, count)[0]


@given(HARD, CUTS, st.integers(0, 6))
def test_top_is_finished_once_nothing_of_the_rest_matters(message, cuts, count):
    """Finished tells that the upstream may stop, so never before the last octet is out."""
    top, finished = cut(pieces(message, cuts), count)
    assert finished or top == message
    if cut_slowly(message, count)[1]:
        assert finished


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_mail_is_cut_as_the_slow_way_gives(name):
    for count in (0, 1, 5, 10**9):
        message = AWKWARD[name]
        assert cut(every(message, 4096), count)[0] == cut_slowly(message, count)[0]


def test_nothing_passes_after_the_cut():
    cutter = TopCutter(1)
    assert cutter.feed(b"h: 1\r\n\r\none\r\ntwo") == b"h: 1\r\n\r\none\r\n"
    assert cutter.finished
    assert cutter.feed(b"three\r\n") == b""
    assert cutter.feed(b"") == b""


def test_long_header_line_is_not_kept():
    cutter = TopCutter(0)
    for _ in range(100):
        cutter.feed(b"x" * 1000)
    assert len(cutter._partial) <= 2


def maildrop(count):
    return Maildrop(
        "1", range(count), [n * 7 for n in range(count)], [b"1.%d" % n for n in range(count)]
    )


def marks_on(box, numbers):
    marks = Marks(box)
    for number in numbers:
        marks.add(number)
    return marks


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2000, 3500])
@pytest.mark.parametrize("marked", [(), (1,), (1000, 1001), (999, 1002, 3000)])
def test_listings_hide_marks_and_never_renumber(count, marked):
    box = maildrop(count)
    marked = {number for number in marked if number <= count}
    shown = [n for n in range(1, count + 1) if n not in marked]
    sizes = b"".join(multiline.sizes(box, marks_on(box, marked)))
    ids = b"".join(multiline.unique_ids(box, marks_on(box, marked)))
    assert sizes == b"".join(b"%d %d\r\n" % (n, (n - 1) * 7) for n in shown) + b".\r\n"
    assert ids == b"".join(b"%d 1.%d\r\n" % (n, n - 1) for n in shown) + b".\r\n"


def test_unique_ids_of_any_kind():
    uids = array("I", [7, 4_000_000_000])
    box = Maildrop("9", uids, [1, 2], ImapUniqueIds(9, uids))
    found = b"".join(multiline.unique_ids(box, marks_on(box, ())))
    assert found == b"1 9.7\r\n2 9.4000000000\r\n.\r\n"
    box = Maildrop("e", ["x", "y"], [1, 2], [b"a%d", b"sha256-0"])
    found = b"".join(multiline.unique_ids(box, marks_on(box, ())))
    assert found == b"1 a%d\r\n2 sha256-0\r\n.\r\n"


def test_listing_comes_in_pieces_of_bounded_size():
    box = maildrop(10_500)
    found = list(multiline.unique_ids(box, marks_on(box, ())))
    assert [piece.count(b"\n") for piece in found] == [1000] * 10 + [501]  # the terminator


def test_listing_of_only_marked_messages_is_the_terminator():
    box = maildrop(3)
    assert b"".join(multiline.sizes(box, marks_on(box, (1, 2, 3)))) == b".\r\n"


@given(st.lists(st.binary(max_size=30) | st.sampled_from([b"\r\n.", b".", b"\n", b"\r\n"])))
def test_whole_is_what_the_stuffer_makes_of_the_chunks(chunks):
    octets, answer = multiline.whole(chunks)
    message = b"".join(chunks)
    stuffer = multiline.Stuffer()
    one_by_one = b"".join(stuffer.feed(message[n : n + 1]) for n in range(len(message)))
    assert octets == len(message)
    assert answer == b"+OK %d octets\r\n" % octets + one_by_one + stuffer.finish()


@pytest.mark.parametrize("tail", [b"", b"x" * 5000, b"x" * 4095, b".", b"\n."])
@pytest.mark.parametrize("head", [b"a\r\n.b\r\n", b"a.b", b".", b""])
def test_dots_are_found_wherever_the_last_one_is(head, tail):
    stuffed = multiline.Stuffer().feed(head + tail)
    expected = (b"\n" + head + tail).replace(b"\n.", b"\n..")[1:]
    assert stuffed == expected
