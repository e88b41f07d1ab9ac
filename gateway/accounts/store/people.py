"""Administrators, invites, console sessions and notes in the database."""

import hashlib
from collections.abc import Sequence

from pydantic import SecretStr
from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from gateway.accounts.model import Administrator, Invite, Visit
from gateway.accounts.store import schema
from gateway.accounts.store.database import Database, upsert
from gateway.accounts.store.faults import NotThere
from gateway.accounts.store.rows import Rows, from_invite, key_of, to_administrator, to_invite

_INVITE, _VISIT = schema.invite.c, schema.visit.c


def digest_of(token: SecretStr) -> str:
    """Under which something is found that is known by a long random token."""
    return hashlib.sha256(token.get_secret_value().encode()).hexdigest()


class Invites:
    """Links for owners of mailboxes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, invite: Invite) -> None:
        """Keep a new one."""
        with self._database.transaction() as connection:
            connection.execute(insert(schema.invite).values(from_invite(invite)))

    def get(self, token: SecretStr, now: float) -> Invite | None:
        """The one of a link, if it can still be used."""
        query = (
            select(schema.invite, schema.account.c.name.label("account_name"))
            .join(schema.account)
            .where(_usable(digest_of(token), now))
        )
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
            return to_invite(row, row["account_name"]) if row else None

    def use(self, token: SecretStr, now: float) -> bool:
        """Use it up; False if it cannot be used (any more)."""
        change = update(schema.invite).where(_usable(digest_of(token), now)).values(used=now)
        with self._database.transaction() as connection:
            return connection.execute(change).rowcount == 1

    def of(self, account: str) -> Sequence[Invite]:
        """All of an account."""
        query = select(schema.invite).where(_INVITE.account == key_of(account))
        with self._database.reading() as connection:
            return [
                to_invite(row, account)
                for row in connection.execute(query.order_by(_INVITE.expires)).mappings()
            ]

    def withdraw(self, account: str) -> None:
        """None of an account's links can be used any more."""
        with self._database.transaction() as connection:
            connection.execute(delete(schema.invite).where(_INVITE.account == key_of(account)))


class Administrators:
    """Who may use the console."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> Sequence[Administrator]:
        """All, by name."""
        query = select(schema.administrator).order_by(schema.administrator.c.name)
        with self._database.reading() as connection:
            return [to_administrator(row) for row in connection.execute(query).mappings()]

    def get(self, name: str) -> Administrator | None:
        """One."""
        return next((each for each in self.all() if each.name == name), None)

    def save(self, administrator: Administrator) -> None:
        """Make one, or give him another password."""
        values = {"name": administrator.name, "hash": administrator.hash}
        with self._database.transaction() as connection:
            upsert(connection, schema.administrator, values)

    def add_first(self, administrator: Administrator) -> bool:
        """Make the first one; False if there is one already."""
        with self._database.transaction() as connection:
            # Writes before it reads, so that of two at once one waits for the other.
            upsert(
                connection,
                schema.note,
                {"key": "first-administrator", "value": administrator.name},
            )
            number = select(func.count()).select_from(schema.administrator)
            if connection.execute(number).scalar_one():
                return False
            values = {"name": administrator.name, "hash": administrator.hash}
            connection.execute(insert(schema.administrator).values(values))
            return True

    def remove(self, name: str, by: str = "") -> bool:
        """Take one away with his console sessions; whether there was one.

        Args:
            name: Whom.
            by: The administrator who wants it; empty for whoever has the machine. He must be
                one still: of two who remove each other, one is left.

        Raises:
            NotThere: He is not.
        """
        names = select(schema.administrator.c.name).order_by(schema.administrator.c.name)
        with self._database.transaction() as connection:
            there = connection.execute(names.with_for_update()).scalars().all()
            if by and by not in there:
                raise NotThere(f"{by} is no administrator any more")
            connection.execute(delete(schema.visit).where(_VISIT.who == name))
            gone = delete(schema.administrator).where(schema.administrator.c.name == name)
            return connection.execute(gone).rowcount == 1


class Visits:
    """Console sessions."""

    def __init__(self, database: Database, rows: Rows) -> None:
        self._database = database
        self._rows = rows

    def save(self, visit: Visit) -> None:
        """Make it, or change it."""
        with self._database.transaction() as connection:
            upsert(connection, schema.visit, self._rows.from_visit(visit))

    def change(self, visit: Visit) -> None:
        """Change one that is there; one that was ended meanwhile stays so."""
        values = self._rows.from_visit(visit)
        with self._database.transaction() as connection:
            chosen = update(schema.visit).where(_VISIT.digest == visit.digest)
            connection.execute(chosen.values(values))

    def get(self, token: SecretStr, now: float) -> Visit | None:
        """The one of a cookie, if it has not ended."""
        query = select(schema.visit).where(
            _VISIT.digest == digest_of(token), _VISIT.expires > now
        )
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
            return self._rows.to_visit(row) if row else None

    def end(self, digest: str) -> None:
        """End one."""
        with self._database.transaction() as connection:
            connection.execute(delete(schema.visit).where(_VISIT.digest == digest))

    def end_all_of(self, who: str) -> None:
        """End all of one person."""
        with self._database.transaction() as connection:
            connection.execute(delete(schema.visit).where(_VISIT.who == who))

    def sweep(self, now: float) -> None:
        """Forget those that have ended, and invites of long ago."""
        old = now - 30 * 86_400
        with self._database.transaction() as connection:
            connection.execute(delete(schema.visit).where(_VISIT.expires <= now))
            connection.execute(
                delete(schema.invite).where(or_(_INVITE.expires < old, _INVITE.used < old))
            )


class Notes:
    """Small things that must outlive the process, by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> str | None:
        """What was noted."""
        query = select(schema.note.c.value).where(schema.note.c.key == key)
        with self._database.reading() as connection:
            value: str | None = connection.execute(query).scalar()
            return value

    def put(self, key: str, value: str) -> None:
        """Note something."""
        with self._database.transaction() as connection:
            upsert(connection, schema.note, {"key": key, "value": value})

    def take(self, key: str, value: str) -> bool:
        """Forget it if it is this value; whether it was. For what can be used once."""
        with self._database.transaction() as connection:
            gone = delete(schema.note).where(
                schema.note.c.key == key, schema.note.c.value == value
            )
            return connection.execute(gone).rowcount == 1


def _usable(digest: str, now: float) -> ColumnElement[bool]:
    return and_(_INVITE.digest == digest, _INVITE.expires > now, _INVITE.used.is_(None))
