"""Secrets at rest."""

import os

import pytest
from pydantic import SecretStr

from gateway.accounts.vault import Vault, make_key_file, new_key, read_keys
from gateway.errors import Misconfigured

SECRET = SecretStr("hunter2")


def test_a_secret_is_read_with_its_key_at_its_place():
    key = new_key()
    sealed = Vault([key]).seal("account kim", SECRET)
    assert "hunter2" not in sealed
    assert Vault([new_key(), key]).open("account kim", sealed) == SECRET
    with pytest.raises(Misconfigured, match="no key fits"):
        Vault([new_key()]).open("account kim", sealed)
    with pytest.raises(Misconfigured, match="another place"):
        Vault([key]).open("account lee", sealed)


def test_a_place_cannot_be_stretched_into_the_secret():
    vault = Vault([new_key()])
    sealed = vault.seal("account", SecretStr("kim\0x"))
    with pytest.raises(Misconfigured):
        vault.open("account\0kim", sealed)


@pytest.mark.parametrize("damage", [lambda s: s[:-8], lambda s: "", lambda s: s.swapcase()])
def test_a_damaged_one_is_not_read(damage):
    vault = Vault([new_key()])
    with pytest.raises(Misconfigured):
        vault.open("p", damage(vault.seal("p", SECRET)))


@pytest.mark.parametrize("keys", [[], [SecretStr("short")], [new_key()] * 17])
def test_keys_that_do_not_do(keys):
    vault = Vault([new_key()])
    sealed = vault.seal("p", SECRET)
    with pytest.raises(Misconfigured) as raised:
        vault.use(keys)
    assert "short" not in str(raised.value)
    assert vault.open("p", sealed) == SECRET


def test_a_key_file_is_made_once(tmp_path):
    path = tmp_path / "state" / "key"
    make_key_file(path)
    keys = read_keys(path)
    make_key_file(path)
    assert read_keys(path) == keys
    assert [each.name for each in path.parent.iterdir()] == ["key"]


def test_a_key_file_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match="cannot write"):
        make_key_file(tmp_path / "file" / "key")
    with pytest.raises(Misconfigured, match="No such file"):
        read_keys(tmp_path / "none")


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620, 0o666])
def test_a_key_file_that_others_may_use(tmp_path, mode):
    path = tmp_path / "key"
    make_key_file(path)
    os.chmod(path, mode)  # noqa: PTH101 - whatever the umask
    if mode == 0o640:  # the group may read: systemd's LoadCredential and services' groups
        assert read_keys(path)
    else:
        with pytest.raises(Misconfigured, match="chmod 600"):
            read_keys(path)
