"""What a login costs in the directory: ``python -m tests.bench.directory [N] [--postgresql]``.

Fills a database with N accounts (100,000) of one device each, and tells for each step the
time on the clock and that of this process' processor.
"""

import random
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from pydantic import SecretBytes, SecretStr
from sqlalchemy import insert
from twisted.internet.defer import Deferred

from gateway.accounts.admission.cache import Cache
from gateway.accounts.admission.door import DirectoryDoor, Ways
from gateway.accounts.admission.seen import LastSeen
from gateway.accounts.admission.verified import Verified
from gateway.accounts.model import Account, Device
from gateway.accounts.new_device import with_new_password
from gateway.accounts.store import Seen, Store, schema
from gateway.accounts.store.rows import Rows
from gateway.accounts.vault import Vault, new_key
from gateway.maildrop import Attempt
from tests.support.postgresql import PASSWORD, PostgreSQL

_AT_ONCE = 2000
_TRIES = 3000


def _measured(what, times, work):
    wall, processor = time.perf_counter(), time.process_time()
    work()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(
        f"{what:<44} {wall / times * 1e6:>12,.0f} µs {processor / times * 1e6:>10,.0f} µs CPU"
    )


def _fill(store, vault, device, number):
    rows = Rows(vault)
    with store.database.transaction() as connection:
        for start in range(0, number, _AT_ONCE):
            some = [_name(n) for n in range(start, min(start + _AT_ONCE, number))]
            accounts = [
                Account(each, "imaps://x", credential="password", password=SecretStr("secret"))
                for each in some
            ]
            connection.execute(insert(schema.account), list(map(rows.from_account, accounts)))
            devices = [rows.from_device(replace(device, account=each)) for each in some]
            connection.execute(insert(schema.device), devices)


def _name(number):
    return f"user{number}@example.org"


def _door(store, fresh):
    async def ask(key):
        return store.lookup.known(key)

    async def run(check):
        return check()

    async def write(seen):
        del seen

    cache = Cache(ask, fresh=fresh, outage=300, now=time.monotonic)
    seen = LastSeen(write, now=time.time, emit=print)
    verified = Verified(run, b"k" * 32)
    return DirectoryDoor(cache.get, Ways(), verified=verified, seen=seen, key=b"k" * 32)


def _admit(door, name, password):
    async def login():
        attempt = Attempt(name.encode(), password, "192.0.2.1", "TLSv1.3")
        await door.ended(attempt, await door.admit(attempt), None)

    failed = []
    Deferred.fromCoroutine(login()).addErrback(failed.append)
    if failed:
        failed[0].raiseException()


def _each(work, things):
    return lambda: [work(each) for each in things]


def measure(store, vault, number):
    """Everything, on an empty database."""
    device, made = with_new_password(Device("", "canon", "", ""), keep=False, scram=True)
    password = SecretBytes(made.shown.get_secret_value().encode())
    _measured(
        f"fill with {number:,} accounts, each",
        number,
        lambda: _fill(store, vault, device, number),
    )
    names = [_name(random.randrange(number)) for _ in range(_TRIES)]
    _each(store.lookup.known, names[:100])()
    _measured("ask for an account", _TRIES, _each(store.lookup.known, names))
    strangers = [f"no-{name}" for name in names]
    _measured("ask for one that is not there", _TRIES, _each(store.lookup.known, strangers))
    seen = [Seen(name, "canon", 1e9, "192.0.2.1", "") for name in dict.fromkeys(names)][:500]
    _measured("note a login, of 500 together", 500, lambda: store.devices.note_seen(seen))
    door = _door(store, fresh=300)
    first = dict.fromkeys(names[:50])
    _measured(
        "first login of a device (Argon2id)",
        len(first),
        _each(lambda n: _admit(door, n, password), first),
    )
    polls = names[:1] * 20_000
    _measured(
        "poll, account remembered",
        len(polls),
        _each(lambda n: _admit(door, n, password), polls),
    )
    door = _door(store, fresh=0)
    _admit(door, names[0], password)
    polls = polls[:_TRIES]
    _measured(
        "poll, account asked for", len(polls), _each(lambda n: _admit(door, n, password), polls)
    )
    _measured("encrypt a secret anew, of all", number, store.seal_anew)


def main(arguments):
    """As the module says."""
    numbers = [int(each) for each in arguments if each.isdigit()]
    number, vault = (numbers or [100_000])[0], Vault([new_key()])
    if "--postgresql" in arguments:
        with PostgreSQL() as server:
            measure(Store(server.fresh(), vault, SecretStr(PASSWORD)), vault, number)
        return
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "accounts.sqlite"
        measure(Store(path, vault), vault, number)
        print(f"{path.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
