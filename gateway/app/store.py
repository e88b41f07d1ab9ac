"""The directory's database as the settings name it, for the gateway and its commands."""

from dataclasses import dataclass

from gateway.accounts.keys import Keys
from gateway.accounts.secret_file import read_secret
from gateway.accounts.store import Store
from gateway.accounts.vault import Vault
from gateway.config import Settings


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


def open_store(settings: Settings) -> Opened | None:
    """The directory's database; None without one.

    Raises:
        Misconfigured: It cannot be used, or there is no key.
    """
    where = settings.store
    if where is None:
        return None
    accounts = settings.accounts
    own = settings.state.dir / "key" if accounts.store in {"", "embedded"} else None
    keys = Keys(accounts.key_file, own)
    vault = Vault(keys.read())
    file = accounts.store_password_file
    password = None if file is None else read_secret(file)
    return Opened(Store(where, vault, password), vault, keys)
