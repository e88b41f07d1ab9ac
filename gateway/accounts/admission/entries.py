"""Accounts of the settings file."""

from collections.abc import Mapping, Sequence

from gateway.accounts.model import Account, Device, Known
from gateway.accounts.secret_file import read_secret
from gateway.accounts.settings import AccountEntry


def read_entries(entries: Sequence[AccountEntry]) -> Mapping[str, Known]:
    """What the settings file knows, by names without letter case.

    Raises:
        Misconfigured: A password cannot be read.
    """
    return {each.name.casefold(): _known(each) for each in entries}


def _known(entry: AccountEntry) -> Known:
    password = None if entry.password_file is None else read_secret(entry.password_file)
    account = Account(
        entry.name,
        upstream=entry.upstream,
        mailbox=entry.mailbox,
        credential="client" if password is None else "password",
        password=password,
    )
    devices = tuple(
        Device(
            account=entry.name,
            name=each.name,
            selector=each.selector,
            hash=each.password_hash.get_secret_value(),
            fence=each.fence,
            tls_only=each.tls_only,
            note=each.note,
        )
        for each in entry.device
    )
    return Known(account, devices, entry.upstream)
