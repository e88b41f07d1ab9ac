"""account, device, provider, accounts, admin and invite, on one directory."""

import json
import os
import re

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from gateway.accounts.keys import VARIABLE
from gateway.accounts.model import Grant
from gateway.accounts.passwords import normalised, selector_of, verify
from gateway.accounts.store import Store
from gateway.accounts.vault import Vault, read_keys
from gateway.cli import main
from gateway.config import load
from tests.unit.accounts.oauth.test_assertion import service_account

ADD = ("account", "add", "kim@example.org")


class Shell:
    """Runs commands on a state directory."""

    def __init__(self, directory):
        self.directory = directory

    def __call__(self, *arguments, status=0, secret="", options=True):
        there = ["--state-dir", str(self.directory)] if options else []
        result = CliRunner().invoke(main, [*arguments, *there], input=f"{secret}\n")
        assert result.exit_code == status, result.output
        self.errors = result.stderr
        return result.stdout

    def json(self, *arguments):
        return json.loads(self(*arguments, "--json"))

    def store(self):
        key = self.directory / "key"
        return Store(self.directory / "accounts.sqlite", Vault(read_keys(key)))


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    return Shell(tmp_path / "state")


@pytest.fixture
def kim(shell):
    shell(*ADD, "--password-file", "-", "--note", "office", secret="hunter2")
    return "kim@example.org"


# ---- accounts


def test_an_account_is_added_and_shown_without_its_secret(shell, kim):
    row = shell.json("account", "show", kim)[0]
    assert (row["name"], row["credential"], row["note"]) == (kim, "password", "office")
    assert (row["enabled"], row["devices"], row["consent"]) == (True, [], None)
    texts = [shell("account", "show", kim), shell("account", "list")]
    assert "hunter2" not in json.dumps(row) + "".join(texts)
    store = shell.store()
    assert store.accounts.get(kim).password == SecretStr("hunter2")
    store.close()


def test_what_opens_the_mailbox_must_be_said_once(shell):
    shell(*ADD, status=2)
    assert "say what opens the mailbox" in shell.errors
    shell(*ADD, "--own-password", "--keep-password", status=2)
    assert "exclude each other" in shell.errors
    shell(*ADD, "--provider", "none", status=1)
    assert "no provider none" in shell.errors
    shell(*ADD, "--password-file", "-", status=2)
    assert "is empty" in shell.errors


def test_names_and_urls_are_checked(shell, kim):
    shell("account", "add", "a/b", "--own-password", status=2)
    for url, why in (("nonsense", "no scheme"), ("imap://x", "TLS"), ("maildir:///x", "file")):
        shell("account", "change", kim, "--upstream", url, status=2)
        assert why in shell.errors
    shell(*ADD, "--own-password", status=1)
    assert "already" in shell.errors


def test_a_change_leaves_the_rest(shell, kim):
    shell("account", "change", "KIM@example.org", "--upstream", "imaps://IMAP.example.org/")
    shell("account", "disable", kim)
    row = shell.json("account", "list", "offi")[0]
    assert (row["upstream"], row["note"], row["enabled"]) == (
        "imaps://imap.example.org:993",
        "office",
        False,
    )
    shell("account", "enable", kim)
    shell("account", "change", kim, "--own-password")
    row = shell.json("account", "list")[0]
    assert (row["enabled"], row["credential"]) == (True, "client")


def test_an_account_is_removed_when_that_is_confirmed(shell, kim):
    shell("account", "remove", kim, status=1, secret="n")
    assert shell.json("account", "list")
    shell("account", "remove", kim, "--yes")
    assert shell.json("account", "list") == []
    shell("account", "show", kim, status=1)
    assert f"there is no account {kim} in {shell.directory}" in shell.errors


def test_how_a_consent_stands_is_told(shell):
    shell(
        *("provider", "add", "office", "--preset", "google", "--client-id", "id"),
        *("--upstream", "gmail://"),
    )
    shell(*ADD, "--provider", "office")

    def consent():
        return shell.json("account", "show", "kim@example.org")[0]["consent"]

    assert consent() == "nobody has signed in yet"
    store = shell.store()
    access = SecretStr("access")
    store.grants.put(Grant("kim@example.org", "code", None, access, 9e9, subject="kim@x"))
    assert consent().startswith("given by kim@x")
    store.grants.put(Grant("kim@example.org", "code", None, access, 9e9, broken="withdrawn"))
    assert consent() == "ended: withdrawn"
    store.close()


# ---- devices


def test_a_device_s_password_is_printed_once_with_all_that_is_to_be_entered(shell, kim):
    output = shell("device", "add", kim, "canon", "--fence", "192.0.2.0/24", "--tls-only")
    password = re.search(r"password +(\S+)", output)[1]
    for line in ("server", "port       of --listen-tls", f"user name  {kim}"):
        assert line in output
    store = shell.store()
    device = store.devices.get(kim, "canon")
    store.close()
    assert verify(device.hash, normalised(SecretStr(password)))
    assert device.selector == selector_of(SecretStr(password))
    assert (device.secret, device.fence, device.tls_only) == (None, ("192.0.2.0/24",), True)
    assert device.scram
    assert password not in shell("device", "list") + json.dumps(shell.json("device", "list"))


@pytest.mark.parametrize(("flags", "plain"), [((), True), (("--tls-only",), False)])
def test_ports_are_those_of_the_file(shell, kim, tmp_path, flags, plain):
    file = tmp_path / "office.toml"
    file.write_text(
        '[accounts]\nstore = "embedded"\n'
        '[console]\npop3_host = "pop.example.org"\n'
        '[listen]\nplain = ["127.0.0.1:2110"]\n'
    )
    output = shell("device", "add", kim, "canon", *flags, "--config", str(file))
    assert "server     pop.example.org" in output
    assert ("port       2110 (no TLS)" in output) == plain


def test_a_fence_with_an_address_for_a_network(shell, kim):
    shell("device", "add", kim, "canon", "--fence", "192.0.2.1/24", status=2)
    assert "write 192.0.2.0/24 for all of it, or 192.0.2.1 for one address" in shell.errors
    shell("device", "add", kim, "canon", "--fence", "office", status=2)
    assert (
        "'office' does not appear to be an IPv4 or IPv6 network: write an address or a network"
        in shell.errors
    )


def test_a_password_is_kept_only_where_that_was_asked_for(shell, kim):
    output = shell("device", "add", kim, "canon", "--keep-secret")
    store = shell.store()
    kept = store.devices.get(kim, "canon").secret
    store.close()
    assert kept.get_secret_value() in output
    assert shell.json("device", "list", kim)[0]["secret_kept"] is True


def test_mistakes_about_devices(shell, kim):
    shell("device", "add", kim, "Canon 1", status=2)
    shell("device", "add", kim, "canon", "--fence", "192.0.2.1/24", status=2)
    shell("device", "add", kim, "canon", "--fence", "fe80::1%eth0", status=2)
    shell("device", "add", "nobody", "canon", status=1)
    shell("device", "revoke", kim, "canon", status=1)
    shell("device", "remove", kim, "canon", status=1)
    shell("device", "add", kim, "canon")
    shell("device", "add", kim, "canon", status=1)
    shell("account", "change", kim, "--own-password")
    shell("device", "add", kim, "other", status=1)
    assert "needs no other" in shell.errors


def test_a_device_is_revoked_and_removed(shell, kim):
    shell("device", "add", kim, "canon")
    shell("device", "revoke", kim, "canon")
    row = shell.json("device", "list")[0]
    assert row["state"] == "revoked"
    assert row["revoked"]
    shell("device", "remove", kim, "canon")
    assert shell.json("device", "list", kim) == []


def test_what_is_printed_for_the_settings_file_is_what_it_takes(shell, tmp_path):
    result = CliRunner().invoke(
        main, ["device", "hash", "canon", "--note", 'a "b"', "--fence", "192.0.2.0/24"]
    )
    assert result.exit_code == 0
    password = re.search(r"password: (\S+)", result.stderr)[1]
    assert password not in result.stdout
    (tmp_path / "secret").write_text("hunter2\n")
    file = tmp_path / "settings.toml"
    file.write_text(
        f'[[accounts.account]]\nname = "kim"\nupstream = "imaps://imap.example.org"\n'
        f'password_file = "{tmp_path}/secret"\n\n{result.stdout}'
    )
    device = load(file).accounts.account[0].device[0]
    assert verify(device.password_hash.get_secret_value(), normalised(SecretStr(password)))
    assert (device.note, device.fence) == ('a "b"', ("192.0.2.0/24",))
    shell("device", "hash", "canon", "--keep-secret", status=2, options=False)


# ---- providers


def test_providers(shell):
    made = ("provider", "add", "office", "--client-id", "id", "--upstream", "imaps://x")
    shell(*made, "--preset", "oidc", status=2)
    shell(*made, "--preset", "google", "--issuer", "https://x", status=2)
    shell("provider", "add", "A B", *made[3:], "--preset", "google", status=2)
    shell(
        *(*made, "--preset", "oidc", "--issuer", "https://id.example.org"),
        *("--client-secret-file", "-", "--secret-ends", "2020-01-31", "--scope", "a"),
        secret="hunter2",
    )
    assert "ended already" in shell.errors
    rows = shell.json("provider", "list")
    assert rows == [
        {
            "name": "office",
            "preset": "oidc",
            "upstream": "imaps://x:993",
            "client_id": "id",
            "client_secret": "kept",
            "issuer": "https://id.example.org",
            "tenant": "",
            "scopes": ["a"],
            "secret_ends": "2020-01-31T00:00:00+00:00",
        }
    ]
    shell(*ADD, "--provider", "office")
    shell("provider", "remove", "office", status=1)
    assert "accounts use" in shell.errors
    shell("account", "remove", "kim@example.org", "--yes")
    shell("provider", "remove", "office")
    assert shell.json("provider", "list") == []


# ---- keys


def test_a_key_is_made_printed_or_put_in_front(shell, kim, tmp_path):
    printed = shell("accounts", "new-key", options=False)
    assert len(printed.strip()) == 44
    file = shell.directory / "key"
    old = file.read_text()
    shell("accounts", "new-key", str(file), options=False)
    lines = file.read_text().splitlines()
    assert [lines[1]] == old.splitlines()
    assert file.stat().st_mode & 0o777 == 0o600
    assert "encrypted anew: 1 " in shell("accounts", "rotate-key")
    file.write_text(f"{lines[0]}\n")
    store = shell.store()
    assert store.accounts.get(kim).password == SecretStr("hunter2")
    store.close()
    shell("accounts", "new-key", str(tmp_path / "none" / "key"), options=False)
    file.chmod(0o644)
    shell("accounts", "new-key", str(file), status=1, options=False)


def test_without_the_key_it_is_said(shell, kim):
    (shell.directory / "key").write_text(shell("accounts", "new-key", options=False))
    shell("account", "show", kim, status=1)
    assert "no key fits" in shell.errors


# ---- people


def test_administrators(shell):
    shell("admin", "add", "anna", "--password-file", "-", status=2, secret="short")
    shell("admin", "add", "a:b", "--password-file", "-", status=2, secret="x" * 12)
    shell("admin", "add", "anna", "--password-file", "-", secret="correct horse")
    shell("admin", "add", "anna", "--password-file", "-", status=1, secret="correct horse")
    assert shell.json("admin", "list") == [{"name": "anna"}]
    shell("admin", "password", "anna", "--password-file", "-", secret="battery staple")
    store = shell.store()
    assert verify(store.administrators.get("anna").hash, SecretStr("battery staple"))
    store.close()
    shell("admin", "remove", "anna")
    shell("admin", "remove", "anna", status=1)
    shell("admin", "password", "anna", status=1)


def test_a_link_for_the_owner_of_a_mailbox(shell, kim):
    shell("invite", kim, status=1)
    shell(
        *("provider", "add", "office", "--preset", "google", "--client-id", "id"),
        *("--upstream", "gmail://"),
    )
    shell("account", "change", kim, "--provider", "office")
    shell("invite", kim, "--device", "A B", status=2)
    shell("invite", kim, status=1)
    assert "there is no console" in shell.errors
    file = shell.directory / "settings.toml"
    file.write_text(
        '[console]\nlisten = "127.0.0.1:8443"\nurl = "https://mail-in.example.org/"\n'
        '[accounts]\nstore = "embedded"\n'
    )
    link = shell("invite", kim, "--device", "canon", "--config", str(file)).strip()
    assert link.startswith("https://mail-in.example.org/welcome/")
    token = link.rpartition("/welcome/")[2]
    store = shell.store()
    assert store.invites.get(SecretStr(token), 0.0).device == "canon"
    store.close()


# ---- which directory


def test_a_file_without_a_directory_is_not_meant(shell, tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('[upstream]\nurl = "imaps://imap.example.org"\n')
    shell("account", "list", "--config", str(file), status=2)
    assert "accounts.store is not set" in shell.errors
    file.write_text("[accounts]\nstore = 7\n")
    shell("account", "list", "--config", str(file), status=2)
    assert "is a whole number" in shell.errors


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_root_does_not_write_into_another_user_s_directory(shell, kim):
    os.chown(shell.directory, 12345, -1)
    shell("account", "list", status=2)
    assert "--reuid=12345" in shell.errors


def test_a_provider_has_a_key_for_a_secret(shell, tmp_path):
    file = tmp_path / "robot.json"
    file.write_text(service_account().get_secret_value())
    given = ("provider", "add", "office", "--preset", "google", "--client-id", "robot")
    shell(*given, "--upstream", "imaps://imap.gmail.com", "--client-key-file", str(file))
    store = shell.store()
    assert store.providers.get("office").client_secret == SecretStr(file.read_text())
    store.close()
    assert "PRIVATE KEY" not in shell("provider", "list", "--json")
    file.write_text("hunter2")
    shell(
        *(*given, "--upstream", "imaps://imap.gmail.com", "--client-key-file", str(file)),
        status=2,
    )
    assert "neither PEM" in shell.errors
    assert "hunter2" not in shell.errors
