"""Where the keys of the vault are: a file, the environment, systemd, or the state directory."""

import os
from collections.abc import MutableMapping
from pathlib import Path

from pydantic import SecretStr

from gateway.accounts.vault import make_key_file, read_keys
from gateway.errors import Misconfigured

VARIABLE = "POP3_GATEWAY_KEY"
_CREDENTIAL = "pop3-gateway-key"
# What this process' environment held, for whoever asks later.
_OURS: list[SecretStr] = []


class Keys:
    """Finds the keys, as often as asked.

    Args:
        file: What the settings name.
        own: The file to make a key in if there is none anywhere; None for none.
        database: Beside it; if it is there and the key is not, its key is elsewhere.
        environment: Of the process. The keys are taken out of it, so that no program that
            is started gets them.
    """

    def __init__(
        self,
        file: Path | None,
        own: Path | None,
        environment: MutableMapping[str, str] = os.environ,
        *,
        database: Path | None = None,
    ) -> None:
        self._file = file
        self._own = own
        self._database = database
        self._given = _taken_out(environment)
        self._credentials = environment.get("CREDENTIALS_DIRECTORY", "")

    def read(self) -> list[SecretStr]:
        """The keys, the newest first.

        Raises:
            Misconfigured: There are none, or they cannot be read.
        """
        if self._file is not None:
            return read_keys(self._file)
        if self._given:
            return self._given
        credential = Path(self._credentials, _CREDENTIAL)
        if self._credentials and credential.exists():
            return read_keys(credential)
        return self._own_keys()

    def _own_keys(self) -> list[SecretStr]:
        if self._own is None:
            raise Misconfigured(
                "there is no key for the secrets in the directory: make one with "
                "pop3-gateway accounts new-key, and name its file in accounts.key_file"
            )
        # Looked for before the key, which is made before it: another process may be at it.
        is_old = self._database is not None and self._database.exists()
        if not self._own.exists():
            if is_old:
                raise Misconfigured(
                    f"{self._database} is there, and its key is not: name it in "
                    f"accounts.key_file or {VARIABLE}, as the gateway has it; if it is lost, "
                    f"pop3-gateway accounts new-key {self._own} makes another, and kept "
                    "passwords and consents must be given anew"
                )
            make_key_file(self._own)
        return read_keys(self._own)


def _taken_out(environment: MutableMapping[str, str]) -> list[SecretStr]:
    given = environment.pop(VARIABLE, "").replace(",", " ").split()
    found = [SecretStr(key) for key in given]
    if environment is os.environ:
        _OURS[:] = found or _OURS
        return list(_OURS)
    return found
