"""Encrypts the secrets of a table anew, a few rows at a time, so that nobody waits long."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, RowMapping, Table, select, tuple_, update

from gateway.accounts.store.database import Database
from gateway.accounts.vault import Vault

_AT_ONCE = 200
Columns = Sequence[tuple[str, str]]


def seal_anew(database: Database, vault: Vault, table: Table, columns: Columns) -> int:
    """Encrypt all with the newest key.

    Args:
        database: Where.
        vault: The keys.
        table: Which.
        columns: Those that are sealed, each with the pattern of its place.

    Returns:
        How many secrets there are.

    Raises:
        Misconfigured: No key fits one.
        Unavailable: The database does not do its work.
    """
    number, last = 0, None
    keys = list(table.primary_key.columns)
    while True:
        # Locked, or a refresh token that is renewed in between would be overwritten.
        query = select(table).order_by(*keys).limit(_AT_ONCE).with_for_update()
        if last is not None:
            query = query.where(tuple_(*keys) > tuple_(*last))
        with database.transaction() as connection:
            rows = connection.execute(query).mappings().all()
            number += sum(_seal_row(connection, vault, table, columns, row) for row in rows)
        if len(rows) < _AT_ONCE:
            return number
        last = [rows[-1][key.name] for key in keys]


def _seal_row(
    connection: Connection, vault: Vault, table: Table, columns: Columns, row: RowMapping
) -> int:
    values = _sealed(vault, columns, row)
    if values:
        where = [key == row[key.name] for key in table.primary_key.columns]
        connection.execute(update(table).where(*where).values(values))
    return len(values)


def _sealed(vault: Vault, columns: Columns, row: RowMapping) -> Mapping[str, str]:
    found = {}
    for column, pattern in columns:
        if row[column] is not None:
            place = pattern.format_map(dict(row))
            found[column] = vault.seal(place, vault.open(place, row[column]))
    return found
