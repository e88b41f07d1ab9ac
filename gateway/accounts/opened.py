"""The directory's database as the settings name it, for the gateway and its commands."""

from dataclasses import dataclass
from pathlib import Path

from gateway.accounts.keys import Keys
from gateway.accounts.secret_file import read_secret
from gateway.accounts.settings import AccountsSettings
from gateway.accounts.store import Store
from gateway.accounts.vault import Vault


@dataclass(frozen=True, slots=True)
class Opened:
    """The database with its keys.

    Attributes:
        keys: Where they are, to be read again.
    """

    store: Store
    vault: Vault
    keys: Keys

    def reload(self) -> None:
        """Read the keys again.

        Raises:
            Misconfigured: They cannot be used; the old ones stay.
        """
        self.vault.use(self.keys.read())


def open_store(where: Path | str, settings: AccountsSettings) -> Opened:
    """Open it.

    Args:
        where: A file, whose directory also has the key if there is no other; or a URL.
        settings: Where else keys may be, and the password for the URL.

    Raises:
        Misconfigured: It cannot be used, or there is no key.
    """
    database = where if isinstance(where, Path) else None
    own = database.with_name("key") if database is not None else None
    keys = Keys(settings.key_file, own, database=database)
    vault = Vault(keys.read())
    file = settings.store_password_file
    password = None if file is None else read_secret(file)
    return Opened(Store(where, vault, password), vault, keys)
