"""Proofs of a device's password that do not show it: APOP, CRAM-MD5, SCRAM-SHA-256."""

import hashlib
import hmac
from collections.abc import Sequence

from pydantic import SecretStr

from gateway.accounts.model import Device
from gateway.accounts.passwords import normalised
from gateway.accounts.sasl_scram import read_verifier
from gateway.errors import Misconfigured
from gateway.maildrop import Digest, ScramVerifier

_ROUNDS = 4096
_SALT = 16


def by_digest(devices: Sequence[Device], digest: Digest) -> Device | None:
    """The device whose kept password the digest was made of: as shown, or without dashes."""
    for device in devices:
        secret = device.secret
        if secret is not None and any(
            hmac.compare_digest(_digest(digest, each), digest.digest)
            for each in (secret, normalised(secret))
        ):
            return device
    return None


def _digest(digest: Digest, secret: SecretStr) -> bytes:
    """RFC 1939 §7: MD5 of the banner and the secret; RFC 2195 §2: HMAC-MD5."""
    octets = secret.get_secret_value().encode()
    if digest.method == "apop":
        together = digest.challenge + octets
        return hashlib.md5(together, usedforsecurity=False).hexdigest().encode()
    return hmac.new(octets, digest.challenge, "md5").hexdigest().encode()


def scram_verifier(device: Device) -> ScramVerifier:
    """What is kept for SCRAM.

    Raises:
        Misconfigured: It cannot be read.
    """
    try:
        return read_verifier(device.name, device.scram)
    except ValueError:
        raise Misconfigured(
            f"the SCRAM verifier of {device.account}/{device.name} cannot be read"
        ) from None


def made_up_verifier(key: bytes, name: str) -> ScramVerifier:
    """For a name that is not known: always the same, and nobody's password fits.

    Args:
        key: A secret that all processes share.
        name: Without letter case.
    """
    seed = name.encode("utf-8", "surrogateescape")
    salt, stored, server = (
        hmac.digest(key, b"%b %b" % (part, seed), "sha256")
        for part in (b"salt", b"stored", b"server")
    )
    return ScramVerifier("", salt[:_SALT], _ROUNDS, stored, server)
