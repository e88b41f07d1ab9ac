"""The directory's database on PostgreSQL: all that holds for the embedded one, and more."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from pydantic import SecretStr

from gateway.accounts.model import Administrator
from gateway.accounts.store import Store
from gateway.accounts.vault import Vault
from gateway.errors import Misconfigured, Unavailable
from tests.support.postgresql import PASSWORD, PostgreSQL
from tests.support.store_contract import CANON, GRANT, KEY, SCAN, StoreContract

_OPEN = """
import sys
from pydantic import SecretStr
from gateway.accounts.store import Store
from gateway.accounts.vault import Vault
Store(sys.argv[1], Vault([SecretStr(sys.argv[2])]), SecretStr(sys.argv[3])).close()
"""


@pytest.fixture(scope="module")
def server():
    with PostgreSQL() as running:
        yield running


@pytest.fixture
def url(server):
    return server.fresh()


@pytest.fixture
def again(url):
    opened = []

    def open_store(keys):
        opened.append(Store(url, Vault(keys), SecretStr(PASSWORD)))
        return opened[-1]

    yield open_store
    for each in opened:
        each.close()


@pytest.fixture
def store(again):
    return again([KEY])


@pytest.mark.servers
class TestPostgreSQL(StoreContract):
    pass


@pytest.mark.servers
def test_processes_that_begin_at_once_make_the_tables_once(server, url):
    key = KEY.get_secret_value()
    started = [
        subprocess.Popen([sys.executable, "-c", _OPEN, url, key, PASSWORD]) for _ in range(3)
    ]
    assert [each.wait(60) for each in started] == [0, 0, 0]
    assert server.sql(url, "SELECT version_num FROM alembic_version") == ["0001"]


@pytest.mark.servers
def test_a_wrong_password_is_told_without_showing_it(url):
    with pytest.raises(Misconfigured) as raised:
        Store(url, Vault([KEY]), SecretStr("hunter2"))
    assert "hunter2" not in str(raised.value)
    assert "postgresql://gateway@" in str(raised.value)


@pytest.mark.servers
def test_secrets_are_neither_in_the_tables_nor_in_the_server_s_log(server, url, store):
    store.accounts.add(replace(SCAN, password=SecretStr("kept-password")))
    store.devices.add(CANON)
    store.grants.put(GRANT)
    with pytest.raises(Unavailable), store.database.transaction() as connection:
        connection.exec_driver_sql("SELECT nothing FROM nowhere")
    rows = [
        line
        for table in ("account", "device", "oauth_grant")
        for line in server.sql(url, f"SELECT * FROM {table}")
    ]
    assert len(rows) == 3
    assert "nowhere" in server.log_text()
    for secret in ("kept-password", "hunter2", "refresh-1", "access-1", PASSWORD):
        assert secret not in server.log_text()
        assert not any(secret in row for row in rows)


@pytest.mark.servers
def test_a_database_that_died_is_used_again_when_it_lives():
    with PostgreSQL() as server:
        store = Store(server.fresh(), Vault([KEY]), SecretStr(PASSWORD))
        store.accounts.add(SCAN)
        server.kill()
        with pytest.raises(Unavailable, match="OperationalError"):
            store.accounts.get(SCAN.name)
        server.start()
        assert store.accounts.get(SCAN.name) == SCAN
        with ThreadPoolExecutor(8) as pool:
            found = list(
                pool.map(
                    lambda number: store.administrators.add_first(
                        Administrator(f"anna{number}", "h")
                    ),
                    range(8),
                )
            )
        assert found.count(True) == 1
        store.close()
