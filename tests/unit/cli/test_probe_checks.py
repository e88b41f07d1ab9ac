"""The judgement of `probe` by itself: words in, verdicts out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli import probe_bodies, probe_capa, probe_checks
from gateway.cli.conversation import Listing
from gateway.cli.probe_checks import Unreadable, Verdict

PASS, WARN, FAIL = Verdict.PASS, Verdict.WARN, Verdict.FAIL


def verdicts(checks):
    return [check.verdict for check in checks]


@pytest.mark.parametrize("row", [b"", b"1", b"x 1", b"1 x", b"1 -2", b"1 "])
def test_rows_that_are_none(row):
    with pytest.raises(Unreadable):
        probe_checks.sizes([row])


def test_rows_may_have_more_to_say():
    assert probe_checks.sizes([b"1 20", b"2 30 more"]) == {1: 20, 2: 30}
    assert probe_checks.unique_ids([b"1 a b"]) == {1: b"a b"}


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (b"+OK 2 50", PASS),
        (b"+OK 2 50 octets", PASS),
        (b"+OK 2 51", FAIL),
        (b"+OK 1 50", FAIL),
        (b"+OK two", FAIL),
        (b"-ERR", FAIL),
    ],
)
def test_stat(line, verdict):
    assert probe_checks.stat(line, {1: 20, 2: 30}).verdict is verdict


def test_numbers_have_no_gap_and_no_other_order():
    assert probe_checks.numbers({1: 5, 2: 5}).verdict is PASS
    assert probe_checks.numbers({}).verdict is PASS
    assert probe_checks.numbers({1: 5, 3: 5}).verdict is FAIL
    assert probe_checks.numbers({2: 5, 1: 5}).verdict is FAIL


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ({1: b"a", 2: b"b"}, [PASS, PASS, PASS]),
        ({1: b"a"}, [FAIL, PASS, PASS]),
        ({1: b"a", 2: b"a"}, [PASS, PASS, FAIL]),
        ({1: b"a", 2: b"x" * 71}, [PASS, FAIL, PASS]),
        ({1: b"a", 2: b"x y"}, [PASS, FAIL, PASS]),
    ],
)
def test_unique_ids(ids, expected):
    assert verdicts(probe_checks.unique_ids_hold(ids, {1: 9, 2: 9})) == expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({2: 20, 3: 30}, [PASS, PASS]),
        ({1: 10, 2: 20, 3: 30}, [FAIL, PASS]),
        ({1: 20, 2: 30}, [PASS, FAIL]),
        ({3: 30}, [PASS, FAIL]),
    ],
)
def test_dele(after, expected):
    assert verdicts(probe_checks.marked(1, {1: 10, 2: 20, 3: 30}, after)) == expected


def test_new_mail_is_no_loss_of_unique_ids():
    assert probe_checks.same_tomorrow({1: b"a"}, {1: b"a", 2: b"b"}).verdict is PASS
    assert probe_checks.same_tomorrow({1: b"a"}, {1: b"b"}).verdict is FAIL


@pytest.mark.parametrize(
    ("replies", "verdict"),
    [
        ([b"+OK", b"+OK 1 2", b"+OK"], PASS),
        ([b"+OK 1 2", b"+OK", b"+OK"], FAIL),
        ([b"+OK", b"+OK 1 2", b"-ERR"], FAIL),
    ],
)
def test_pipelining(replies, verdict):
    assert probe_checks.pipelined(True, replies, "").verdict is verdict
    assert probe_checks.pipelined(True, [], "silence").verdict is FAIL
    assert probe_checks.pipelined(False, [], "").verdict is PASS


def test_refused():
    assert probe_checks.refused("X", b"-ERR", b"+OK").verdict is PASS
    assert probe_checks.refused("X", b"-ERR", b"-ERR").verdict is FAIL
    assert probe_checks.refused("X", b"+OK", b"+OK").verdict is FAIL


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b"UIDL", b"TOP"], [PASS]),
        ([b"uidl", b"X-OWN thing"], [PASS]),
        ([b"SASL PLAIN SCRAM-SHA-256-PLUS XOAUTH2"], [PASS, PASS]),
        ([b"SASL"], [PASS, FAIL, PASS]),
        ([b"EXPIRE NEVER", b"LOGIN-DELAY 900 USER"], [PASS]),
        ([b"EXPIRE tomorrow"], [PASS, FAIL]),
        ([b"PIPELINE"], [PASS, WARN]),
        ([b"\xff"], [FAIL]),
    ],
)
def test_capabilities(lines, expected):
    assert verdicts(probe_capa.announced(lines)) == expected


@pytest.mark.parametrize(
    ("announced", "worked", "verdict"),
    [(True, True, PASS), (False, True, WARN), (True, False, FAIL), (False, False, WARN)],
)
def test_optional_commands(announced, worked, verdict):
    assert probe_capa.optional_command("TOP", announced, worked).verdict is verdict


def test_stls_inside_tls():
    assert probe_capa.under_tls({}).verdict is PASS
    assert probe_capa.under_tls({b"STLS": b""}).verdict is WARN


def body(listed, octets, wire=None, surplus=b""):
    return verdicts(probe_bodies.body(1, listed, wire or octets, octets, surplus))


def test_bodies():
    assert body(5, b"abc\r\n") == [PASS]
    assert body(3, b"abc\r\n") == [PASS]
    assert body(4, b"abc\r\n") == [FAIL]
    assert body(9, b"abc\r\n") == [FAIL]
    assert body(5, b"ab\nc\r\n") == [FAIL, WARN]
    assert body(6, b".abc\r\n", b"..abc\r\n") == [PASS]
    assert body(6, b".abc\r\n", b".abc\r\n") == [PASS, FAIL]
    assert body(5, b"abc\r\n", surplus=b"rest") == [FAIL]


WHOLE = b"A: b\r\n\r\n1\r\n2\r\n"


@pytest.mark.parametrize(
    ("count", "octets", "verdict"),
    [
        (0, b"A: b\r\n\r\n", PASS),
        (0, b"A: b\r\n", WARN),
        (1, b"A: b\r\n\r\n1\r\n", PASS),
        (1, WHOLE, WARN),
        (2, WHOLE, PASS),
        (5, WHOLE, PASS),
        (1, b"A: c\r\n\r\n1\r\n", FAIL),
        (1, b"A: b\r\n\r\n1", FAIL),
        (0, b"", FAIL),
    ],
)
def test_top(count, octets, verdict):
    assert probe_bodies.top(1, count, octets, WHOLE).verdict is verdict


def test_a_message_of_nothing_but_a_header():
    assert probe_bodies.first_lines(b"A: b\r\n", 3) == b"A: b\r\n"


def test_which_messages_are_fetched():
    assert probe_bodies.chosen({}) == []
    assert probe_bodies.chosen({1: 5, 2: 5}) == [1, 2]
    many = probe_bodies.chosen(dict.fromkeys(range(1, 1001), 10))
    assert (many[0], many[-1]) == (1, 1000)
    assert len(many) <= 11
    assert probe_bodies.chosen({1: 9 << 20, 2: 5}) == [2]


@given(st.lists(st.sampled_from([b".", b"a", b"..", b""]), max_size=8))
def test_unstuffing_undoes_stuffing(lines):
    stuffed = b"".join(
        (b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines
    )
    assert Listing(b"+OK", stuffed).octets == b"".join(line + b"\r\n" for line in lines)
    assert Listing(b"+OK", stuffed).lines == lines
