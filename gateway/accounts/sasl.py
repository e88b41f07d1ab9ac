"""SASL mechanisms on the server's side (RFC 5034), without I/O.

A mechanism is fed the client's decoded responses; each gives the next challenge, asks for
what the directory knows, or gives the credentials. Here are the two that show a password;
`sasl_table` names all.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretBytes

from gateway.maildrop import Proof, ScramVerifier


class SaslError(Exception):
    """The client's response does not belong to the mechanism."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a completed exchange gives.

    Attributes:
        user: The name.
        proof: What the client showed for it.
        accepted: A last challenge that comes before the positive answer; None for none.
        refused: The same before a negative one.
    """

    user: bytes
    proof: Proof
    accepted: bytes | None = None
    refused: bytes | None = None


@dataclass(frozen=True, slots=True)
class VerifierWanted:
    """The exchange can go on only with what the directory keeps of a user.

    Attributes:
        user: The name.
        told: Takes it; returns the next challenge, or raises `SaslError`.
    """

    user: bytes
    told: Callable[[ScramVerifier], bytes]


Step = bytes | Credentials | VerifierWanted
"""What a response leads to: a challenge, the end, or a question."""


class Mechanism(Protocol):
    """One exchange."""

    @property
    def first_challenge(self) -> bytes:
        """What to send if the client gave no initial response."""

    def respond(self, response: bytes) -> Step:
        """Take a response; return the next challenge, a question, or the credentials.

        Raises:
            SaslError: The exchange has failed.
        """


class Plain:
    """RFC 4616: authorization identity NUL name NUL password, all at once."""

    first_challenge = b""

    def respond(self, response: bytes) -> Credentials:
        """The credentials; acting for somebody else is not supported."""
        parts = response.split(b"\0")
        if len(parts) != 3:
            raise SaslError("three parts expected")
        authorization, user, password = parts
        if authorization not in {b"", user}:
            raise SaslError("one user cannot act for another")
        return _password(user, password)


class Login:
    """The mechanism without an RFC that old clients prefer: name, then password."""

    first_challenge = b"Username:"

    def __init__(self) -> None:
        self._user: bytes | None = None

    def respond(self, response: bytes) -> bytes | Credentials:
        """The challenge for the password, then the credentials."""
        if self._user is None:
            self._user = response
            return b"Password:"
        return _password(self._user, response)


def decode(response: bytes) -> bytes:
    """The octets of one base64 response line.

    Raises:
        SaslError: It is not base64.
    """
    try:
        return base64.b64decode(response, validate=True)
    except binascii.Error:
        raise SaslError("not base64") from None


def encode(challenge: bytes) -> bytes:
    """A challenge as it goes over the wire."""
    return base64.b64encode(challenge)


def name(user: bytes) -> bytes:
    """A name that an upstream can be given.

    Raises:
        SaslError: It is none.
    """
    if not user or not one_line(user):
        raise SaslError("a name without NUL, CR and LF expected")
    return user


def one_line(text: bytes) -> bool:
    """Whether a name or a password can be written into a line of another protocol.

    NUL is the one octet that no IMAP string can carry (RFC 3501 §9, CHAR8), and in RFC 4616
    it stands between the parts; CR and LF would end the line.
    """
    return not any(octet in text for octet in b"\0\r\n")


def _password(user: bytes, password: bytes) -> Credentials:
    if not one_line(password):
        raise SaslError("a password without NUL, CR and LF expected")
    return Credentials(name(user), SecretBytes(password))
