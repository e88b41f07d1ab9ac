"""CRLF conversion against a slow oracle, cut anywhere; the counter against the converter."""

import re
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.backend.embedded.crlf import CrlfConverter, CrlfCounter

pieces = st.lists(st.sampled_from([b"\r", b"\n", b"a", b".", b"\r\n", b"bc"]))


def chunks(pieces, cuts):
    data = b"".join(pieces)
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return data, [data[a:b] for a, b in pairwise(edges)]


@given(pieces, st.lists(st.integers(0, 100)))
@example([b"a\r", b"\nb"], [2])
@example([b"\r", b"\n", b"\n"], [1, 2])
def test_whole_equals_pieces_equals_oracle(pieces, cuts):
    data, parts = chunks(pieces, cuts)
    converter, counter = CrlfConverter(), CrlfCounter()
    converted = b"".join(map(converter.convert, parts))
    for part in parts:
        counter.add(part)
    assert converted == re.sub(rb"(?<!\r)\n", b"\r\n", data)
    assert counter.octets == len(converted)


def test_empty_chunks_change_nothing():
    converter, counter = CrlfConverter(), CrlfCounter()
    assert [converter.convert(c) for c in (b"a\r", b"", b"\n")] == [b"a\r", b"", b"\n"]
    for chunk in (b"a\r", b"", b"\n"):
        counter.add(chunk)
    assert counter.octets == 3
