"""Where the keys of the vault are found, and that nobody else gets them."""

import pytest

from gateway.accounts.keys import VARIABLE, Keys
from gateway.accounts.vault import new_key
from gateway.errors import Misconfigured


def texts(keys):
    return [key.get_secret_value() for key in keys.read()]


@pytest.fixture
def key_in(tmp_path):
    def write(name):
        key = new_key().get_secret_value()
        path = tmp_path / name
        path.write_text(f"# made today\n{key}\n")
        path.chmod(0o600)
        return path, key

    return write


def test_the_file_of_the_settings_comes_first(key_in, tmp_path):
    path, key = key_in("file")
    assert texts(Keys(path, tmp_path / "own", {VARIABLE: "other"})) == [key]
    assert not (tmp_path / "own").exists()


def test_then_the_environment_from_which_it_is_taken(tmp_path):
    environment = {VARIABLE: "new,old", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    keys = Keys(None, tmp_path / "own", environment)
    assert texts(keys) == ["new", "old"]
    assert VARIABLE not in environment


def test_then_systemd_s_credential(key_in, tmp_path):
    _, key = key_in("pop3-gateway-key")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert texts(Keys(None, tmp_path / "own", environment)) == [key]


def test_then_one_of_its_own_which_stays(tmp_path):
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    own = tmp_path / "state" / "key"
    first = texts(Keys(None, own, environment))
    assert texts(Keys(None, own, environment)) == first
    assert own.stat().st_mode & 0o077 == 0


def test_no_other_key_is_made_for_a_directory_whose_key_is_elsewhere(tmp_path):
    """A command would seal with it what the gateway then cannot read."""
    database, own = tmp_path / "accounts.sqlite", tmp_path / "key"
    first = texts(Keys(None, own, {}, database=database))
    database.touch()
    assert texts(Keys(None, own, {}, database=database)) == first
    own.unlink()
    with pytest.raises(Misconfigured, match=r"its key is not: name it in accounts\.key_file"):
        Keys(None, own, {}, database=database).read()
    assert not own.exists()


def test_without_any_it_is_said_what_to_do():
    with pytest.raises(Misconfigured, match="accounts new-key"):
        Keys(None, None, {}).read()


def test_a_file_that_others_may_read_is_refused(key_in):
    path, _ = key_in("file")
    path.chmod(0o644)
    with pytest.raises(Misconfigured, match="chmod 600"):
        Keys(path, None, {}).read()


def test_who_asks_second_in_a_process_gets_them_too(monkeypatch, tmp_path):
    monkeypatch.setattr("gateway.accounts.keys._OURS", [])
    monkeypatch.setenv(VARIABLE, "key")
    assert texts(Keys(None, None)) == texts(Keys(None, None)) == ["key"]
