"""Who has signed in: ID tokens from the token endpoint, and comparing with the mailbox."""

import jwt
import pytest
from pydantic import SecretStr

from gateway.accounts.oauth import identity, presets
from gateway.accounts.oauth.causes import SignInRefused

NOW = 1_800_000_000.0
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
GOOD = {"iss": "https://idp.example", "aud": "me", "exp": NOW + 10, "nonce": "n", "sub": "1"}


def claims(body, issuer="https://idp.example", nonce="n"):
    token = SecretStr(jwt.encode(body, "k" * 32, "HS256"))
    return identity.claims(token, issuer=issuer, client_id="me", nonce=nonce, now=NOW)


@pytest.mark.parametrize(
    ("change", "issuer"),
    [
        ({}, "https://idp.example"),
        ({"aud": ["me"]}, "https://idp.example"),
        ({"aud": ["me", "you"], "azp": "me"}, "https://idp.example"),
        ({"exp": NOW - 299}, "https://idp.example"),
        ({"iss": "accounts.google.com"}, "https://accounts.google.com"),
        ({"iss": "https://accounts.google.com"}, "https://accounts.google.com"),
        ({"iss": f"https://ms/{TENANT}/v2.0", "tid": TENANT}, "https://ms/{tenantid}/v2.0"),
    ],
)
def test_a_token_for_us(change, issuer):
    assert claims({**GOOD, **change}, issuer)["sub"] == "1"


@pytest.mark.parametrize(
    ("change", "issuer"),
    [
        ({"iss": "https://other.example"}, "https://idp.example"),
        ({"iss": "idp.example"}, "https://idp.example"),
        ({"iss": None}, "https://idp.example"),
        ({"aud": "you"}, "https://idp.example"),
        ({"aud": ["you"]}, "https://idp.example"),
        ({"aud": ["me", "you"]}, "https://idp.example"),
        ({"aud": ["me", "you"], "azp": "you"}, "https://idp.example"),
        ({"aud": None}, "https://idp.example"),
        ({"exp": NOW - 301}, "https://idp.example"),
        ({"exp": None}, "https://idp.example"),
        ({"nonce": "other"}, "https://idp.example"),
        ({"nonce": None}, "https://idp.example"),
        ({"iss": f"https://ms/{TENANT}/v2.0"}, "https://ms/{tenantid}/v2.0"),
        ({"iss": "https://ms/x/v2.0", "tid": "x"}, "https://ms/{tenantid}/v2.0"),
        ({"iss": "https://ms/x/v2.0", "tid": TENANT}, "https://ms/{tenantid}/v2.0"),
    ],
)
def test_a_token_for_somebody_else(change, issuer):
    body = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(SignInRefused):
        claims(body, issuer)


@pytest.mark.parametrize("text", ["", "a.b.c", "x", "eyJhbGciOiJub25lIn0.W10."])
def test_what_is_no_token(text):
    with pytest.raises(SignInRefused, match="cannot be read"):
        identity.claims(SecretStr(text), issuer="i", client_id="me", nonce="", now=NOW)


def test_a_device_code_has_no_nonce():
    body = {name: value for name, value in GOOD.items() if name != "nonce"}
    assert claims(body, nonce="")["sub"] == "1"


def test_names():
    said = {"sub": "1", "email": "Kim@example.org", "preferred_username": 7, "upn": ""}
    assert identity.names(said) == ["Kim@example.org", "1"]
    assert identity.names({}) == []


@pytest.mark.parametrize("verified", [False, "false"])
def test_an_address_that_nobody_has_verified_is_no_name(verified):
    said = {"sub": "1", "email": "kim@example.org", "email_verified": verified}
    assert identity.names(said) == ["1"]
    assert identity.names(said | {"email_verified": True})[0] == "kim@example.org"


def test_the_address_is_no_name_where_anybody_writes_it():
    said = {"sub": "1", "email": "kim@example.org", "preferred_username": "pat@example.com"}
    assert identity.names(said, email=False) == ["pat@example.com", "1"]
    assert not presets.QUIRKS["microsoft"].email


def test_the_right_mailbox_in_any_letter_case():
    identity.check_mailbox("kim@Example.org", ["x", "Kim@example.ORG"])


@pytest.mark.parametrize(
    "called", [["pat@example.org"], [], ["kim"], ["\N{KELVIN SIGN}im@example.org"]]
)
def test_the_wrong_mailbox_is_told_in_plain_words(called):
    with pytest.raises(SignInRefused) as caught:
        identity.check_mailbox("kim@example.org", called)
    assert "kim@example.org" in str(caught.value)
    for name in called:
        assert name in caught.value.cause
    assert "shared mailbox" in caught.value.advice
