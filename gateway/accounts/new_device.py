"""A device with a new password, in all the shapes in which it will be asked for."""

import os
from dataclasses import replace

from pydantic import SecretBytes

from gateway.accounts.model import Device
from gateway.accounts.passwords import DevicePassword, new_device_password
from gateway.accounts.sasl_scram import make_verifier, write_verifier

_SALT = 16


def with_new_password(
    device: Device, *, keep: bool, scram: bool
) -> tuple[Device, DevicePassword]:
    """The device, and what its owner must be shown once.

    Args:
        device: What else is to be known of it.
        keep: Whether the password itself is kept: APOP and CRAM-MD5 need it.
        scram: Whether a verifier for SCRAM-SHA-256 is made: of the password as it is shown.
    """
    password = new_device_password()
    made = replace(
        device,
        selector=password.selector,
        hash=password.hash,
        secret=password.shown if keep else None,
        scram=_verifier(device.name, password) if scram else "",
        revoked=None,
    )
    return made, password


def _verifier(device: str, password: DevicePassword) -> str:
    shown = SecretBytes(password.shown.get_secret_value().encode())
    return write_verifier(make_verifier(device, shown, os.urandom(_SALT)))
