"""Who has signed in: ID tokens from the token endpoint, and comparing with the mailbox."""

import jwt
import pytest
from pydantic import SecretStr

from gateway.accounts.oauth import identity
from gateway.accounts.oauth.causes import SignInRefused
from gateway.accounts.oauth.presets import QUIRKS

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


@pytest.mark.parametrize("text", ["", "a.b.c", "x", "eyJhbGciOiJub25lIn0.W10.", "\ud800"])
def test_what_is_no_token(text):
    with pytest.raises(SignInRefused, match="cannot be read"):
        identity.claims(SecretStr(text), issuer="i", client_id="me", nonce="", now=NOW)


def test_a_device_code_has_no_nonce():
    body = {name: value for name, value in GOOD.items() if name != "nonce"}
    assert claims(body, nonce="")["sub"] == "1"


KIM, PAT = "kim@example.org", "pat@example.org"


@pytest.mark.parametrize(
    ("preset", "said", "names"),
    [
        ("oidc", {"sub": "1", "email": KIM, "preferred_username": 7, "upn": ""}, [KIM, "1"]),
        ("oidc", {}, []),
        ("oidc", {"email": KIM, "email_verified": False}, []),
        ("oidc", {"email": KIM, "email_verified": "false"}, []),
        ("oidc", {"email": KIM, "email_verified": "true"}, [KIM]),
        ("oidc", {"email": PAT, "email_verified": False, "preferred_username": KIM}, []),
        ("oidc", {"email": PAT, "preferred_username": KIM}, [PAT]),
        ("oidc", {"email": PAT, "preferred_username": "kim"}, [PAT, "kim"]),
        ("oidc", {"preferred_username": KIM}, [KIM]),
        ("oidc", {"sub": "kim\x1b[2J"}, []),
        ("oidc", {"sub": "k" * 321}, []),
        ("google", {"email": PAT, "preferred_username": KIM, "sub": "1"}, [PAT, "1"]),
        ("google", {"email": KIM, "email_verified": False, "sub": "1"}, ["1"]),
        ("microsoft", {"email": KIM, "preferred_username": PAT}, [PAT]),
        ("microsoft", {"email": KIM, "email_verified": True, "upn": PAT}, [PAT]),
        ("microsoft", {"email": KIM, "xms_edov": False, "upn": PAT}, [PAT]),
        ("microsoft", {"email": KIM, "xms_edov": "1", "upn": PAT}, [KIM, PAT]),
        ("microsoft", {"email": KIM, "sub": KIM, "unique_name": KIM}, []),
    ],
)
def test_which_claim_names_the_mailbox(preset, said, names):
    """Nobody attaches another's mailbox by a claim that is his own to choose."""
    assert identity.names(said, QUIRKS[preset].naming) == names


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
