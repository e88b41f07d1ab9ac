"""The directory's database: SQLite in the state directory, or PostgreSQL for many."""

from pathlib import Path

from pydantic import SecretStr

from gateway.accounts.store import schema
from gateway.accounts.store.database import Database
from gateway.accounts.store.directory import Accounts, Devices, Providers, Seen
from gateway.accounts.store.faults import AlreadyThere, NotThere, StoreRefusal
from gateway.accounts.store.grants import Grants
from gateway.accounts.store.lookup import Lookup
from gateway.accounts.store.migrate import migrate
from gateway.accounts.store.people import (
    Administrators,
    Invites,
    Notes,
    Visits,
    digest_of,
)
from gateway.accounts.store.rotate import seal_anew
from gateway.accounts.store.rows import SEALED, Rows
from gateway.accounts.vault import Vault

__all__ = ["AlreadyThere", "NotThere", "Seen", "Store", "StoreRefusal", "digest_of"]


class Store:
    """All that is kept. Every method of its parts waits for the database: see `Runner`.

    Args:
        where: A file of SQLite, or the URL of a PostgreSQL database.
        vault: Encrypts the secrets in it.
        password: Of the user in the URL.

    Raises:
        Misconfigured: It cannot be used.
    """

    def __init__(
        self, where: Path | str, vault: Vault, password: SecretStr | None = None
    ) -> None:
        self.database = Database(where, password)
        try:
            migrate(self.database)
        except BaseException:
            self.database.close()
            raise
        self._vault = vault
        rows = Rows(vault)
        self.providers = Providers(self.database, rows)
        self.accounts = Accounts(self.database, rows)
        self.devices = Devices(self.database, rows)
        self.lookup = Lookup(self.database, rows)
        self.grants = Grants(self.database, rows)
        self.invites = Invites(self.database)
        self.administrators = Administrators(self.database)
        self.visits = Visits(self.database, rows)
        self.notes = Notes(self.database)

    def seal_anew(self) -> int:
        """Encrypt everything with the newest key, while others work with it.

        Returns:
            How many secrets there are.

        Raises:
            Misconfigured: One cannot be read: a key is missing. What was done by then is
                good, and it can be begun anew.
        """
        return sum(
            seal_anew(self.database, self._vault, schema.metadata.tables[name], columns)
            for name, columns in SEALED.items()
        )

    def close(self) -> None:
        """Close all connections."""
        self.database.close()
