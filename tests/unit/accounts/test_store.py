"""The directory's database, embedded; tests/integration runs the same on PostgreSQL."""

import sqlite3
from dataclasses import replace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr

from gateway.accounts.model import (
    Account,
    Administrator,
    Device,
    Grant,
    Invite,
    Provider,
    Visit,
)
from gateway.accounts.store import AlreadyThere, NotThere, Seen, Store, digest_of, schema
from gateway.accounts.vault import Vault, new_key
from gateway.errors import Misconfigured, Unavailable

KEY = new_key()
SCAN = Account("Scan@example.org", mailbox="scan", provider="office", created=5.0)
CANON = Device("Scan@example.org", "canon", "abcd", "$argon2id$x", SecretStr("hunter2"))
GRANT = Grant("Scan@example.org", "code", SecretStr("refresh-1"), SecretStr("access-1"), 100.0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "accounts.sqlite"


@pytest.fixture
def store(path):
    made = Store(path, Vault([KEY]))
    yield made
    made.close()


def test_what_was_saved_comes_back(store):
    provider = Provider(
        "office",
        "microsoft",
        "imaps://outlook.office365.com",
        "id",
        SecretStr("s"),
        scopes=("a", "b"),
    )
    store.providers.save(provider)
    store.accounts.add(SCAN)
    store.devices.add(CANON)
    assert store.providers.all() == [provider]
    assert store.accounts.get("SCAN@EXAMPLE.ORG") == SCAN
    assert store.devices.of("scan@example.org") == [CANON]
    assert store.devices.by_selector("scan@example.org", "abcd") == [CANON]
    assert store.devices.by_selector("scan@example.org", "abce") == []


def test_two_spellings_are_one_account(store):
    store.accounts.add(SCAN)
    with pytest.raises(AlreadyThere):
        store.accounts.add(replace(SCAN, name="scan@EXAMPLE.org"))


def test_changes_need_something_to_change(store):
    for work in (
        lambda: store.accounts.save(SCAN),
        lambda: store.accounts.remove("nobody"),
        lambda: store.devices.add(CANON),
        lambda: store.devices.save(CANON),
        lambda: store.providers.remove("none"),
    ):
        with pytest.raises(NotThere):
            work()


def test_what_belongs_to_an_account_goes_with_it(store):
    store.accounts.add(SCAN)
    store.devices.add(CANON)
    store.grants.put(GRANT)
    store.accounts.remove(SCAN.name)
    assert store.devices.all() == []
    assert store.grants.all() == []


def test_accounts_are_found_by_a_part_of_their_name_taken_literally(store):
    for name in ("a_b@x", "axb@x", "A_b@y"):
        store.accounts.add(replace(SCAN, name=name))
    assert [each.name for each in store.accounts.find("A_B")] == ["a_b@x", "A_b@y"]
    assert store.accounts.count("a_b") == 2


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


def test_a_sealed_secret_cannot_be_moved_to_another_row(store, path):
    store.accounts.add(replace(SCAN, password=SecretStr("kept")))
    store.accounts.add(replace(SCAN, name="other", password=SecretStr("mine")))
    with sqlite3.connect(path) as database:
        database.execute(
            "UPDATE account SET password_sealed = (SELECT password_sealed FROM account "
            "WHERE key = 'scan@example.org') WHERE key = 'other'"
        )
    with pytest.raises(Misconfigured, match="another place"):
        store.accounts.get("other")


def test_a_key_is_rotated(store, path):
    store.accounts.add(replace(SCAN, password=SecretStr("kept")))
    store.devices.add(CANON)
    store.grants.put(GRANT)
    new = new_key()
    both = Store(path, Vault([new, KEY]))
    assert both.seal_anew() == 4
    both.close()
    one = Store(path, Vault([new]))
    assert one.accounts.get(SCAN.name).password == SecretStr("kept")
    assert one.grants.get(SCAN.name).refresh == SecretStr("refresh-1")
    one.close()
    with pytest.raises(Misconfigured, match="no key fits"):
        store.accounts.get(SCAN.name)


def test_one_process_refreshes_a_version(store):
    store.accounts.add(SCAN)
    store.grants.put(GRANT)
    first = store.grants.get(SCAN.name)
    assert store.grants.lease(SCAN.name, first.version, until=30.0, now=0.0)
    assert not store.grants.lease(SCAN.name, first.version, until=40.0, now=10.0)
    store.grants.prolong(SCAN.name, first.version, until=35.0)
    assert not store.grants.lease(SCAN.name, first.version, until=40.0, now=34.0)
    assert store.grants.lease(SCAN.name, first.version, until=70.0, now=40.0)
    assert store.grants.save(replace(first, access=SecretStr("access-2"), expires=200.0))
    assert not store.grants.save(replace(first, access=SecretStr("access-3")))
    second = store.grants.get(SCAN.name)
    assert (second.access, second.version) == (SecretStr("access-2"), first.version + 1)
    assert store.grants.lease(SCAN.name, second.version, until=99.0, now=41.0)


def test_a_new_consent_makes_a_refresh_under_way_worthless(store):
    store.accounts.add(SCAN)
    store.grants.put(GRANT)
    before = store.grants.get(SCAN.name)
    store.grants.put(replace(GRANT, access=SecretStr("new-consent")))
    assert not store.grants.save(replace(before, access=SecretStr("late")))
    assert store.grants.get(SCAN.name).access == SecretStr("new-consent")


def test_an_invite_works_once_and_not_for_ever(store):
    store.accounts.add(SCAN)
    token = SecretStr("token-of-a-link")
    store.invites.add(Invite(SCAN.name, digest_of(token), 100.0, "canon"))
    assert store.invites.get(token, 99.0).account == SCAN.name
    assert store.invites.get(token, 100.0) is None
    assert store.invites.use(token, 50.0)
    assert not store.invites.use(token, 51.0)
    assert store.invites.get(token, 52.0) is None


def test_there_is_one_first_administrator(store):
    assert store.administrators.add_first(Administrator("anna", "h"))
    assert not store.administrators.add_first(Administrator("mallory", "h"))
    assert [each.name for each in store.administrators.all()] == ["anna"]


def test_console_sessions_end(store):
    token = SecretStr("cookie")
    store.visits.save(Visit(digest_of(token), "anna", "csrf", 100.0, '{"a": 1}'))
    assert store.visits.get(token, 99.0).data == '{"a": 1}'
    assert store.visits.get(token, 100.0) is None
    store.visits.sweep(100.0)
    assert store.visits.get(token, 0.0) is None


def test_a_note_is_taken_once(store):
    store.notes.put("setup", "digest")
    assert not store.notes.take("setup", "other")
    assert store.notes.take("setup", "digest")
    assert not store.notes.take("setup", "digest")
    assert store.notes.get("setup") is None


def test_logins_are_noted_and_only_go_forward(store):
    store.accounts.add(SCAN)
    store.devices.add(CANON)
    store.devices.note_seen(
        [
            Seen(SCAN.name, "canon", 10.0, "192.0.2.1", "TLSv1.3"),
            Seen(SCAN.name, "gone", 9.0, "", ""),
        ]
    )
    store.devices.note_seen([Seen(SCAN.name, "canon", 9.0, "192.0.2.2", "")])
    store.devices.save(replace(CANON, note="second floor"))
    found = store.devices.get(SCAN.name, "canon")
    assert (found.last_seen, found.last_peer, found.last_tls, found.note) == (
        10.0,
        "192.0.2.1",
        "TLSv1.3",
        "second floor",
    )


def test_a_database_in_trouble_is_unavailable_and_shows_no_values(store, path):
    store.accounts.add(SCAN)
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE device")
    with pytest.raises(Unavailable) as raised:
        store.devices.of("hunter2")
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_later_version_is_left_alone(store, path):
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Misconfigured, match="later version"):
        Store(path, Vault([KEY]))


def test_something_else_than_postgresql_is_refused(path):
    for where in ("mysql://x", "nonsense", "postgresql"):
        with pytest.raises(Misconfigured, match="postgresql://"):
            Store(where, Vault([KEY]))


def test_the_migrations_make_the_tables_of_the_schema(store):
    with store.database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, schema.metadata) == []
        assert context.get_current_revision() == schema.HEAD
