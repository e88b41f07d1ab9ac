"""Accounts of the settings file become what the door knows."""

import pytest
from pydantic import SecretStr

from gateway.accounts.admission.entries import read_entries
from gateway.accounts.settings import AccountEntry, DeviceEntry
from gateway.errors import Misconfigured

DEVICE = DeviceEntry(
    name="canon",
    selector="abcd",
    password_hash=SecretStr("$argon2id$x"),
    fence=("192.0.2.0/24",),
    tls_only=True,
)


def test_an_entry_with_a_password_has_devices(tmp_path):
    file = tmp_path / "password"
    file.write_text("pässword\nanother line\n")
    entry = AccountEntry(name="Kim", upstream="x", password_file=file, device=(DEVICE,))
    known = read_entries([entry])["kim"]
    assert known.account.credential == "password"
    assert known.account.password == SecretStr("pässword")
    assert known.upstream == "x"
    device = known.devices[0]
    assert (device.account, device.hash, device.fence, device.tls_only) == (
        "Kim",
        "$argon2id$x",
        ("192.0.2.0/24",),
        True,
    )


def test_an_entry_without_is_for_clients_that_have_it():
    known = read_entries([AccountEntry(name="kim", mailbox="box")])["kim"]
    assert (known.account.credential, known.account.user) == ("client", "box")


@pytest.mark.parametrize("text", [b"", b"\nx", b"\xff\n"])
def test_a_file_without_a_password_is_told(tmp_path, text):
    file = tmp_path / "password"
    file.write_bytes(text)
    with pytest.raises(Misconfigured, match="password file"):
        read_entries([AccountEntry(name="kim", password_file=file)])


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(Misconfigured, match="No such file"):
        read_entries([AccountEntry(name="kim", password_file=tmp_path / "none")])
