"""The directory's database, embedded; tests/integration has the same on PostgreSQL."""

import sqlite3
from dataclasses import replace

import pytest
from pydantic import SecretStr

from gateway.accounts.model import Provider, Visit
from gateway.accounts.store import Store
from gateway.accounts.vault import Vault
from gateway.errors import Misconfigured
from tests.support.store_contract import CANON, GRANT, KEY, SCAN, StoreContract


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "accounts.sqlite"


@pytest.fixture
def again(path):
    opened = []

    def open_store(keys):
        opened.append(Store(path, Vault(keys)))
        return opened[-1]

    yield open_store
    for each in opened:
        each.close()


@pytest.fixture
def store(again):
    return again([KEY])


class TestEmbedded(StoreContract):
    pass


def test_secrets_are_not_in_the_file(store, path):
    store.providers.save(Provider("p", "oidc", "imap://x", "id", SecretStr("client-secret")))
    store.accounts.add(replace(SCAN, password=SecretStr("kept-password")))
    store.devices.add(CANON)
    store.grants.put(GRANT)
    store.visits.save(Visit("0" * 64, "admin", "csrf", 9e9, "page-data"))
    store.close()
    octets = b"".join(each.read_bytes() for each in path.parent.iterdir())
    for secret in (
        b"client-secret",
        b"kept-password",
        b"hunter2",
        b"refresh-1",
        b"access-1",
        b"page-data",
    ):
        assert secret not in octets
    assert b"scan@example.org" in octets


def test_files_are_for_their_owner_alone(store, path):
    store.accounts.add(SCAN)
    assert {each.stat().st_mode & 0o077 for each in path.parent.iterdir()} == {0}


def test_something_else_than_postgresql_is_refused(path):
    for where in ("mysql://x", "nonsense", "postgresql"):
        with pytest.raises(Misconfigured, match="postgresql://"):
            Store(where, Vault([KEY]))


def test_who_has_read_can_write_though_another_has_written(store, path):
    store.accounts.add(SCAN)
    with sqlite3.connect(path) as other, store.database.transaction() as connection:
        other.execute("PRAGMA busy_timeout = 0")
        connection.exec_driver_sql("SELECT * FROM account").all()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("UPDATE account SET note = 'theirs'")
        connection.exec_driver_sql("UPDATE account SET note = 'ours'")
    assert store.accounts.get(SCAN.name).note == "ours"


def test_who_reads_does_not_wait_for_who_writes(store, path):
    store.accounts.add(SCAN)
    with sqlite3.connect(path) as other:
        other.execute("BEGIN IMMEDIATE")
        assert store.lookup.known(SCAN.name).account == SCAN
