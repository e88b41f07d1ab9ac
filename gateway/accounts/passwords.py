"""Passwords of devices and administrators: made, normalised, hashed by Argon2id."""

import secrets
from dataclasses import dataclass
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import SecretStr

from gateway.accounts.names import ALPHABET

_SELECTOR = 4
_LENGTH = 16
_GROUP = 4

# OWASP's second choice (19 MiB, 2 passes): a device's password has 59 bits that nobody can
# guess, and thousands of devices come every minute.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@cache
def _nobody() -> str:
    """Of a password that nobody has: an unknown name takes as long as one that is known."""
    return _HASHER.hash(secrets.token_hex(16))


@dataclass(frozen=True, slots=True)
class DevicePassword:
    """A new password of a device.

    Attributes:
        shown: As people see and type it: four groups of four, 19 octets.
        selector: The first group; finds the device.
    """

    shown: SecretStr
    selector: str

    @property
    def hash(self) -> str:
        """Argon2id of it, normalised."""
        return hash_password(normalised(self.shown))


def new_device_password() -> DevicePassword:
    """One that nobody has had: 59 bits beyond its selector."""
    text = "".join(secrets.choice(ALPHABET) for _ in range(_LENGTH))
    groups = (text[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))
    return DevicePassword(SecretStr("-".join(groups)), text[:_SELECTOR])


def normalised(password: SecretStr) -> SecretStr:
    """As it is hashed: some panels know only capitals, people leave out the dashes."""
    text = password.get_secret_value()
    return SecretStr("".join(text.split()).replace("-", "").lower())


def selector_of(password: SecretStr) -> str:
    """Which device a password would be of; empty if it cannot be a device's."""
    text = normalised(password).get_secret_value()
    fits = len(text) == _LENGTH and all(each in ALPHABET for each in text)
    return text[:_SELECTOR] if fits else ""


def hash_password(password: SecretStr) -> str:
    """Argon2id in PHC's notation."""
    return _HASHER.hash(password.get_secret_value())


def verify(hashed: str, password: SecretStr) -> bool:
    """Whether the password is the one that was hashed; takes the same time for both.

    Args:
        hashed: As `hash_password` made it; empty for nobody's, which no password is.
        password: What was given.
    """
    try:
        _HASHER.verify(hashed or _nobody(), password.get_secret_value())
    except (VerificationError, InvalidHashError):
        return False
    return bool(hashed)
