"""Proofs of a device's password that do not show it: APOP, CRAM-MD5, SCRAM-SHA-256."""

import hmac
from collections.abc import Sequence

from gateway.accounts.model import Device
from gateway.accounts.passwords import normalised
from gateway.accounts.sasl_digest import matches
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
            matches(digest, each.get_secret_value().encode())
            for each in (secret, normalised(secret))
        ):
            return device
    return None


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
