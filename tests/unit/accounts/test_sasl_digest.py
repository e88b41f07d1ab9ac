"""APOP and CRAM-MD5: the examples of the RFCs, and what is no response."""

import pytest

from gateway.accounts.sasl import Credentials, SaslError
from gateway.accounts.sasl_digest import CramMd5, challenge, matches, parse
from gateway.maildrop import Digest

APOP = Digest("apop", b"<1896.697170952@dbc.mtview.ca.us>", b"c4c9334bac560ecc979e58001b3e22fb")
CRAM = Digest(
    "cram-md5",
    b"<1896.697170952@postoffice.reston.mci.net>",
    b"b913a602c7eda7a495b4e6e7334d3890",
)


def test_the_example_of_rfc_1939():
    assert matches(APOP, b"tanstaaf")
    assert not matches(APOP, b"tanstaaF")


def test_the_example_of_rfc_2195():
    assert matches(CRAM, b"tanstaaftanstaaf")
    assert not matches(CRAM, b"tanstaaf")


def test_one_is_not_taken_for_the_other():
    assert not matches(Digest("cram-md5", APOP.challenge, APOP.digest), b"tanstaaf")
    assert not matches(Digest("apop", CRAM.challenge, CRAM.digest), b"tanstaaftanstaaf")


def test_an_exchange_gives_what_the_directory_needs():
    exchange = CramMd5(lambda: b"abc")
    assert exchange.first_challenge == b"<abc@pop3-gateway>"
    right = Digest("cram-md5", b"<abc@pop3-gateway>", b"0123456789abcdef" * 2)
    assert exchange.respond(b"tim 0123456789ABCDEF0123456789abcdef") == Credentials(
        b"tim", right
    )


def test_every_exchange_has_its_own_challenge():
    fresh = iter([b"one", b"two"])
    assert challenge(lambda: next(fresh)) != challenge(lambda: next(fresh))


def test_a_name_may_have_blanks():
    assert parse(b"tim t " + b"0" * 32) == (b"tim t", b"0" * 32)


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"tim",
        b"0" * 32,
        b" " + b"0" * 32,
        b"tim " + b"0" * 31,
        b"tim " + b"0" * 33,
        b"tim " + b"g" * 32,
        b"tim " + b"0" * 32 + b"\n",
        b"t\0m " + b"0" * 32,
        b"t\nm " + b"0" * 32,
    ],
)
def test_anything_else_is_refused(response):
    with pytest.raises(SaslError):
        parse(response)
