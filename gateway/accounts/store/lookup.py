"""What a login asks the database: one account with its devices, by one question."""

from typing import Any, cast

from sqlalchemy import bindparam, select

from gateway.accounts.model import Known
from gateway.accounts.store import schema
from gateway.accounts.store.database import Database
from gateway.accounts.store.rows import Row, Rows, key_of

# More than any account has; each costs memory for as long as the account is remembered.
_MOST_DEVICES = 1000

_DEVICE = {column.name: f"device_{column.name}" for column in schema.device.c}
# Made once: to put it together takes as long as to ask it.
_QUESTION = (
    select(
        schema.account,
        schema.provider.c.upstream.label("provider_upstream"),
        *(column.label(_DEVICE[column.name]) for column in schema.device.c),
    )
    .select_from(
        schema.account.outerjoin(
            schema.provider, schema.account.c.provider == schema.provider.c.name
        ).outerjoin(schema.device, schema.device.c.account == schema.account.c.key)
    )
    .where(schema.account.c.key == bindparam("wanted"))
    .order_by(schema.device.c.name)
    .limit(_MOST_DEVICES)
)


class Lookup:
    """Finds whoever wants to log in."""

    def __init__(self, database: Database, rows: Rows) -> None:
        self._database = database
        self._rows = rows

    def known(self, name: str) -> Known | None:
        """An account, in whatever letter case.

        Raises:
            Unavailable: The database does not answer.
            Misconfigured: No key fits its secrets.
        """
        with self._database.reading() as connection:
            found = connection.execute(_QUESTION, {"wanted": key_of(name)}).mappings().all()
        if not found:
            return None
        row = found[0]
        devices = (_device(each) for each in found if each["device_name"] is not None)
        return Known(
            self._rows.to_account(row),
            tuple(self._rows.to_device(each, row["name"]) for each in devices),
            row["upstream"] or row["provider_upstream"] or "",
        )


def _device(row: Row) -> Row:
    """What a row says of a device, by the names that its own table has."""
    mine: dict[str, Any] = {name: row[label] for name, label in _DEVICE.items()}
    return cast("Row", mine)
