"""SCRAM-SHA-256: the example of RFC 7677, wrong proofs, and what is no message of it."""

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretBytes
from scramp import ScramClient

from gateway.accounts.sasl import Credentials, SaslError, VerifierWanted
from gateway.accounts.sasl_scram import (
    ScramSha256,
    make_verifier,
    read_verifier,
    write_verifier,
)
from gateway.maildrop import Scram, ScramVerifier

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
NONCE = b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
BOTH = b"rOprNGfwEbeRWgbNEkqO" + NONCE
FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
LAST = b"c=biws,r=" + BOTH + b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
SIGNATURE = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def verifier(password=b"pencil", device="printer"):
    return make_verifier(device, SecretBytes(password), SALT)


def begun(**options):
    """An exchange that has sent its challenge."""
    exchange = ScramSha256(lambda: NONCE)
    wanted = exchange.respond(FIRST)
    assert wanted.user == b"user"
    assert wanted.told(verifier(**options)) == (
        b"r=" + BOTH + b",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    return exchange


def test_the_example_of_rfc_7677():
    assert begun().respond(LAST) == Credentials(
        b"user", Scram("printer", proven=True), accepted=SIGNATURE
    )


def test_a_wrong_password_is_told_to_the_directory_and_nothing_to_the_client():
    assert begun(password=b"pen").respond(LAST) == Credentials(
        b"user", Scram("printer", proven=False)
    )


def test_a_made_up_verifier_looks_the_same_and_proves_nothing():
    exchange = ScramSha256(lambda: NONCE)
    made_up = ScramVerifier("", SALT, 4096, bytes(32), bytes(32))
    assert exchange.respond(FIRST).told(made_up).endswith(b"i=4096")
    assert exchange.respond(LAST) == Credentials(b"user", Scram("", proven=False))


@pytest.mark.parametrize("proof", [b"AAAA", base64.b64encode(bytes(33))])
def test_a_proof_of_another_length_is_wrong(proof):
    answer = begun().respond(b"c=biws,r=" + BOTH + b",p=" + proof)
    assert answer.proof == Scram("printer", proven=False)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff",
        b"n",
        b"n,,",
        b"n,,n=user",
        b"n,,n=,r=abc",
        b"n,,r=abc,n=user",
        b"n,a=other,n=user,r=abc",
        b"x,,n=user,r=abc",
        b"p=tls-unique,,n=user,r=abc",
        b"p=tls-exporter,,n=user,r=abc",
        b"n,,m=must,n=user,r=abc",
        b"n,,n=us=er,r=abc",
        b"n,,n=us\0er,r=abc",
        b"n,,n=us\x07er,r=abc",
    ],
)
def test_what_is_no_first_message(message):
    with pytest.raises(SaslError):
        ScramSha256(lambda: NONCE).respond(message)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff",
        FIRST,
        LAST.replace(b"biws", b"eSws"),
        LAST.replace(b"biws", b"*"),
        LAST.replace(NONCE, b"replayed"),
        LAST.replace(b",p=", b",q="),
        LAST + b",p=AAAA",
        b"c=biws,r=" + BOTH + b",p=",
    ],
)
def test_what_is_no_last_message(message):
    with pytest.raises(SaslError):
        begun().respond(message)


@pytest.mark.parametrize(
    "broken",
    [
        ScramVerifier("d", b"short", 4096, b"", b""),
        ScramVerifier("d", SALT, 1, b"", b""),
    ],
)
def test_a_verifier_that_cannot_be_used(broken):
    with pytest.raises(SaslError, match="verifier"):
        ScramSha256(lambda: NONCE).respond(FIRST).told(broken)


@pytest.mark.parametrize("name", ["user", "a,b=c", "J\u00fcrgen", "user@example.org"])
def test_names_and_passwords_of_a_real_client(name):
    client = ScramClient(["SCRAM-SHA-256"], name, "p\u00e4ss, =word")
    exchange = ScramSha256(lambda: b"fresh")
    wanted = exchange.respond(client.get_client_first().encode())
    assert isinstance(wanted, VerifierWanted)
    assert wanted.user == name.encode()
    kept = make_verifier("d", SecretBytes("p\u00e4ss, =word".encode()), SALT, 5000)
    client.set_server_first(wanted.told(kept).decode())
    answer = exchange.respond(client.get_client_final().encode())
    assert answer.proof == Scram("d", proven=True)
    client.set_server_final(answer.accepted.decode())


def test_a_verifier_is_kept_as_text():
    text = write_verifier(verifier())
    assert text.startswith("4096:W22ZaJ0SNY7soEsUEjb6gQ==:")
    assert read_verifier("printer", text) == verifier()
    assert "pencil" not in text


@pytest.mark.parametrize("text", ["", "4096", "x:AAAA:AAAA:AAAA", "1:a:b:c", "1::::"])
def test_what_is_no_verifier(text):
    with pytest.raises(ValueError, match=r"^not a SCRAM verifier$"):
        read_verifier("d", text)


@pytest.mark.parametrize("password", [b"\xff", b"bell\x07"])
def test_a_password_without_a_verifier(password):
    with pytest.raises(ValueError, match="no verifier") as error:
        make_verifier("d", SecretBytes(password), SALT)
    assert "bell" not in str(error.value)


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_any_octets_are_steps_or_an_error(first, last):
    exchange = ScramSha256(lambda: NONCE)
    with contextlib.suppress(SaslError):
        exchange.respond(first)
    with contextlib.suppress(SaslError):
        begun().respond(last)
