"""The throttle's SQLite file: what is in it, and how it is opened."""

import os
import sqlite3
from pathlib import Path

from gateway.accounts.throttle.settings import ThrottleSettings
from gateway.errors import Misconfigured

BUSY_SECONDS = 0.25
_OPENING_SECONDS = 5.0
_VERSION = 1

# In each table the number of a row tells when it was last written, so that "the oldest go
# first" is one step on the primary key, however full the table is.
_SCHEMA = """
CREATE TABLE wrong (
    id INTEGER PRIMARY KEY,
    tag BLOB NOT NULL,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    at REAL NOT NULL,
    points INTEGER NOT NULL,
    state INTEGER NOT NULL,
    seen REAL NOT NULL,
    told REAL NOT NULL,
    UNIQUE (tag, address)
);
CREATE INDEX wrong_name ON wrong (name, at);
CREATE INDEX wrong_address ON wrong (address, at);
CREATE TABLE good (
    id INTEGER PRIMARY KEY,
    tag BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    refusals INTEGER NOT NULL,
    refused REAL NOT NULL,
    seen REAL NOT NULL,
    told REAL NOT NULL
);
CREATE INDEX good_name ON good (name);
CREATE TABLE home (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    seen REAL NOT NULL,
    shut REAL NOT NULL,
    UNIQUE (name, address)
);
CREATE TABLE limits (settings TEXT NOT NULL);
"""


def connect(
    path: Path, settings: ThrottleSettings | None
) -> tuple[sqlite3.Connection, ThrottleSettings]:
    """The file, made if there is none, and the settings by which the gateway goes.

    Args:
        path: Where it is.
        settings: Those of the gateway, which are kept; None of somebody who looks on.

    Raises:
        Misconfigured: It cannot be used.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # SQLite gives its other files the mode of this one.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        return _prepared(path, settings)
    except (OSError, sqlite3.Error, ValueError) as error:
        raise Misconfigured(
            f"cannot keep the throttle in {path}: {error}; give a directory that can be "
            "written to with --state-dir, or remove the file if it is damaged"
        ) from error


def _prepared(
    path: Path, settings: ThrottleSettings | None
) -> tuple[sqlite3.Connection, ThrottleSettings]:
    database = sqlite3.connect(path, timeout=_OPENING_SECONDS, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        _bring_up(database)
        agreed = _agree(database, settings)
        database.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
    except BaseException:
        database.close()
        raise
    return database, agreed


def _bring_up(database: sqlite3.Connection) -> None:
    database.execute("BEGIN IMMEDIATE")
    ((version,),) = database.execute("PRAGMA user_version")
    if version == 0:
        for statement in filter(str.strip, _SCHEMA.split(";")):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {_VERSION}")
    database.execute("COMMIT")
    if version not in {0, _VERSION}:
        raise sqlite3.DatabaseError(f"it is of version {version}, not {_VERSION}")


def _agree(database: sqlite3.Connection, settings: ThrottleSettings | None) -> ThrottleSettings:
    row = database.execute("SELECT settings FROM limits").fetchone()
    if settings is None:
        return ThrottleSettings() if row is None else ThrottleSettings.model_validate_json(*row)
    text = settings.model_dump_json()
    if row != (text,):
        database.execute("BEGIN IMMEDIATE")
        database.execute("DELETE FROM limits")
        database.execute("INSERT INTO limits VALUES (?)", (text,))
        database.execute("COMMIT")
    return settings
