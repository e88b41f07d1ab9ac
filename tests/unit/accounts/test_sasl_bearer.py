"""OAUTHBEARER and XOAUTH2: the published examples, and what is no message of them."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretBytes

from gateway.accounts.sasl import SaslError
from gateway.accounts.sasl_bearer import OAuthBearer, XOAuth2
from gateway.maildrop import BearerToken

TOKEN = b"vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
RFC_7628 = (
    b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01"
    b"auth=Bearer " + TOKEN + b"\x01\x01"
)
GOOGLE = b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3\x01\x01"


def test_the_example_of_rfc_7628():
    given_up = OAuthBearer().respond(RFC_7628)
    assert given_up.user == b"user@example.com"
    assert given_up.proof == BearerToken(SecretBytes(TOKEN))
    assert given_up.accepted is None
    assert json.loads(given_up.refused)["status"] == "invalid_token"


def test_the_example_of_xoauth2():
    given_up = XOAuth2().respond(GOOGLE)
    assert given_up.user == b"someuser@example.com"
    assert given_up.proof == BearerToken(SecretBytes(b"ya29.vF9dft4qmTc2Nvb3"))
    assert json.loads(given_up.refused)["status"] == "401"


@pytest.mark.parametrize(
    ("header", "user"),
    [
        (b"n,a=me,", b"me"),
        (b"y,a=me,", b"me"),
        (b"n,a=a=2Cb=3Dc,", b"a,b=c"),
        (b"n,a=J\xc3\xbc,", b"J\xc3\xbc"),
    ],
)
def test_the_name_is_the_authorization_identity(header, user):
    assert OAuthBearer().respond(header + b"\x01auth=bearer  abc\x01\x01").user == user


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x01\x01",
        b"n,a=me,",
        b"n,a=me,\x01\x01",
        b"n,a=me,\x01auth=Bearer abc\x01",
        b"n,a=me,\x01auth=Bearer \x01\x01",
        b"n,a=me,\x01auth=Bearer a c\x01\x01",
        b"n,a=me,\x01auth=Bearer a\r\nc\x01\x01",
        b"n,a=me,\x01auth=Basic abc\x01\x01",
        b"n,a=me,\x01auth=Bearer abc\x01auth=Bearer abd\x01\x01",
        b"n,,\x01auth=Bearer abc\x01\x01",
        b"n,a=,\x01auth=Bearer abc\x01\x01",
        b"n,a=m=e,\x01auth=Bearer abc\x01\x01",
        b"n,a=m\0,\x01auth=Bearer abc\x01\x01",
        b"p=tls-unique,a=me,\x01auth=Bearer abc\x01\x01",
        b"user=me\x01auth=Bearer abc\x01\x01",
    ],
)
def test_what_is_no_oauthbearer(message):
    with pytest.raises(SaslError):
        OAuthBearer().respond(message)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"user=me\x01auth=Bearer abc\x01",
        b"auth=Bearer abc\x01\x01",
        b"user=\x01auth=Bearer abc\x01\x01",
        b"user=m\ne\x01auth=Bearer abc\x01\x01",
        b"user=me\x01user=you\x01auth=Bearer abc\x01\x01",
        b"user=me\x01auth=abc\x01\x01",
        RFC_7628,
    ],
)
def test_what_is_no_xoauth2(message):
    with pytest.raises(SaslError):
        XOAuth2().respond(message)


@pytest.mark.parametrize("make", [OAuthBearer, XOAuth2])
def test_no_token_in_errors_and_reprs(make):
    with pytest.raises(SaslError) as error:
        make().respond(b"n,a=me,\x01auth=Bearer hunter2 hunter2\x01\x01")
    assert "hunter2" not in str(error.value)
    assert TOKEN.decode() not in repr(OAuthBearer().respond(RFC_7628))


@given(st.binary(max_size=80))
def test_any_octets_are_credentials_or_an_error(message):
    for make in (OAuthBearer, XOAuth2):
        with contextlib.suppress(SaslError):
            assert make().respond(message).user
