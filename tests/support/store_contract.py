"""What holds for the directory's database whichever it is; see the two that are made of it.

They give the fixtures `store`, and `again`, which opens the same database with other keys.
"""

from concurrent.futures import ThreadPoolExecutor
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
    Known,
    Provider,
    Visit,
)
from gateway.accounts.store import (
    AlreadyThere,
    NotThere,
    Seen,
    StoreRefusal,
    digest_of,
    schema,
)
from gateway.accounts.vault import new_key
from gateway.errors import Misconfigured, Unavailable

KEY = new_key()
SCAN = Account("Scan@example.org", mailbox="scan", provider="office", created=5.0)
CANON = Device("Scan@example.org", "canon", "abcd", "$argon2id$x", SecretStr("hunter2"))
GRANT = Grant("Scan@example.org", "code", SecretStr("refresh-1"), SecretStr("access-1"), 100.0)


def run(store, statement):
    """A statement as it stands."""
    with store.database.transaction() as connection:
        connection.exec_driver_sql(statement)


class StoreContract:
    """Collected in its subclasses."""

    def test_what_was_saved_comes_back(self, store):
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

    def test_two_spellings_are_one_account(self, store):
        store.accounts.add(SCAN)
        with pytest.raises(AlreadyThere):
            store.accounts.add(replace(SCAN, name="scan@EXAMPLE.org"))

    def test_many_are_added_together_or_not_at_all(self, store):
        many = [replace(SCAN, name=f"Scan{number}") for number in range(1200)]
        devices = [replace(CANON, account=each.name) for each in many]
        store.accounts.add(replace(SCAN, name="SCAN1199"))
        with pytest.raises(AlreadyThere, match="scan1199"):
            store.accounts.add_all(many, devices)
        assert store.accounts.count() == 1
        store.accounts.add_all(many[:-1], devices[:-1])
        assert store.accounts.count() == len(many)
        assert store.devices.of("scan7") == [devices[7]]
        assert store.accounts.known(["sCAN7", "scan", "scan1200"]) == {"sCAN7"}

    def test_changes_need_something_to_change(self, store):
        for work in (
            lambda: store.accounts.save(SCAN),
            lambda: store.accounts.remove("nobody"),
            lambda: store.devices.add(CANON),
            lambda: store.devices.save(CANON),
            lambda: store.providers.remove("none"),
        ):
            with pytest.raises(NotThere):
                work()

    @pytest.mark.parametrize("change", [{"provider": "other"}, {"mailbox": "box"}])
    def test_a_consent_is_for_one_provider_and_mailbox(self, store, change):
        """The one's refresh token must not be shown to the other."""
        store.accounts.add(replace(SCAN, mailbox="M\u00dcLLER"))
        store.grants.put(GRANT)
        for same in ({"note": "x"}, {"enabled": False}, {"mailbox": "m\u00fcller"}):
            store.accounts.save(replace(SCAN, **{"mailbox": "M\u00dcLLER", **same}))
            assert store.grants.get(SCAN.name) is not None
        store.accounts.save(replace(SCAN, **{"mailbox": "M\u00dcLLER", **change}))
        assert store.grants.get(SCAN.name) is None

    def test_a_refresh_of_a_consent_that_was_removed_leaves_the_next_alone(self, store):
        store.accounts.add(SCAN)
        store.grants.put(replace(GRANT, obtained=1.7e9))
        old = store.grants.get(SCAN.name)
        store.grants.remove(SCAN.name)
        store.grants.put(replace(GRANT, obtained=1.7e9 + 1, access=SecretStr("new")))
        assert not store.grants.save(replace(old, access=SecretStr("of the old one")))
        assert store.grants.get(SCAN.name).access == SecretStr("new")

    def test_tokens_of_one_provider_go_to_no_other(self, store):
        office = Provider("office", "oidc", "imaps://a", "id", issuer="https://a.example")
        store.providers.save(office)
        store.accounts.add(SCAN)
        moved = replace(office, issuer="https://b.example")
        store.providers.save(moved)
        store.grants.put(GRANT)
        for change in ({"issuer": "https://a.example"}, {"preset": "google", "issuer": ""}):
            with pytest.raises(StoreRefusal, match="1 accounts have signed in"):
                store.providers.save(replace(moved, **change))
        store.providers.save(replace(moved, client_id="other", upstream="imaps://b"))
        store.grants.remove(SCAN.name)
        store.providers.save(office)

    def test_what_belongs_to_an_account_goes_with_it(self, store):
        store.accounts.add(SCAN)
        store.devices.add(CANON)
        store.grants.put(GRANT)
        store.accounts.remove(SCAN.name)
        assert store.devices.all() == []
        assert store.grants.all() == []

    def test_accounts_are_found_by_a_part_of_their_name_taken_literally(self, store):
        for name in ("a_b@x", "axb@x", "A_b@y"):
            store.accounts.add(replace(SCAN, name=name))
        assert [each.name for each in store.accounts.find("A_B")] == ["a_b@x", "A_b@y"]
        assert store.accounts.count("a_b") == 2

    def test_a_sealed_secret_cannot_be_moved_to_another_row(self, store, again):
        store.accounts.add(replace(SCAN, password=SecretStr("kept")))
        store.accounts.add(replace(SCAN, name="other", password=SecretStr("mine")))
        run(
            store,
            "UPDATE account SET password_sealed = (SELECT password_sealed FROM account "
            "WHERE key = 'scan@example.org') WHERE key = 'other'",
        )
        with pytest.raises(Misconfigured, match="another place"):
            store.accounts.get("other")

    def test_a_key_is_rotated(self, store, again):
        store.accounts.add(replace(SCAN, password=SecretStr("kept")))
        store.devices.add(CANON)
        store.grants.put(GRANT)
        new = new_key()
        both = again([new, KEY])
        assert both.seal_anew() == 4
        both.close()
        one = again([new])
        assert one.accounts.get(SCAN.name).password == SecretStr("kept")
        assert one.grants.get(SCAN.name).refresh == SecretStr("refresh-1")
        one.close()
        with pytest.raises(Misconfigured, match="no key fits"):
            store.accounts.get(SCAN.name)

    def test_one_process_refreshes_a_version(self, store):
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

    def test_a_new_consent_makes_a_refresh_under_way_worthless(self, store):
        store.accounts.add(SCAN)
        store.grants.put(GRANT)
        before = store.grants.get(SCAN.name)
        store.grants.put(replace(GRANT, access=SecretStr("new-consent")))
        assert not store.grants.save(replace(before, access=SecretStr("late")))
        assert store.grants.get(SCAN.name).access == SecretStr("new-consent")

    def test_an_invite_works_once_and_not_for_ever(self, store):
        store.accounts.add(SCAN)
        token = SecretStr("token-of-a-link")
        store.invites.add(Invite(SCAN.name, digest_of(token), 100.0, "canon"))
        assert store.invites.get(token, 99.0).account == SCAN.name
        assert store.invites.get(token, 100.0) is None
        assert store.invites.use(token, 50.0)
        assert not store.invites.use(token, 51.0)
        assert store.invites.get(token, 52.0) is None

    def test_there_is_one_first_administrator(self, store):
        assert store.administrators.add_first(Administrator("anna", "h"))
        assert not store.administrators.add_first(Administrator("mallory", "h"))
        assert [each.name for each in store.administrators.all()] == ["anna"]

    def test_of_two_administrators_who_remove_each_other_one_is_left(self, store):
        for round_ in range(10):
            pair = [f"a{round_}", f"b{round_}"]
            for name in pair:
                store.administrators.save(Administrator(name, "x"))

            def remove(name, by):
                try:
                    return store.administrators.remove(name, by)
                except NotThere:
                    return False

            with ThreadPoolExecutor(2) as pool:
                done = list(pool.map(remove, pair, reversed(pair)))
            assert sorted(done) == [False, True]
            [left] = store.administrators.all()
            assert store.administrators.remove(left.name)

    def test_console_sessions_end(self, store):
        token = SecretStr("cookie")
        store.visits.save(Visit(digest_of(token), "anna", "csrf", 100.0, '{"a": 1}'))
        assert store.visits.get(token, 99.0).data == '{"a": 1}'
        assert store.visits.get(token, 100.0) is None
        store.visits.sweep(100.0)
        assert store.visits.get(token, 0.0) is None

    def test_a_session_that_was_ended_does_not_come_back_by_a_change(self, store):
        """A request that was on its way when somebody signed out."""
        token = SecretStr("of a cookie")
        before = Visit(digest_of(token), "anna", "csrf", 100.0, "{}")
        store.visits.save(before)
        store.visits.change(replace(before, data='{"a": 2}'))
        assert store.visits.get(token, 0.0).data == '{"a": 2}'
        store.visits.end_all_of("anna")
        store.visits.change(before)
        assert store.visits.get(token, 0.0) is None

    def test_a_note_is_taken_once(self, store):
        store.notes.put("setup", "digest")
        assert not store.notes.take("setup", "other")
        assert store.notes.take("setup", "digest")
        assert not store.notes.take("setup", "digest")
        assert store.notes.get("setup") is None

    def test_logins_are_noted_and_only_go_forward(self, store):
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

    def test_a_database_in_trouble_is_unavailable_and_shows_no_values(self, store, again):
        store.accounts.add(SCAN)
        run(store, "DROP TABLE device")
        with pytest.raises(Unavailable) as raised:
            store.devices.of("hunter2")
        assert "hunter2" not in str(raised.value)
        assert raised.value.__cause__ is None

    def test_a_later_version_is_left_alone(self, store, again):
        run(store, "UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(Misconfigured, match="later version"):
            again([KEY])

    def test_the_migrations_make_the_tables_of_the_schema(self, store):
        with store.database.engine.connect() as connection:
            context = MigrationContext.configure(connection)
            assert compare_metadata(context, schema.metadata) == []
            assert context.get_current_revision() == schema.HEAD

    def test_a_login_gets_all_it_needs_at_once(self, store):
        provider = Provider("office", "oidc", "imaps://imap.example.org", "id")
        store.providers.save(provider)
        store.accounts.add(SCAN)
        store.devices.add(CANON)
        assert store.lookup.known("SCAN@example.org") == Known(
            SCAN, (CANON,), "imaps://imap.example.org"
        )
        store.accounts.save(replace(SCAN, upstream="jmap+https://x"))
        assert store.lookup.known(SCAN.name).upstream == "jmap+https://x"
        store.accounts.save(replace(SCAN, provider=""))
        assert store.lookup.known(SCAN.name).upstream == ""
        assert store.lookup.known("nobody") is None

    def test_keys_are_rotated_in_small_steps(self, store, again):
        for number in range(201):
            name = f"user{number}"
            store.accounts.add(replace(SCAN, name=name, password=SecretStr(name)))
        store.devices.add(replace(CANON, account="user7"))
        new = new_key()
        assert again([new, KEY]).seal_anew() == 202
        found = again([new])
        assert all(
            each.password == SecretStr(each.name) for each in found.accounts.find(limit=300)
        )

    def test_many_at_once_lose_nothing(self, store):
        store.accounts.add(SCAN)
        store.grants.put(GRANT)

        def work(number):
            store.notes.put("one", str(number))
            store.grants.put(replace(GRANT, access=SecretStr(str(number))))
            store.visits.save(Visit("0" * 64, "anna", "csrf", 100.0))
            seen = [Seen(SCAN.name, name, number, "", "") for name in ("a", "b")]
            store.devices.note_seen(seen[:: 1 if number % 2 else -1])
            return store.administrators.add_first(Administrator(f"anna{number}", "h"))

        with ThreadPoolExecutor(8) as pool:
            first = list(pool.map(work, range(24)))
        assert first.count(True) == 1
        assert len(store.administrators.all()) == 1
        assert store.grants.get(SCAN.name).version == 25

    def test_one_of_many_gets_the_lease(self, store):
        store.accounts.add(SCAN)
        store.grants.put(GRANT)

        def lease(_):
            return store.grants.lease(SCAN.name, 1, until=30.0, now=0.0)

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(lease, range(16))).count(True) == 1

    def test_a_refresh_during_a_rotation_is_not_lost(self, store, again):
        for number in range(50):
            store.accounts.add(replace(SCAN, name=f"user{number}"))
            store.grants.put(replace(GRANT, account=f"user{number}"))
        both = again([new_key(), KEY])

        def refresh(number):
            grant = both.grants.get(f"user{number}")
            return both.grants.save(replace(grant, refresh=SecretStr("refresh-2")))

        with ThreadPoolExecutor(5) as pool:
            rotation = pool.submit(both.seal_anew)
            assert all(pool.map(refresh, range(50)))
            rotation.result()
        assert {each.refresh for each in both.grants.all()} == {SecretStr("refresh-2")}
