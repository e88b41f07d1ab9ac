"""Leads a database of an older version, or an empty one, to the tables of this version."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from gateway.accounts.store import schema
from gateway.accounts.store.database import Database
from gateway.errors import Misconfigured

_LOCK = 0x504F5033  # "POP3": of an advisory lock in PostgreSQL


def migrate(database: Database) -> None:
    """Do what is to be done, once, however many begin at the same time.

    Raises:
        Misconfigured: The database cannot be used, or is of a later version.
    """
    try:
        with database.engine.begin() as connection:
            if _revision(connection) == schema.HEAD:
                return
        with database.engine.begin() as connection:
            _wait_for_others(connection)
            if _revision(connection) != schema.HEAD:
                _upgrade(connection)
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise Misconfigured(
            f"the accounts in {database} cannot be used ({type(cause).__name__}): see that it "
            "runs, that this user may make tables there, and that its password is right"
        ) from None


def _wait_for_others(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    else:
        # A write takes SQLite's one lock for writers, and this one changes nothing.
        connection.exec_driver_sql("PRAGMA user_version = 0")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    query = text("SELECT version_num FROM alembic_version")
    revision: str | None = connection.execute(query).scalar()
    return revision


def _upgrade(connection: Connection) -> None:
    found = _revision(connection)
    if found is not None and found > schema.HEAD:
        raise Misconfigured(
            f"the accounts are of a later version of this program (revision {found}): "
            "use that, or restore a backup"
        )
    # Late: only the first start of a version needs it, and it is large.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
