"""What a login asks the database: one account with its devices, in one transaction."""

from sqlalchemy import select

from gateway.accounts.model import Known
from gateway.accounts.store import schema
from gateway.accounts.store.database import Database
from gateway.accounts.store.rows import Rows, key_of

# More than any account has; each costs memory for as long as the account is remembered.
_MOST_DEVICES = 1000


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
        account, device, provider = schema.account, schema.device, schema.provider
        key = key_of(name)
        who = (
            select(account, provider.c.upstream.label("provider_upstream"))
            .join_from(account, provider, account.c.provider == provider.c.name, isouter=True)
            .where(account.c.key == key)
        )
        what = select(device).where(device.c.account == key).limit(_MOST_DEVICES)
        with self._database.reading() as connection:
            row = connection.execute(who).mappings().first()
            if row is None:
                return None
            devices = connection.execute(what.order_by(device.c.name)).mappings().all()
        return Known(
            self._rows.to_account(row),
            tuple(self._rows.to_device(each, row["name"]) for each in devices),
            row["upstream"] or row["provider_upstream"] or "",
        )
