"""Encryption of secrets at rest: Fernet (AES-128-CBC, HMAC-SHA-256) of `cryptography`.

The first key encrypts, all decrypt; so a key is rotated by putting a new one in front,
encrypting everything anew (`pop3-gateway accounts rotate-key`) and taking the old one away.
"""

import os
import stat
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from gateway.errors import Misconfigured

_MOST_KEYS = 16
_LARGEST_FILE = 4096


class Vault:
    """Seals secrets under the keys, each for one place, so that none can be moved to another.

    Args:
        keys: As `cryptography.fernet.Fernet.generate_key` makes them, the newest first.

    Raises:
        Misconfigured: There is none, or one is none.
    """

    def __init__(self, keys: list[SecretStr]) -> None:
        self.use(keys)

    def use(self, keys: list[SecretStr]) -> None:
        """Other keys from now on; if they cannot be used, those from before stay.

        Raises:
            Misconfigured: There is none, or one is none.
        """
        if not keys or len(keys) > _MOST_KEYS:
            raise Misconfigured(f"there must be 1 to {_MOST_KEYS} keys, not {len(keys)}")
        try:
            made = [Fernet(key.get_secret_value().encode()) for key in keys]
        except ValueError:
            raise Misconfigured(
                "a key is not 32 octets in URL-safe base64: make one with "
                "pop3-gateway accounts new-key"
            ) from None
        self._all = MultiFernet(made)

    def seal(self, place: str, secret: SecretStr) -> str:
        """The secret, readable only with a key and for the same place."""
        text = f"{place}\0{secret.get_secret_value()}"
        return self._all.encrypt(text.encode()).decode()

    def open(self, place: str, sealed: str) -> SecretStr:
        """The secret.

        Raises:
            Misconfigured: None of the keys fits, or it was sealed for another place.
        """
        try:
            text = self._all.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise Misconfigured(
                f"no key fits the secret of {place}: give the key it was encrypted with too"
            ) from None
        sealed_for, _, secret = text.partition("\0")
        if sealed_for != place:
            raise Misconfigured(f"the secret of {place} was encrypted for another place")
        return SecretStr(secret)


def new_key() -> SecretStr:
    """A key that nobody has had."""
    return SecretStr(Fernet.generate_key().decode())


def read_keys(path: Path) -> list[SecretStr]:
    """The keys in a file, one a line, the newest first; `#` begins a comment line.

    Raises:
        Misconfigured: It cannot be read, or others may read it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(_LARGEST_FILE + 1).decode("ascii", "replace")
    except OSError as error:
        raise Misconfigured(f"the key file {path}: {error.strerror}") from None
    if stat.S_ISREG(mode) and mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise Misconfigured(f"the key file {path} is open to others: chmod 600 {path}")
    lines = [line.strip() for line in text.splitlines()]
    return [SecretStr(line) for line in lines if line and not line.startswith("#")]


def make_key_file(path: Path) -> None:
    """Write a new key to a file that is not there yet; do nothing if somebody was quicker.

    Raises:
        Misconfigured: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = path.with_name(f".{path.name}.{os.getpid()}")
        with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123 - a mode from the first moment
            file.write(f"{new_key().get_secret_value()}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(made, path)  # whole or not at all, and never over another
        except FileExistsError:
            pass
        finally:
            made.unlink()
    except OSError as error:
        raise Misconfigured(f"cannot write the key file {path}: {error.strerror}") from None
