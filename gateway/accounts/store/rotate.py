"""Encrypts the secrets of a table anew, a few rows at a time, so that nobody waits long."""

from collections.abc import Mapping, Sequence

from sqlalchemy import RowMapping, Table, Update, bindparam, select, tuple_, update

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
    change = _change(table, columns)
    while True:
        # Locked, or a refresh token that is renewed in between would be overwritten.
        query = select(table).order_by(*keys).limit(_AT_ONCE).with_for_update()
        if last is not None:
            query = query.where(tuple_(*keys) > tuple_(*last))
        with database.transaction() as connection:
            rows = connection.execute(query).mappings().all()
            sealed = [_sealed(vault, table, columns, row) for row in rows]
            changes = [each for each in sealed if each]
            if changes:
                connection.execute(change, changes)
        number += sum(each[column] is not None for each in changes for column, _ in columns)
        if len(rows) < _AT_ONCE:
            return number
        last = [rows[-1][key.name] for key in keys]


def _change(table: Table, columns: Columns) -> Update:
    where = [key == bindparam(f"the_{key.name}") for key in table.primary_key]
    return update(table).where(*where).values({name: bindparam(name) for name, _ in columns})


def _sealed(
    vault: Vault, table: Table, columns: Columns, row: RowMapping
) -> Mapping[str, str | None]:
    """What to put into a row; nothing if it has no secret."""
    if all(row[column] is None for column, _ in columns):
        return {}
    found: dict[str, str | None] = {f"the_{k.name}": row[k.name] for k in table.primary_key}
    for column, pattern in columns:
        place, old = pattern.format_map(dict(row)), row[column]
        found[column] = None if old is None else vault.seal(place, vault.open(place, old))
    return found
