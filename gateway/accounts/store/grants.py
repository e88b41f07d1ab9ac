"""OAuth2 grants in the database: one writer at a time, and none on an old row."""

from collections.abc import Sequence

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from gateway.accounts.model import Grant, opens
from gateway.accounts.store import schema
from gateway.accounts.store.database import Database, upsert
from gateway.accounts.store.rows import Row, Rows, key_of

_GRANT = schema.grant.c
_ACCOUNT = schema.account.c
_WHOSE = (_ACCOUNT.name.label("account_name"), _ACCOUNT.provider, _ACCOUNT.mailbox)
_Where = ColumnElement[bool]
# Their numbers have 31 bits, and go up with each refresh.
_FIRST_VERSIONS = 1 << 30
_LONGEST_LEASE = 600.0


class Grants:
    """What owners have consented to.

    A refresh is: `lease`, ask the provider, `save`. Who does not get the lease reads the
    row again until its version has changed. A process that dies in between holds up the
    others until its lease ends, and no longer.
    """

    def __init__(self, database: Database, rows: Rows) -> None:
        self._database = database
        self._rows = rows

    def get(self, account: str) -> Grant | None:
        """An account's grant."""
        return next(iter(self._select(_GRANT.account == key_of(account))), None)

    def all(self, *, limit: int = 10_000, offset: int = 0) -> Sequence[Grant]:
        """All, those first whose access token ends first."""
        return self._select(None, limit, offset)

    def unrefreshed(
        self, before: float, now: float, *, broken: bool, limit: int = 500, offset: int = 0
    ) -> Sequence[Grant]:
        """Those that were not refreshed since a time: the broken ones, or all others.

        What was refreshed in the future was so before the clock was put back.
        """
        state = _GRANT.broken != "" if broken else _GRANT.broken == ""
        old = or_(_GRANT.refreshed <= before, _GRANT.refreshed > now)
        return self._select(and_(state, old), limit, offset)

    def worrying(self, *, ends_before: float, refreshed_before: float) -> Sequence[Grant]:
        """Those that are broken, that end soon, or that were not refreshed for long."""
        where = or_(
            _GRANT.broken != "",
            _GRANT.consent_ends <= ends_before,
            _GRANT.refreshed <= refreshed_before,
        )
        return self._select(where, 10_000)

    def put(self, grant: Grant) -> None:
        """A new consent: takes the place of what was there, whoever is refreshing that."""
        first = _first_version(grant)
        values = self._rows.from_grant(grant) | {"version": first, "leased_until": 0.0}
        with self._database.transaction() as connection:
            changes = values | {"version": _GRANT.version + 1}
            upsert(connection, schema.grant, values, changes)

    def lease(self, account: str, version: int, *, until: float, now: float) -> bool:
        """Be the one who refreshes this version until a time; False if another is."""
        change = (
            update(schema.grant)
            .where(
                self._this(account, version),
                # One that ends so late was taken before the clock was put back.
                or_(_GRANT.leased_until <= now, _GRANT.leased_until > now + _LONGEST_LEASE),
            )
            .values(leased_until=until)
        )
        with self._database.transaction() as connection:
            return connection.execute(change).rowcount == 1

    def prolong(self, account: str, version: int, *, until: float) -> None:
        """Keep the lease for longer; for whoever has it."""
        change = update(schema.grant).where(self._this(account, version))
        with self._database.transaction() as connection:
            connection.execute(change.values(leased_until=until))

    def release(self, account: str, version: int) -> None:
        """Give the lease back; nothing has changed."""
        change = update(schema.grant).where(self._this(account, version))
        with self._database.transaction() as connection:
            connection.execute(change.values(leased_until=0.0))

    def save(self, grant: Grant) -> bool:
        """Write what came of a refresh over the version that it was made of.

        It is on the disk when this returns. False: there is another version already, and
        nothing was written.
        """
        values = self._rows.from_grant(grant)
        values |= {"version": grant.version + 1, "leased_until": 0.0}
        change = update(schema.grant).where(self._this(grant.account, grant.version))
        with self._database.transaction() as connection:
            return connection.execute(change.values(values)).rowcount == 1

    def remove(self, account: str) -> bool:
        """Forget a grant; whether there was one."""
        with self._database.transaction() as connection:
            gone = delete(schema.grant).where(_GRANT.account == key_of(account))
            return connection.execute(gone).rowcount == 1

    @staticmethod
    def _this(account: str, version: int) -> _Where:
        return and_(_GRANT.account == key_of(account), _GRANT.version == version)

    def _select(self, where: _Where | None, limit: int = 1, offset: int = 0) -> Sequence[Grant]:
        query = (
            select(schema.grant, *_WHOSE)
            .join(schema.account)
            .order_by(_GRANT.expires, _GRANT.account)
            .limit(limit)
            .offset(offset)
        )
        if where is not None:
            query = query.where(where)
        with self._database.reading() as connection:
            return [self._grant(row) for row in connection.execute(query).mappings()]

    def _grant(self, row: Row) -> Grant:
        name = row["account_name"]
        return self._rows.to_grant(row, name, opens(row["provider"], row["mailbox"], name))


def _first_version(grant: Grant) -> int:
    """Another one for each consent: a refresh may be under way for one that was removed.

    With the same number it would put the old tokens, perhaps another mailbox', over the new.
    """
    return int(grant.obtained * 1000) % _FIRST_VERSIONS + 1
