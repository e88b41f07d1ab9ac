"""The directory in one process: what is asked, what is remembered, and the door."""

import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from gateway.accounts.admission.cache import Cache
from gateway.accounts.admission.door import DirectoryDoor, Ways
from gateway.accounts.admission.entries import read_entries
from gateway.accounts.admission.seen import LastSeen
from gateway.accounts.admission.verified import Verified
from gateway.accounts.model import Known
from gateway.accounts.names import Route
from gateway.accounts.opened import Opened, open_store
from gateway.accounts.store import Seen
from gateway.accounts.store.database import Runner
from gateway.app.backends import canonical
from gateway.app.oauth import introspection, make_oauth, tokens_for
from gateway.config import Settings
from gateway.config.upstream_url import NOWHERE
from gateway.errors import Unavailable
from gateway.telemetry import Emitter

_FLUSH_SECONDS = 5.0
# Each check takes 19 MiB, and a processor for as long as it lasts.
_CHECKS = 2
_MOST_WAITING = 200


class Directory:
    """Everything that knows who is let in.

    Args:
        settings: All of them.
        reactor: For everything that waits.
        emit: Takes the events.

    Raises:
        Misconfigured: What the settings name cannot be used.

    Attributes:
        door: Lets clients in.
        oauth: Signing in at providers, and the tokens; None without a database.
    """

    def __init__(self, settings: Settings, reactor: Any, emit: Emitter) -> None:
        where = settings.store
        self._opened = opened = None if where is None else open_store(where, settings.accounts)
        self._runner = None if opened is None else Runner(opened.store.database, reactor)
        self._checks = _Checks(reactor)
        self._entries: Mapping[str, Known] = {}
        accounts = settings.accounts
        self._cache = Cache(
            self._ask, fresh=accounts.cache, outage=accounts.outage, now=reactor.seconds
        )
        self._seen = LastSeen(self._write_seen, now=time.time, emit=emit)
        self._flush: Any = LoopingCall(self._flush_seen)
        self._flush.clock = reactor
        self.oauth = None
        if opened is not None and self._runner is not None:
            self.oauth = make_oauth(accounts.oauth, opened.store, self._runner, reactor, emit)
        self._ways = ways = Ways(
            tokens_for=None if self.oauth is None else tokens_for(self.oauth.keeper),
            introspect=None
            if self.oauth is None
            else introspection(accounts, self.oauth.fetcher),
        )
        self.door = DirectoryDoor(
            self._find,
            ways,
            verified=Verified(self._checks.run, os.urandom(32)),
            seen=self._seen,
            key=_shared_key(opened),
        )
        self._take(settings)

    def start(self) -> None:
        """Begin to note logins, and to watch over consents.

        Every process watches: who comes second finds the work done.
        """
        self._flush.start(_FLUSH_SECONDS, now=False)
        if self.oauth is not None:
            self.oauth.watch.start()

    def reload(self, settings: Settings) -> None:
        """Read the accounts of the settings file, the routes and the keys again.

        Raises:
            Misconfigured: They cannot be used; the old ones stay.
        """
        self._take(settings)
        if self._opened is not None:
            self._opened.reload()
        self._cache.forget()

    async def stop(self) -> None:
        """Note what is not noted yet; end the threads, and close the database."""
        if self._flush.running:
            self._flush.stop()
        await self._seen.flush()
        if self.oauth is not None:
            await self.oauth.stop()
        self._checks.stop()
        if self._runner is not None:
            self._runner.stop()
        if self._opened is not None:
            self._opened.store.close()

    def _take(self, settings: Settings) -> None:
        entries = read_entries(settings.accounts.account)
        self._entries = {name: _canonical(known) for name, known in entries.items()}
        self.door.lead(replace(self._ways, **_ways(settings)))

    async def _find(self, key: str) -> Known | None:
        entry = self._entries.get(key)
        if entry is not None or self._opened is None:
            return entry
        return await self._cache.get(key)

    async def _ask(self, key: str) -> Known | None:
        if self._opened is None or self._runner is None:
            return None
        store = self._opened.store
        known = await self._runner.run(lambda: store.lookup.known(key))
        return None if known is None else _canonical(known)

    async def _write_seen(self, seen: Sequence[Seen]) -> None:
        if self._opened is None or self._runner is None:
            return
        store = self._opened.store
        await self._runner.write(lambda: store.devices.note_seen(seen))

    def _flush_seen(self) -> "Deferred[None]":
        return Deferred.fromCoroutine(self._seen.flush())


class _Checks:
    """Threads for Argon2id, and not too many who wait for them."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._waiting = 0
        self._pool: Any = ThreadPool(minthreads=0, maxthreads=_CHECKS, name="passwords")
        self._pool.start()

    async def run(self, check: Callable[[], bool]) -> bool:
        """What the check says.

        Raises:
            Unavailable: Too many are waiting.
        """
        if self._waiting >= _MOST_WAITING:
            raise Unavailable(f"{_MOST_WAITING} passwords are waiting to be checked")
        self._waiting += 1
        try:
            done: Deferred[bool] = deferToThreadPool(self._reactor, self._pool, check)
            return await done
        finally:
            self._waiting -= 1

    def stop(self) -> None:
        """End them, when they have done what they do."""
        self._pool.stop()


def _ways(settings: Settings) -> dict[str, Any]:
    return {
        "routes": tuple(
            Route(each.match, canonical(each.upstream), each.user) for each in settings.routes
        ),
        "own": settings.upstream.url != NOWHERE,
        "strangers": settings.accounts.unknown == "pass" or not settings.directory,
    }


def _canonical(known: Known) -> Known:
    """Two spellings of a URL are one upstream, with one lease for a mailbox."""
    return replace(known, upstream=canonical(known.upstream))


def _shared_key(opened: Opened | None) -> bytes:
    """A secret that all processes have; without a database there is nothing to hide by it."""
    if opened is None:
        return os.urandom(32)
    oldest = opened.keys.read()[-1].get_secret_value().encode()
    return hashlib.blake2b(oldest, digest_size=32, person=b"nobody").digest()
