"""What responses mean."""

import pytest

from gateway.backend.imap.reader import Response, Violation
from gateway.backend.imap.responses import (
    Capability,
    Continuation,
    Count,
    Fetch,
    Found,
    Other,
    Status,
    Vanished,
    body_start,
    interpret,
    uids_of,
)


def meaning(*parts):
    return interpret(Response(list(parts)))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"* OK hello", Status(b"*", "OK", text=b"hello")),
        (b"* OK", Status(b"*", "OK")),
        (b"G7 ok [READ-ONLY] done", Status(b"G7", "OK", b"READ-ONLY", b"", b"done")),
        (b"* OK [UIDVALIDITY 7]", Status(b"*", "OK", b"UIDVALIDITY", b"7")),
        (b"* OK [uidnext 9] x", Status(b"*", "OK", b"UIDNEXT", b"9", b"x")),
        (
            b"* OK [PERMANENTFLAGS (\\Seen \\*)] y",
            Status(b"*", "OK", b"PERMANENTFLAGS", b"(\\Seen \\*)", b"y"),
        ),
        (b"G1 NO [ALERT] \xff", Status(b"G1", "NO", b"ALERT", b"", b"\xff")),
        (b"G1 BAD no [code] here", Status(b"G1", "BAD", text=b"no [code] here")),
        (b"* BYE ", Status(b"*", "BYE")),
        (b"* PREAUTH hi", Status(b"*", "PREAUTH", text=b"hi")),
        (b"* OK [unclosed", Status(b"*", "OK", text=b"[unclosed")),
        (b"+", Continuation()),
        (b"+ go", Continuation(b"go")),
        (b"* 23 EXISTS", Count(b"EXISTS", 23)),
        (b"* 5 expunge", Count(b"EXPUNGE", 5)),
        (b"* 5 EXPUNGED", Count(b"EXPUNGE", 5)),
        (b"* 0 RECENT", Count(b"RECENT", 0)),
        (b"* 5 THING", Other(b"THING")),
        (b"* FLAGS (a b)", Other(b"FLAGS")),
        (b'* LIST () "/" x', Other(b"LIST")),
        (b"* CAPABILITY imap4rev1 ID", Capability(frozenset({b"IMAP4REV1", b"ID"}))),
        (b"* SEARCH", Found(frozenset())),
        (b"* SEARCH ", Found(frozenset())),
        (b"* SEARCH 1 22 333", Found(frozenset({1, 22, 333}))),
        (b"* SEARCH 1 2 (MODSEQ 917)", Found(frozenset({1, 2}))),
        (b'* ESEARCH (TAG "G1") UID ALL 1:3,7', Found(frozenset({1, 2, 3, 7}))),
        (b'* ESEARCH (TAG "G1") UID', Found(frozenset())),
        (b"* ESEARCH UID COUNT 1 ALL 5", Found(frozenset({5}))),
        (b"* VANISHED 5,7:9", Vanished(((5, 5), (7, 9)), earlier=False)),
        (b"* VANISHED 5", Vanished(((5, 5),), earlier=False)),
        (b"* VANISHED (EARLIER) 1:100", Vanished(((1, 100),), earlier=True)),
        (b"* 3 FETCH (FLAGS (\\Seen))", Fetch(None)),
        (b"* 3 FETCH (UID 9 RFC822.SIZE 5000000000)", Fetch(9, 5000000000)),
        (b"* 3 fetch (rfc822.size 4 flags () uid 9)", Fetch(9, 4)),
        (b"* 3 FETCH (UID 9 BODY[] NIL)", Fetch(9, body=True)),
        (b'* 3 FETCH (UID 9 BODY[] "a\\"b")', Fetch(9, body=True, text=b'a"b')),
        (b'* 3 FETCH (BODY[]<10> "" UID 9)', Fetch(9, body=True, origin=10, text=b"")),
    ],
)
def test_one_line(line, expected):
    assert meaning(line) == expected


def test_body_with_literal():
    assert meaning((b"* 3 FETCH (UID 9 BODY[] {0}", b""), b")") == Fetch(9, body=True, text=b"")
    assert meaning((b"* 3 FETCH (BODY[]<5> {0}", b""), b" UID 9)") == Fetch(
        9, body=True, origin=5, text=b""
    )


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"* 3 FETCH (UID 9 BODY[] {0}", Fetch(9, body=True, text=b"")),
        (b"* 3 FETCH (UID 9 BODY[]<64> {0}", Fetch(9, body=True, origin=64, text=b"")),
        (b"* 3 FETCH (FLAGS (x) UID 9 BODY[] {0}", Fetch(9, body=True, text=b"")),
        (b"* 3 FETCH (BODY[] {0}", Fetch(None, body=True, text=b"")),
    ],
)
def test_body_start(head, expected):
    assert body_start([(head, b"")]) == expected


@pytest.mark.parametrize(
    "parts",
    [
        [b""],
        [b"hello"],
        [b"* "],
        [b"*"],
        [b"* 5"],
        [b"G1 MAYBE"],
        [b"* 3 FETCH"],
        [b"* 3 FETCH UID"],
        [b"* 3 FETCH (UID)"],
        [b"* 3 FETCH (UID 1"],
        [b"* 3 FETCH (UID x)"],
        [b"* 3 FETCH (UID 1) 4 (UID 2)"],
        [b"* 3 FETCH (RFC822.SIZE x)"],
        [b"* 3 FETCH (BODY[] 5)"],
        [b"* 3 FETCH (BODY[] (a))"],
        [b"* 3 FETCH ((a) b)"],
        [b'* 3 FETCH (X "unclosed)'],
        [b"* 3 FETCH (ENVELOPE (a))"],
        [b"* 3 FETCH (BODY NIL)"],
        [b"* 3 FETCH " + b"(" * 5000],
        [(b"* 3 FETCH (X {9}", b"short"), b")"],
        [b"* SEARCH x"],
        [(b"* SEARCH {1}", b"1"), b""],
        [(b"* CAPABILITY {1}", b"1"), b""],
        [b"* ESEARCH ALL"],
        [b"* ESEARCH ALL x"],
        [b"* ESEARCH ALL (1)"],
        [b"* ESEARCH ALL 1:4000000000"],
        [b"* VANISHED"],
        [b"* VANISHED x"],
    ],
)
def test_nonsense_is_a_violation(parts):
    with pytest.raises(Violation):
        meaning(*parts)


def test_uid_sets():
    assert uids_of(b"3:1,9") == [1, 2, 3, 9]
    assert uids_of(4) == [4]
