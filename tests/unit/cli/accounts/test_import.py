"""`account import`: all of a table, or nothing."""

import csv
import stat

import pytest
from pydantic import SecretStr

from gateway.accounts.passwords import normalised, verify
from gateway.accounts.store import AlreadyThere
from gateway.accounts.store.directory import Accounts
from gateway.errors import Unavailable
from tests.unit.cli.accounts.test_accounts import Shell

TABLE = """\
name,mailbox,upstream,password,device,fence,tls_only,note
scans@example.org,scan,imaps://imap.example.org,"it's, the own",canon,192.0.2.0/24 2001:db8::/48,yes,hall
till@example.org,,IMAPS://imap.example.org,blank at the end ,,,,"two ""tills"" here"
"""


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.delenv("POP3_GATEWAY_KEY", raising=False)
    return Shell(tmp_path / "state")


@pytest.fixture
def give(shell, tmp_path):
    """Writes a table and imports it."""

    def run(table, *flags, status=0):
        file = tmp_path / "table.csv"
        file.write_bytes(table if isinstance(table, bytes) else table.encode())
        return shell("account", "import", str(file), *flags, status=status)

    return run


@pytest.fixture
def new(tmp_path):
    return tmp_path / "passwords.csv"


def test_accounts_and_devices_are_as_their_lines_say(shell, give, new):
    assert "2 accounts, 1 devices" in give(TABLE, "--passwords", str(new))
    store = shell.store()
    scans, till = store.accounts.find()
    assert (scans.mailbox, scans.note, scans.credential) == ("scan", "hall", "password")
    assert scans.password == SecretStr("it's, the own")
    assert till.password == SecretStr("blank at the end ")
    assert till.upstream == scans.upstream
    assert till.note == 'two "tills" here'
    [canon] = store.devices.of(scans.name)
    assert canon.fence == ("192.0.2.0/24", "2001:db8::/48")
    assert canon.tls_only
    with new.open(newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["account"], row["device"]) == ("scans@example.org", "canon")
    assert verify(canon.hash, normalised(SecretStr(row["password"])))
    assert stat.S_IMODE(new.stat().st_mode) == 0o600


def test_a_spreadsheet_of_another_country_is_understood(shell, give):
    table = "\ufeffName;Password;Note\r\nkim@example.org;hunter2;a, b\r\n;;\r\n"
    assert "1 accounts" in give(table)
    [kim] = shell.store().accounts.find()
    assert (kim.name, kim.note) == ("kim@example.org", "a, b")


def test_an_account_signs_in_at_a_provider_that_is_there(shell, give):
    table = "name,provider\nkim@example.org,office\n"
    give(table, status=1)
    assert "line 2: there is no provider office" in shell.errors
    shell(
        *("provider", "add", "office", "--preset", "microsoft", "--client-id", "x"),
        *("--upstream", "graph://contoso.example"),
    )
    give(table)
    assert shell.json("account", "list")[0]["credential"] == "oauth"


def test_a_line_that_opens_nothing_must_be_meant(shell, give):
    table = "name\nkim@example.org\n"
    give(table, status=1)
    assert "neither a provider nor a password" in shell.errors
    give(table, "--own-password")
    assert shell.json("account", "list")[0]["credential"] == "client"


WRONG = {
    "no name": (",secret,,,", "line 2: the name must have"),
    "a slash": ("a/b,secret,,,", "line 2: the name must have no slash"),
    "both": ("a,secret,office,,", "a provider and a password"),
    "control": ("a,se\x07cret,,,", "control character"),
    "no device": ("a,secret,,,192.0.2.0/24", "fence and tls_only are of a device"),
    "odd device": ("a,secret,,Canon One,", "the device's name must be"),
    "odd fence": ("a,secret,,canon,192.0.2.1/24", "its fence: 192.0.2.1/24 has host bits"),
    "too many cells": ("a,secret,,canon,,,,,more", "more cells than the heading"),
    "twice": ("a,secret,,,\nA,secret,,,", "line 3: the name is in line 2 already"),
    "a later line": ('"a",secret,,,\n\n"b\nb",secret,,,', "line 4: the name must have"),
    "broken quotes": ('"a"b,secret,,,', "line 2: it is no CSV"),
}


@pytest.mark.parametrize("rows", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_with_its_line_and_nothing_is_added(shell, give, new, rows):
    lines, told = rows
    table = f"name,password,provider,device,fence\n{lines}\ngood,secret,,canon,\n"
    give(table, "--passwords", str(new), status=1)
    assert told in shell.errors
    assert "secret" not in shell.errors
    assert not new.exists()
    assert shell.json("account", "list") == []


@pytest.mark.parametrize(
    "table",
    [b"", b"account,password\n", b"name,name\n", b"name,colour\n", b"name\n", b"name\n\xff\n"],
)
def test_a_table_that_is_none_is_refused(shell, give, table):
    give(table, "--own-password", status=1)
    assert shell.errors
    assert "Traceback" not in shell.errors


def test_a_file_of_the_machine_is_no_mailbox(shell, give):
    give("name,password,upstream\nkim,secret,maildir:///home/kim\n", status=1)
    assert "names a file of the gateway's machine" in shell.errors


def test_many_faults_are_counted_and_not_all_shown(shell, give):
    give("name\n" + "a/b\n" * 100, status=1)
    assert "… and 80 more" in shell.errors


def test_known_accounts_are_refused_or_left_as_they_are(shell, give, new):
    give(TABLE, "--passwords", str(new))
    changed = TABLE.replace("hall", "cellar") + "more@example.org,,,secret,,,,\n"
    new.unlink()
    give(changed, "--passwords", str(new), status=1)
    assert "line 2: there is an account scans@example.org already" in shell.errors
    assert not new.exists()
    told = give(changed, "--skip-known", "--passwords", str(new))
    assert "1 accounts, 0 devices; 2 were there" in told
    notes = {each["name"]: each["note"] for each in shell.json("account", "list")}
    assert notes["scans@example.org"] == "hall"
    assert "more@example.org" in notes


def test_passwords_need_a_new_file(shell, give, new):
    give(TABLE, status=2)
    assert "--passwords" in shell.errors
    new.write_text("mine")
    give(TABLE, "--passwords", str(new), status=1)
    assert "not there yet" in shell.errors
    assert new.read_text() == "mine"
    assert shell.json("account", "list") == []


def test_a_check_changes_nothing(shell, give):
    assert "nothing is wrong" in give(TABLE, "--check")
    assert shell.json("account", "list") == []


def test_passwords_are_kept_where_the_accounts_may_have_been_added(
    shell, give, new, monkeypatch
):
    def lost(*_):
        raise Unavailable("accounts: gone")

    monkeypatch.setattr(Accounts, "add_all", lost)
    give(TABLE, "--passwords", str(new), status=1)
    assert "may yet have been added" in shell.errors
    assert "canon" in new.read_text()


def test_passwords_of_accounts_that_were_not_added_are_not_kept(shell, give, new, monkeypatch):
    def quicker(*_):
        raise AlreadyThere("there is an account scans@example.org already")

    monkeypatch.setattr(Accounts, "add_all", quicker)
    give(TABLE, "--passwords", str(new), status=1)
    assert not new.exists()
