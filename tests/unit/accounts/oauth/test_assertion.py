"""Private keys instead of client secrets: signed with, and never shown."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from gateway.accounts.oauth import assertion
from gateway.errors import Misconfigured
from tests.unit.accounts.oauth.desk import EPOCH, ISSUER, run

KEY = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)
ROBOT = "robot@project.iam.example"


def pem(key=KEY, encryption=None):
    return key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()
    ).decode()


def certified(key=KEY):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=30))
        .sign(key, SHA256())
    )


CERTIFICATE = certified()
FILE = SecretStr(CERTIFICATE.public_bytes(Encoding.PEM).decode() + pem())


def service_account(**change):
    whole = {
        "type": "service_account",
        "client_email": ROBOT,
        "private_key": pem(),
        "private_key_id": "k1",
        **change,
    }
    return SecretStr(json.dumps(whole))


def read(token, audience, algorithm):
    """What it says, if the signature is right; times are the tests' own."""
    options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
    key = KEY.public_key()
    return jwt.decode(token, key, [algorithm], options, audience=audience)


def test_a_client_proves_itself_by_its_certificate(desk):
    desk.register("microsoft", client_secret=FILE)
    run(desk.sign_in.client_credentials("kim"))
    [form] = desk.idp.posts
    assert form["grant_type"] == "client_credentials"
    assert form["client_id"] == "gateway"
    assert "client_secret" not in form
    assert form["client_assertion_type"] == assertion.ASSERTION_TYPE
    token = form["client_assertion"]
    claims = read(token, f"{ISSUER}/token", "PS256")
    assert (claims["iss"], claims["sub"]) == ("gateway", "gateway")
    assert claims["exp"] - EPOCH == pytest.approx(600, abs=2)
    thumbprint = urlsafe_b64encode(CERTIFICATE.fingerprint(SHA256())).decode().rstrip("=")
    assert jwt.get_unverified_header(token)["x5t#S256"] == thumbprint
    desk.clock.advance(3600)
    run(desk.keeper.tokens("kim").token())
    again = read(desk.idp.posts[1]["client_assertion"], f"{ISSUER}/token", "PS256")
    assert again["jti"] != claims["jti"]


def test_a_refresh_is_proved_likewise(desk):
    desk.register("microsoft", client_secret=FILE).grant(life=0.0)
    run(desk.keeper.tokens("kim").token())
    [form] = desk.idp.posts
    assert form["refresh_token"] == "refresh-0"
    assert read(form["client_assertion"], f"{ISSUER}/token", "PS256")


def test_a_service_account_opens_the_mailbox_of_the_account(desk):
    desk.register("google", "imaps://imap.gmail.com", client_secret=service_account())
    run(desk.sign_in.client_credentials("kim"))
    assert desk.row().flow == "client"
    [form] = desk.idp.posts
    assert set(form) == {"grant_type", "assertion"}
    assert form["grant_type"] == assertion.GRANT_TYPE
    claims = read(form["assertion"], f"{ISSUER}/token", "RS256")
    assert (claims["iss"], claims["sub"]) == (ROBOT, "kim@example.org")
    assert claims["scope"] == "https://mail.google.com/"
    assert jwt.get_unverified_header(form["assertion"])["kid"] == "k1"
    desk.clock.advance(3600)
    assert run(desk.keeper.tokens("kim").token()).startswith(b"access-")


def test_a_service_account_is_for_nothing_else(desk):
    desk.register("google", "imaps://imap.gmail.com", client_secret=service_account())
    desk.grant(life=0.0)
    with pytest.raises(Exception, match="as the client only"):
        run(desk.keeper.tokens("kim").token())
    assert desk.idp.posts == []


EC = ec.generate_private_key(ec.SECP256R1())
WRONG = {
    "text": SecretStr("hunter2"),
    "no certificate": SecretStr(pem()),
    "no key": SecretStr(CERTIFICATE.public_bytes(Encoding.PEM).decode()),
    "another's certificate": SecretStr(
        certified(OTHER).public_bytes(Encoding.PEM).decode() + pem()
    ),
    "encrypted": SecretStr(
        CERTIFICATE.public_bytes(Encoding.PEM).decode()
        + pem(encryption=BestAvailableEncryption(b"hunter2"))
    ),
    "another kind": SecretStr(certified(EC).public_bytes(Encoding.PEM).decode() + pem(EC)),
    "other JSON": SecretStr('{"installed": {"client_id": "x"}}'),
    "half a file": service_account(private_key_id=None),
    "no key in it": service_account(private_key="hunter2"),
    "another key in it": service_account(private_key=pem(EC)),
}


@pytest.mark.parametrize("secret", WRONG.values(), ids=WRONG)
def test_what_cannot_be_used_is_told_and_not_shown(secret):
    with pytest.raises(Misconfigured) as told:
        assertion.check_key(secret)
    assert "hunter2" not in str(told.value)
    assert "PRIVATE" not in str(told.value)


@pytest.mark.parametrize("secret", [FILE, service_account()], ids=["pem", "json"])
def test_what_can_be_used(secret):
    assertion.check_key(secret)
