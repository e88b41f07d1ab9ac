"""What CAPA says, in both states, with each setting."""

import pytest

from gateway import __version__
from gateway.pop3 import capa
from gateway.pop3.offer import Offer
from gateway.pop3.settings import Pop3Settings

USUAL = Offer()


def lines(*, stls=False, offer=USUAL, **settings):
    answer = capa.reply(Pop3Settings(**settings), offer, stls=stls)
    status, *found, terminator, rest = answer.split(b"\r\n")
    assert status.startswith(b"+OK")
    assert (terminator, rest) == (b".", b"")
    return found


def test_what_is_always_there():
    assert lines() == [
        b"TOP",
        b"UIDL",
        b"USER",
        b"SASL PLAIN LOGIN",
        b"RESP-CODES",
        b"AUTH-RESP-CODE",
        b"PIPELINING",
        b"IMPLEMENTATION pop3-gateway",
    ]


def test_stls_only_where_it_works():
    assert b"STLS" in lines(stls=True)
    assert b"STLS" not in lines(stls=False)


@pytest.mark.parametrize(
    ("value", "line"), [("NEVER", b"EXPIRE NEVER"), (0, b"EXPIRE 0"), (30, b"EXPIRE 30")]
)
def test_expire_as_set(value, line):
    assert line in lines(expire=value)


def test_login_delay_as_set():
    assert b"LOGIN-DELAY 60" in lines(login_delay=60)
    assert not any(line.startswith(b"LOGIN-DELAY") for line in lines(login_delay=0))


def test_version_only_when_wanted():
    wanted = b"IMPLEMENTATION pop3-gateway-" + __version__.encode()
    assert wanted in lines(show_version=True)
    assert __version__.encode() not in b" ".join(lines())


def test_no_line_is_longer_than_rfc_2449_allows():
    everything = lines(stls=True, expire=10**6, login_delay=86_400, show_version=True)
    assert all(len(line) + 2 <= 512 for line in everything)
    assert len(set(everything)) == len(everything)


def test_user_and_sasl_only_where_they_work():
    offer = Offer((b"PLAIN", b"CRAM-MD5"), clear=False).now(secure=False)
    assert b"USER" not in lines(offer=offer)
    assert b"SASL CRAM-MD5" in lines(offer=offer)
    nothing = Offer(clear=False).now(secure=False)
    assert not any(line.startswith((b"USER", b"SASL")) for line in lines(offer=nothing))
