"""SASL mechanisms on the server's side (RFC 5034), without I/O.

A mechanism is fed the client's decoded responses; each gives the next challenge or
the credentials.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from pydantic import SecretBytes


class SaslError(Exception):
    """The client's response does not belong to the mechanism."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a completed exchange gives."""

    user: bytes
    password: SecretBytes


class Mechanism(Protocol):
    """One exchange."""

    @property
    def first_challenge(self) -> bytes:
        """What to send if the client gave no initial response."""

    def respond(self, response: bytes) -> bytes | Credentials:
        """Take a response; return the next challenge, or the credentials.

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
        return _credentials(user, password)


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
        return _credentials(self._user, response)


MECHANISMS: Mapping[bytes, Callable[[], Mechanism]] = MappingProxyType(
    {b"PLAIN": Plain, b"LOGIN": Login}
)


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


def _credentials(user: bytes, password: bytes) -> Credentials:
    """NUL is the one octet that no IMAP string can carry (RFC 3501 §9, CHAR8)."""
    if not user or b"\0" in user + password:
        raise SaslError("a name and a password without NUL expected")
    return Credentials(user, SecretBytes(password))
