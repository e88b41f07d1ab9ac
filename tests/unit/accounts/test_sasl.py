"""PLAIN and LOGIN: what completes, what goes on, what fails; secrets stay secret."""

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretBytes

from gateway.accounts import sasl
from gateway.accounts.sasl import Credentials, SaslError
from gateway.accounts.sasl_table import MECHANISMS


def one_line(text):
    return not set(text) & set(b"\0\r\n")


NAMES = st.binary(min_size=1, max_size=30).filter(one_line)


def fresh():
    return b"fresh"


def credentials(user, password):
    return Credentials(user, SecretBytes(password))


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (b"\0tim\0tanstaaftanstaaf", credentials(b"tim", b"tanstaaftanstaaf")),
        (b"tim\0tim\0secret", credentials(b"tim", b"secret")),
        (b"\0tim\0", credentials(b"tim", b"")),
        (b"\0 t i m \0 p ", credentials(b" t i m ", b" p ")),
        (b"\0\xc3\xbc\0\xff", credentials(b"\xc3\xbc", b"\xff")),
    ],
)
def test_plain_completes_at_once(response, expected):
    assert sasl.Plain().respond(response) == expected


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"tim",
        b"tim\0secret",
        b"\0tim\0a\0b",
        b"\0\0secret",
        b"kurt\0tim\0secret",
        b"\0ti\rm\0secret",
        b"\0tim\nLOGOUT\0secret",
        b"\0tim\0sec\rret",
        b"\0tim\0secret\r\n",
    ],
)
def test_plain_refuses(response):
    with pytest.raises(SaslError):
        sasl.Plain().respond(response)


@given(NAMES, st.binary(max_size=30).filter(one_line))
def test_plain_and_login_give_the_octets_as_they_came(user, password):
    expected = credentials(user, password)
    assert sasl.Plain().respond(b"\0" + user + b"\0" + password) == expected
    login = sasl.Login()
    assert login.respond(user) == b"Password:"
    assert login.respond(password) == expected


@pytest.mark.parametrize(
    ("user", "password"),
    [
        (b"", b"x"),
        *((b"a%bb" % octet, b"x") for octet in (b"\0", b"\r", b"\n", b"\r\n")),
        *((b"a", b"x%b" % octet) for octet in (b"\0", b"\r", b"\n", b"\r\n")),
    ],
)
def test_login_refuses_at_its_end(user, password):
    login = sasl.Login()
    assert login.respond(user) == b"Password:"
    with pytest.raises(SaslError):
        login.respond(password)


def test_exchanges_do_not_share_state():
    first, second = MECHANISMS[b"LOGIN"](fresh), MECHANISMS[b"LOGIN"](fresh)
    first.respond(b"one")
    assert second.respond(b"two") == b"Password:"
    assert first.respond(b"x") == credentials(b"one", b"x")


def test_first_challenges():
    assert {name: make(fresh).first_challenge for name, make in MECHANISMS.items()} == {
        b"SCRAM-SHA-256": b"",
        b"CRAM-MD5": b"<fresh@pop3-gateway>",
        b"OAUTHBEARER": b"",
        b"XOAUTH2": b"",
        b"PLAIN": b"",
        b"LOGIN": b"Username:",
    }


@pytest.mark.parametrize(
    "line",
    [
        b"a",
        b"=",
        b"A===",
        b"AA=A",
        b"AGEAYg== ",
        b" AGEAYg==",
        b"AGEA*Yg=",
        b"\xff\xfe",
        b"AA\0A",
        b"AGEAYg",
        b"QUIT\t",
        b"AA==AA==",
    ],
)
def test_garbage_is_not_base64(line):
    with pytest.raises(SaslError):
        sasl.decode(line)


@given(st.binary(max_size=60))
def test_base64_both_ways(octets):
    assert sasl.decode(base64.b64encode(octets)) == octets
    assert sasl.encode(octets) == base64.b64encode(octets)


@given(st.binary(max_size=60))
def test_any_line_is_octets_or_an_error(line):
    with contextlib.suppress(SaslError):
        assert isinstance(sasl.decode(line), bytes)


def test_complaint_about_base64_does_not_quote_the_line():
    with pytest.raises(SaslError, match=r"^not base64$") as error:
        sasl.decode(b"hunter2*")
    assert error.value.__suppress_context__


def test_repr_shows_no_secret():
    assert "hunter2" not in repr(sasl.Plain().respond(b"\0me\0hunter2"))


@pytest.mark.parametrize("response", [b"hunter2", b"x\0y\0hunter2", b"\0\0hunter2"])
def test_errors_show_no_secret(response):
    with pytest.raises(SaslError) as error:
        sasl.Plain().respond(response)
    assert "hunter2" not in str(error.value)
