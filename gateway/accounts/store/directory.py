"""Providers, accounts and devices in the database."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from gateway.accounts.model import Account, Device, Opens, Provider, opens
from gateway.accounts.store import schema
from gateway.accounts.store.database import Database, upsert
from gateway.accounts.store.faults import AlreadyThere, NotThere, StoreRefusal
from gateway.accounts.store.rows import Rows, key_of

_ACCOUNT, _DEVICE = schema.account.c, schema.device.c
_AT_ONCE = 500
_Each = TypeVar("_Each")


class Providers:
    """OAuth2 providers."""

    def __init__(self, database: Database, rows: Rows) -> None:
        self._database = database
        self._rows = rows

    def all(self) -> Sequence[Provider]:
        """All, by name."""
        with self._database.reading() as connection:
            found = connection.execute(select(schema.provider).order_by(schema.provider.c.name))
            return [self._rows.to_provider(row) for row in found.mappings()]

    def get(self, name: str) -> Provider | None:
        """One."""
        with self._database.reading() as connection:
            query = select(schema.provider).where(schema.provider.c.name == name)
            row = connection.execute(query).mappings().first()
            return self._rows.to_provider(row) if row else None

    def save(self, provider: Provider) -> None:
        """Make it, or change it.

        Raises:
            StoreRefusal: Refresh tokens of the old one would go to the new one.
        """
        with self._database.transaction() as connection:
            _check_goes_nowhere_else(connection, provider)
            upsert(connection, schema.provider, self._rows.from_provider(provider))

    def remove(self, name: str) -> None:
        """Take it away.

        Raises:
            NotThere: There is none.
            AlreadyThere: Accounts use it.
        """
        with self._database.transaction() as connection:
            users = select(func.count()).where(_ACCOUNT.provider == name)
            if number := connection.execute(users).scalar_one():
                raise AlreadyThere(f"{number} accounts use the provider {name}")
            gone = delete(schema.provider).where(schema.provider.c.name == name)
            if not connection.execute(gone).rowcount:
                raise NotThere(f"there is no provider {name}")


class Accounts:
    """POP3 users."""

    def __init__(self, database: Database, rows: Rows) -> None:
        self._database = database
        self._rows = rows

    def find(self, text: str = "", *, limit: int = 100, offset: int = 0) -> Sequence[Account]:
        """Those whose name, mailbox or note has the text in it, by name."""
        query = select(schema.account).order_by(_ACCOUNT.key).limit(limit).offset(offset)
        if text:
            query = query.where(_has(text))
        with self._database.reading() as connection:
            return [self._rows.to_account(row) for row in connection.execute(query).mappings()]

    def count(self, text: str = "") -> int:
        """How many `find` would find without a limit."""
        query = select(func.count()).select_from(schema.account)
        if text:
            query = query.where(_has(text))
        with self._database.reading() as connection:
            return connection.execute(query).scalar_one()

    def get(self, name: str) -> Account | None:
        """One, in whatever letter case."""
        query = select(schema.account).where(_ACCOUNT.key == key_of(name))
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
            return self._rows.to_account(row) if row else None

    def add(self, account: Account) -> None:
        """Make a new one.

        Raises:
            AlreadyThere: The name is taken.
        """
        with self._database.transaction() as connection:
            try:
                connection.execute(
                    insert(schema.account).values(self._rows.from_account(account))
                )
            except IntegrityError:
                raise AlreadyThere(f"there is an account {account.name} already") from None

    def known(self, names: Sequence[str]) -> set[str]:
        """Which of these names are taken, in whatever letter case."""
        by_key = {key_of(name): name for name in names}
        with self._database.reading() as connection:
            taken = _taken(connection, list(by_key))
        return {by_key[key] for key in taken}

    def add_all(self, accounts: Sequence[Account], devices: Sequence[Device]) -> None:
        """Make new ones with devices of theirs: all, or none.

        Raises:
            AlreadyThere: A name is taken.
        """
        rows = [self._rows.from_account(each) for each in accounts]
        with self._database.transaction() as connection:
            for key in sorted(_taken(connection, [str(row["key"]) for row in rows])):
                raise AlreadyThere(f"there is an account {key} already")
            try:
                for table, values in (
                    (schema.account, rows),
                    (schema.device, [self._rows.from_device(each) for each in devices]),
                ):
                    for some in _batched(values):
                        connection.execute(insert(table), some)
            except IntegrityError:
                raise AlreadyThere("somebody else is adding the same accounts") from None

    def save(self, account: Account) -> None:
        """Change one. With another provider or mailbox it loses its grant, which was of those.

        Kept, one provider's refresh token would be shown to the other.

        Raises:
            NotThere: There is none of this name.
        """
        this = _ACCOUNT.key == key_of(account.name)
        with self._database.transaction() as connection:
            row = connection.execute(select(schema.account).where(this)).mappings().first()
            if row is None:
                raise NotThere(f"there is no account {account.name}")
            values = self._rows.from_account(account)
            connection.execute(update(schema.account).where(this).values(values))
            if _opened_by(row) != _opened_by(values):
                gone = schema.grant.c.account == row["key"]
                connection.execute(delete(schema.grant).where(gone))

    def remove(self, name: str) -> None:
        """Take it away with its devices, its grant and its invites; its mail stays where it is.

        Raises:
            NotThere: There is none.
        """
        with self._database.transaction() as connection:
            gone = delete(schema.account).where(_ACCOUNT.key == key_of(name))
            if not connection.execute(gone).rowcount:
                raise NotThere(f"there is no account {name}")


@dataclass(frozen=True, slots=True)
class Seen:
    """A login of a device, to be noted."""

    account: str
    device: str
    at: float
    peer: str
    tls: str


class Devices:
    """Devices of accounts."""

    def __init__(self, database: Database, rows: Rows) -> None:
        self._database = database
        self._rows = rows

    def of(self, account: str) -> Sequence[Device]:
        """All of an account, revoked ones too, by name."""
        return self._select(_DEVICE.account == key_of(account))

    def all(self, *, limit: int = 1000, offset: int = 0) -> Sequence[Device]:
        """Those of all accounts, by account and name."""
        return self._select(None, limit, offset)

    def get(self, account: str, name: str) -> Device | None:
        """One."""
        where = and_(_DEVICE.account == key_of(account), _DEVICE.name == name)
        return next(iter(self._select(where)), None)

    def by_selector(self, account: str, selector: str) -> Sequence[Device]:
        """Those of an account whose password begins so: one, as good as ever."""
        return self._select(
            and_(_DEVICE.account == key_of(account), _DEVICE.selector == selector)
        )

    def add(self, device: Device) -> None:
        """Make a new one.

        Raises:
            AlreadyThere: The account has one of this name.
            NotThere: There is no such account.
        """
        with self._database.transaction() as connection:
            key = key_of(device.account)
            known = select(_ACCOUNT.key).where(_ACCOUNT.key == key)
            if connection.execute(known).first() is None:
                raise NotThere(f"there is no account {device.account}")
            try:
                connection.execute(insert(schema.device).values(self._rows.from_device(device)))
            except IntegrityError:
                raise AlreadyThere(
                    f"{device.account} has a device {device.name} already"
                ) from None

    def save(self, device: Device) -> None:
        """Change one, all but what `note_seen` notes.

        Raises:
            NotThere: There is none of this name.
        """
        values = self._rows.from_device(device)
        for name in ("last_seen", "last_peer", "last_tls"):
            del values[name]
        with self._database.transaction() as connection:
            change = update(schema.device).where(_this(device.account, device.name))
            if not connection.execute(change.values(values)).rowcount:
                raise NotThere(f"{device.account} has no device {device.name}")

    def remove(self, account: str, name: str) -> None:
        """Take it away; `save` with `revoked` keeps it to be seen.

        Raises:
            NotThere: There is none.
        """
        with self._database.transaction() as connection:
            gone = delete(schema.device).where(_this(account, name))
            if not connection.execute(gone).rowcount:
                raise NotThere(f"{account} has no device {name}")

    def note_seen(self, seen: Sequence[Seen]) -> None:
        """Note logins; devices that are gone meanwhile are left out."""
        values = [
            {
                "the_account": key_of(each.account),
                "the_device": each.device,
                "at": each.at,
                "peer": each.peer,
                "tls": each.tls,
            }
            # In one order everywhere, or two processes could wait for each other's rows.
            for each in sorted(seen, key=lambda each: (key_of(each.account), each.device))
        ]
        if values:
            with self._database.transaction() as connection:
                connection.execute(_NOTE_SEEN, values)

    def _select(self, where: Any, limit: int = 10_000, offset: int = 0) -> Sequence[Device]:
        query = (
            select(schema.device, _ACCOUNT.name.label("account_name"))
            .join(schema.account)
            .order_by(_DEVICE.account, _DEVICE.name)
            .limit(limit)
            .offset(offset)
        )
        if where is not None:
            query = query.where(where)
        with self._database.reading() as connection:
            return [
                self._rows.to_device(row, row["account_name"])
                for row in connection.execute(query).mappings()
            ]


def _batched(values: Sequence[_Each]) -> Iterator[Sequence[_Each]]:
    """A few at a time: databases bound the values in one statement."""
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]


def _taken(connection: Connection, keys: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for some in _batched(keys):
        query = select(_ACCOUNT.key).where(_ACCOUNT.key.in_(some))
        found.update(connection.execute(query).scalars())
    return found


def _check_goes_nowhere_else(connection: Connection, provider: Provider) -> None:
    query = select(schema.provider).where(schema.provider.c.name == provider.name)
    old = connection.execute(query).mappings().first()
    if old is None or (old["preset"], old["issuer"]) == (provider.preset, provider.issuer):
        return
    signed_in = (
        select(func.count())
        .select_from(schema.grant)
        .join(schema.account)
        .where(_ACCOUNT.provider == provider.name)
    )
    if number := connection.execute(signed_in).scalar_one():
        raise StoreRefusal(
            f"{number} accounts have signed in at {provider.name}, and their tokens are for it "
            "alone: make the other one under another name, or sign them out first"
        )


def _opened_by(row: Mapping[Any, Any]) -> Opens:
    return opens(row["provider"], row["mailbox"], row["name"])


def _has(text: str) -> Any:
    columns = (_ACCOUNT.key, _ACCOUNT.mailbox, _ACCOUNT.note)
    return or_(*(each.icontains(text, autoescape=True) for each in columns))


def _this(account: str, name: str) -> Any:
    return and_(_DEVICE.account == key_of(account), _DEVICE.name == name)


_NOTE_SEEN = (
    update(schema.device)
    .where(
        _DEVICE.account == bindparam("the_account"),
        _DEVICE.name == bindparam("the_device"),
        or_(_DEVICE.last_seen.is_(None), _DEVICE.last_seen < bindparam("at")),
    )
    .values(last_seen=bindparam("at"), last_peer=bindparam("peer"), last_tls=bindparam("tls"))
)
