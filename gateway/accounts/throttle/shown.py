"""What a client shows, as the throttle remembers it: no password, but what tells two apart."""

import hashlib
import hmac
import ipaddress
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from pydantic import SecretBytes

from gateway.maildrop import Attempt, BearerToken, Proof
from gateway.telemetry import printable

WHOLE = 10
"""Points of one wrong password."""
PART = 1
"""Points of one wrong proof that cannot be told from any other: ten make a password."""
_LONGEST_NAME = 255
_TAG_OCTETS = 16


@dataclass(frozen=True, slots=True)
class Shown:
    """One try.

    Attributes:
        name: The user's name as all spellings of it have it.
        address: Where from, as `address_of` has it.
        tag: Stands for name and password; of proofs that change with each challenge (APOP,
            CRAM-MD5, SCRAM) it stands for name and address, as there is nothing else.
        points: How much it counts if it is wrong.
    """

    name: str
    address: str
    tag: bytes
    points: int

    @property
    def distinct(self) -> bool:
        """Whether the same password shown again has the same tag."""
        return self.points == WHOLE


def shown(attempt: Attempt, key: bytes) -> Shown:
    """What is remembered of an attempt.

    Args:
        attempt: The client's.
        key: Random octets, without which nobody can try passwords on the tags.
    """
    name, address = name_of(attempt.user), address_of(attempt.peer)
    secret = _secret(attempt.proof)
    if secret is None:
        message = b"\0".join((b"unknown", name.encode(), address.encode()))
        return Shown(name, address, _tag(key, message), PART)
    return Shown(name, address, _tag(key, name.encode() + secret), WHOLE)


def _secret(proof: Proof) -> bytes | None:
    """What follows the name; it begins with NUL, which no name has, and the kind."""
    if isinstance(proof, SecretBytes):
        return b"\0password\0" + proof.get_secret_value()
    if isinstance(proof, BearerToken):
        return b"\0token\0" + proof.token.get_secret_value()
    return None


def _tag(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")[:_TAG_OCTETS]


def name_of(user: bytes) -> str:
    """One name for all spellings that a server may take for the same: one line, bounded."""
    if user.isascii():
        text = user.decode("ascii").lower()
    else:
        decoded = user.decode("utf-8", "backslashreplace")
        text = unicodedata.normalize("NFKC", decoded).casefold()
    if len(text) <= _LONGEST_NAME and text.isprintable():
        return text
    octets = text.encode("utf-8", "backslashreplace")
    return f"{printable(octets, _LONGEST_NAME)}#{hashlib.sha256(octets).hexdigest()[:16]}"


@lru_cache(4096)
def address_of(peer: str) -> str:
    """What one guesser has: an IPv4 address, or a /64 of IPv6 (RFC 6177 gives no less)."""
    if ":" not in peer:
        return peer
    try:
        address = ipaddress.IPv6Address(peer.partition("%")[0])
    except ValueError:
        return peer
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))
