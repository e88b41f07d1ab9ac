"""The directory's database: SQLite in the state directory, or PostgreSQL for many."""

from pathlib import Path

from sqlalchemy import select, update

from gateway.accounts.store import schema
from gateway.accounts.store.database import Database
from gateway.accounts.store.directory import Accounts, Devices, Providers, Seen
from gateway.accounts.store.faults import AlreadyThere, NotThere, StoreRefusal
from gateway.accounts.store.grants import Grants
from gateway.accounts.store.migrate import migrate
from gateway.accounts.store.people import (
    Administrators,
    Invites,
    Notes,
    Visits,
    digest_of,
)
from gateway.accounts.store.rows import SEALED, Rows
from gateway.accounts.vault import Vault

__all__ = ["AlreadyThere", "NotThere", "Seen", "Store", "StoreRefusal", "digest_of"]


class Store:
    """All that is kept. Every method of its parts waits for the database: see `Runner`.

    Args:
        where: A file of SQLite, or the URL of a PostgreSQL database.
        vault: Encrypts the secrets in it.

    Raises:
        Misconfigured: It cannot be used.
    """

    def __init__(self, where: Path | str, vault: Vault) -> None:
        self.database = Database(where)
        migrate(self.database)
        self._vault = vault
        rows = Rows(vault)
        self.providers = Providers(self.database, rows)
        self.accounts = Accounts(self.database, rows)
        self.devices = Devices(self.database, rows)
        self.grants = Grants(self.database, rows)
        self.invites = Invites(self.database)
        self.administrators = Administrators(self.database)
        self.visits = Visits(self.database, rows)
        self.notes = Notes(self.database)

    def seal_anew(self) -> int:
        """Encrypt everything with the newest key.

        Returns:
            How many secrets there are.

        Raises:
            Misconfigured: One cannot be read; then nothing has changed.
        """
        number = 0
        with self.database.transaction() as connection:
            for name, columns in SEALED.items():
                table = schema.metadata.tables[name]
                keys = list(table.primary_key.columns)
                for row in connection.execute(select(table)).mappings().all():
                    values: dict[str, str] = {}
                    for column, pattern in columns:
                        if row[column] is not None:
                            place = pattern.format_map(dict(row))
                            values[column] = self._vault.seal(
                                place, self._vault.open(place, row[column])
                            )
                    if values:
                        where = [key == row[key.name] for key in keys]
                        connection.execute(update(table).where(*where).values(values))
                        number += len(values)
        return number

    def close(self) -> None:
        """Close all connections."""
        self.database.close()
