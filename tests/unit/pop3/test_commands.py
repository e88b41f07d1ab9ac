"""A line is a command or a bad command, and nothing else."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretBytes

from gateway.errors import BadCommand
from gateway.pop3 import commands
from gateway.pop3.commands import (
    Apop,
    Auth,
    Capa,
    Dele,
    List,
    Noop,
    Pass,
    Quit,
    Retr,
    Rset,
    Stat,
    Stls,
    Top,
    Uidl,
    User,
)

BARE = {
    b"CAPA": Capa(),
    b"STLS": Stls(),
    b"STAT": Stat(),
    b"NOOP": Noop(),
    b"RSET": Rset(),
    b"QUIT": Quit(),
}

GOOD = [
    (b"USER mrose", User(b"mrose")),
    (b"user mrose", User(b"mrose")),
    (b"USER  mrose ", User(b" mrose ")),
    (b"USER a b c", User(b"a b c")),
    (b"USER \xc3\xbc\xff", User(b"\xc3\xbc\xff")),
    (b"USER a\tb", User(b"a\tb")),
    (b"PASS secret", Pass(SecretBytes(b"secret"))),
    (b"pass  two  blanks ", Pass(SecretBytes(b" two  blanks "))),
    (b"PASS ", Pass(SecretBytes(b""))),
    (b"PASS \xff\xfe", Pass(SecretBytes(b"\xff\xfe"))),
    (b"AUTH", Auth(None, None)),
    (b"AUTH ", Auth(None, None)),
    (b"AUTH PLAIN", Auth(b"PLAIN", None)),
    (b"auth plain ", Auth(b"PLAIN", None)),
    (b"AUTH plain AGEAYg==", Auth(b"PLAIN", SecretBytes(b"AGEAYg=="))),
    (b"AUTH PLAIN =", Auth(b"PLAIN", SecretBytes(b"="))),
    (b"LIST", List(None)),
    (b"LIST ", List(None)),
    (b"LIST 2", List(2)),
    (b"list 00000001", List(1)),
    (b"UIDL", Uidl(None)),
    (b"UIDL   ", Uidl(None)),
    (b"UIDL 2", Uidl(2)),
    (b"RETR 1", Retr(1)),
    (b"RETR  1 ", Retr(1)),
    (b"rEtR 0", Retr(0)),
    (b"RETR 9999999999", Retr(9_999_999_999)),
    (b"TOP 1 0", Top(1, 0)),
    (b"TOP 1  10 ", Top(1, 10)),
    (b"DELE 3", Dele(3)),
    (
        b"APOP mrose c4c9334bac560ecc979e58001b3e22fb",
        Apop(b"mrose", b"c4c9334bac560ecc979e58001b3e22fb"),
    ),
    (
        b"apop m rose C4C9334BAC560ECC979E58001B3E22FB",
        Apop(b"m rose", b"c4c9334bac560ecc979e58001b3e22fb"),
    ),
]

NUMBERS_THAT_ARE_NONE = [
    b"+1",
    b"-1",
    b"1.0",
    b"1e0",
    b"0x1",
    b"one",
    b"1 1",
    b"1,",
    b"99999999999",
    b"9999999999999",
    "\N{ARABIC-INDIC DIGIT ONE}".encode(),
    "\N{SUPERSCRIPT ONE}".encode(),
    b"\xb9",
    b"1\0",
    b"*",
    b"1:2",
]

BAD = [
    b"",
    b" ",
    b" STAT",
    b"FOO",
    b"STATS",
    b"STAT\t",
    b"STAT\0",
    b"STAT\r",
    b"RETR\t1",
    b"APOP",
    b"APOP ",
    b"APOP c4c9334bac560ecc979e58001b3e22fb",
    b"APOP  c4c9334bac560ecc979e58001b3e22fb",
    b"APOP mrose",
    b"APOP mrose c4c9334bac560ecc979e58001b3e22f",
    b"APOP mrose c4c9334bac560ecc979e58001b3e22fbb",
    b"APOP mrose c4c9334bac560ecc979e58001b3e22fg",
    b"APOP mrose c4c9334bac560ecc979e58001b3e22fb ",
    b"APOP mr\0se c4c9334bac560ecc979e58001b3e22fb",
    b"LAST",
    b"\xff\xfe",
    b"EHLO client",
    b"GET / HTTP/1.1",
    b"\x16\x03\x01\x02",
    b"USER",
    b"USER ",
    b"USER a\0b",
    b"USER a\rb",
    b"USER a\r",
    b"PASS",
    b"PASS a\0b",
    b"PASS a\rb",
    b"AUTH PLAIN AGEAYg== more",
    b"RETR",
    b"RETR ",
    b"DELE",
    b"DELE ",
    b"TOP",
    b"TOP ",
    b"TOP 1",
    b"TOP 1 2 3",
    b"TOP 1 -1",
    b"TOP -1 1",
    b"TOP a 1",
    b"TOP 1 a",
    *(verb + b" now" for verb in BARE),
    *(
        verb + b" " + number
        for verb in (b"LIST", b"UIDL", b"RETR", b"DELE")
        for number in NUMBERS_THAT_ARE_NONE
    ),
]


@pytest.mark.parametrize(("line", "command"), GOOD)
def test_line_is_this_command(line, command):
    assert commands.parse(line) == command


@pytest.mark.parametrize(("verb", "command"), BARE.items())
def test_verb_alone_in_any_letter_case_also_with_blanks_behind(verb, command):
    for line in (verb, verb.lower(), verb.title(), verb + b" ", verb + b"  \t"):
        assert commands.parse(line) == command


@pytest.mark.parametrize("line", BAD)
def test_line_is_a_bad_command(line):
    with pytest.raises(BadCommand):
        commands.parse(line)


@given(
    st.one_of(
        st.binary(max_size=40),
        st.tuples(st.sampled_from([line for line, _ in GOOD]), st.binary(max_size=10)).map(
            b"".join
        ),
    )
)
def test_any_octets_are_a_command_or_a_bad_command(line):
    with contextlib.suppress(BadCommand):
        assert isinstance(commands.parse(line), commands.Command)


@given(st.binary(min_size=1, max_size=30).filter(lambda text: not set(text) & set(b"\0\r\n")))
def test_names_and_passwords_arrive_octet_for_octet(text):
    assert commands.parse(b"USER " + text).name == text
    assert commands.parse(b"PASS " + text).password.get_secret_value() == text


@pytest.mark.parametrize("line", [b"PASS hunter2", b"AUTH PLAIN hunter2"])
def test_repr_shows_no_secret(line):
    assert "hunter2" not in repr(commands.parse(line))


@pytest.mark.parametrize("line", [b"PASS hunter2\0", b"AUTH hunter2 hunter2 hunter2"])
def test_complaint_shows_no_secret(line):
    with pytest.raises(BadCommand) as bad:
        commands.parse(line)
    assert "hunter2" not in str(bad.value)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (b"USER ", True),
        (b"pass ", True),
        (b"AuTh PLAIN AGEAYg==", True),
        (b"USER", False),
        (b"USERS", False),
        (b"RETR ", False),
        (b"", False),
    ],
)
def test_only_lines_with_credentials_get_the_larger_limit(start, expected):
    assert commands.carries_credentials(start) is expected
