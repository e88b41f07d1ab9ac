"""Any octets: responses or a violation, never anything else, and never more memory than told."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.backend.imap.reader import (
    BodyStart,
    Expunged,
    Limits,
    Parcel,
    Reader,
    Response,
    Rows,
    Violation,
)
from gateway.backend.imap.responses import body_start, interpret

LIMITS = Limits(line=400, literal=300, response=2000)
WORDS = [
    *(b"* ", b"+ ", b"G1 ", b"OK ", b"NO ", b"BYE ", b"PREAUTH ", b"\r\n", b"\n", b"\r"),
    *(b"1 ", b"4294967296 ", b"0", b"99999999999999999999 ", b"FETCH ", b"(", b")", b" "),
    *(b"UID ", b"RFC822.SIZE ", b"BODY[] ", b"BODY[]<0> ", b"BODY[HEADER] ", b"{3}\r\n"),
    *(b"{0}\r\n", b"{400}\r\n", b"{99999999999999999999}\r\n", b"NIL", b'"', b'"a"', b"\\"),
    *(b"[", b"]", b"[ALERT] ", b"[CAPABILITY A] ", b"[UIDVALIDITY 1] ", b"CAPABILITY "),
    *(b"SEARCH ", b"ESEARCH ", b"VANISHED ", b"(EARLIER) ", b"1:5,9 ", b"ALL ", b"TAG "),
    *(b"ENVELOPE ", b"BODYSTRUCTURE ", b"INTERNALDATE ", b"EXISTS", b"EXPUNGE", b"\0", b"\xff"),
    b"* 7 FETCH (UID 8 RFC822.SIZE 9)\r\n",
    b"* 7 FETCH (UID 8 BODY[] {3}\r\nabc)\r\n",
]
STREAMS = st.lists(st.sampled_from(WORDS) | st.binary(max_size=5), max_size=40).map(b"".join)


def outcome(octets, size, *, bulk):
    """What comes of a stream in chunks of this size, and nothing but a violation may fail."""
    reader = Reader(LIMITS)
    rows = reader.rows = Rows() if bulk else None
    seen = []
    body = b""
    try:
        for start in range(0, len(octets), size):
            for item in map(in_pieces, reader.feed(octets[start : start + size])):
                for piece in item:
                    if isinstance(piece, bytes):
                        body += piece
                        continue
                    seen.append((without_number(piece), body))
                    look_at(seen, piece)
            assert reader.pending <= LIMITS.response
    except Violation:
        seen.append("violation")
    return seen, body, rows and (rows.uids, rows.octets)


def in_pieces(item):
    """What came in one piece for being small, as what it stands for."""
    if isinstance(item, Parcel):
        head = (b"* 1 FETCH (UID %d BODY[] {0}" % item.uid, b"")
        size = len(item.octets)
        return BodyStart([head], size), item.octets, Response([head, b")"], size)
    if isinstance(item, Expunged):
        return [Response([b"* 1 EXPUNGE"])] * item.count
    return (item,)


def without_number(item):
    """The message number and the case of letters matter to nobody."""
    first = item.parts[0]
    line = first if isinstance(first, bytes) else first[0]
    plain = re.sub(rb"\A\* 0*\d{1,10} (FETCH|EXPUNGE)(?= |\Z)", rb"* 1 \1", line.upper())
    plain = re.sub(rb"(?<=UID )0+(?=\d)", b"", plain)
    parts = [plain if isinstance(first, bytes) else (plain, first[1]), *item.parts[1:]]
    return type(item)(parts, item.size if isinstance(item, BodyStart) else item.streamed)


def look_at(seen, item):
    try:
        if isinstance(item, BodyStart):
            body_start(item.parts)
        else:
            assert isinstance(item, Response)
            interpret(item)
    except Violation:
        seen.append("nonsense")


@settings(max_examples=400)
@given(STREAMS, st.integers(1, 50), st.booleans())
def test_any_octets(octets, size, bulk):
    whole = outcome(octets, len(octets) or 1, bulk=bulk)
    assert outcome(octets, 1, bulk=bulk) == whole
    assert outcome(octets, size, bulk=bulk) == whole


# An encoder of responses is the oracle: what it wrote must come out.

SHORT = st.binary(max_size=30)
ATOMS = st.from_regex(rb"\A[A-Z]{1,8}\Z")
ITEM = st.one_of(
    st.tuples(st.just("line"), ATOMS),
    st.tuples(st.just("literal"), SHORT),
    st.tuples(st.just("body"), SHORT),
    st.tuples(st.just("row"), st.integers(1, 2**32 - 1)),
)


@given(st.lists(ITEM, max_size=20), st.integers(1, 60), st.booleans())
def test_what_was_written_comes_out(items, size, bulk):
    wire, expected = b"", []
    for kind, value in items:
        if kind == "line":
            wire += b"* %b\r\n" % value
            expected.append([b"* " + value])
        elif kind == "literal":
            wire += b"* LIST {%d}\r\n%b x\r\n" % (len(value), value)
            expected.append([(b"* LIST {%d}" % len(value), value), b" x"])
        elif kind == "body":
            wire += b"* 1 FETCH (UID 1 BODY[] {%d}\r\n%b)\r\n" % (len(value), value)
            expected.append(value)
        else:
            row = b"* 1 FETCH (UID %d RFC822.SIZE 1)" % value
            wire += row + b"\r\n"
            expected.append(value if bulk else [row])
    assert collected(wire, size, bulk=bulk) == expected


def collected(wire, size, *, bulk):
    """Responses as parts, bodies as octets, rows as UIDs, in the order of the wire."""
    reader = Reader(Limits())
    reader.rows = Rows() if bulk else None
    out, taken = [], 0
    for start in range(0, len(wire), size):
        pieces = (
            piece
            for item in reader.feed(wire[start : start + size])
            for piece in in_pieces(item)
        )
        for item in pieces:
            taken = rows_into(out, reader, taken)
            if isinstance(item, BodyStart):
                out.append(b"")
            elif isinstance(item, bytes):
                out[-1] += item
            elif item.streamed is None:
                out.append(item.parts)
            else:
                assert item.streamed == len(out[-1])
        taken = rows_into(out, reader, taken)
    return out


def rows_into(out, reader, taken):
    if reader.rows is None:
        return 0
    out.extend(reader.rows.uids[taken:])
    return len(reader.rows.uids)
