"""One process' gateway: everything built and wired together."""

import secrets
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.task import LoopingCall

from gateway.access.delay import LoginDelays
from gateway.access.journal import SqliteJournal
from gateway.access.lease import FileLeases
from gateway.access.open import Opener
from gateway.accounts.door import Door
from gateway.accounts.guarded import GuardedDoor
from gateway.accounts.throttle import Throttle
from gateway.app.backends import Backends
from gateway.app.doorkeeper import Doorkeeper
from gateway.app.entrances import Entrances, offer
from gateway.app.sockets import Socket
from gateway.config import Settings
from gateway.errors import Misconfigured
from gateway.index import NoIndex, SqliteIndex
from gateway.server.deeds import Deeds
from gateway.server.entrance import Surroundings
from gateway.server.limits import Places
from gateway.server.listener import Server
from gateway.telemetry import Emitter

_SWEEP_SECONDS = 5.0


class Gateway:
    """Everything, built but not started.

    Args:
        settings: All of them.
        reactor: Twisted's.
        emit: Takes the events.
        places: Connections that may be had, of all workers together.
        door: Who is let in, if there is a directory; else whoever the upstream knows.

    Raises:
        Misconfigured: What the settings name cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        emit: Emitter,
        places: Places | None = None,
        door: Door | None = None,
    ) -> None:
        self._settings = settings
        self._reactor = reactor
        known = door is not None or settings.directory
        self._entrances = Entrances(settings.listen, offer(settings.accounts, directory=known))
        self._leases = FileLeases(settings.state.dir / "leases")
        self._journal = SqliteJournal(settings.state.dir / "journal.sqlite")
        self._delays = _delays(settings, reactor)
        self._index = _index(settings, emit)
        self._backends = Backends(settings, reactor, emit, self._index)
        self._sweep: Any = LoopingCall(self._sweep_kept)
        self._sweep.clock = reactor
        self._doorkeeper = Doorkeeper(settings, reactor, emit)
        self._throttle = _throttle(settings, emit)
        opener = Opener(
            door=self._guarded(door or self._doorkeeper.door, emit),
            backends=self._backends.get,
            upstream=str(settings.upstream.url),
            leases=self._leases,
            journal=self._journal,
            delays=self._delays,
            emit=emit,
        )
        shared = Surroundings(
            rules=settings.pop3,
            limits=settings.limits,
            deeds=Deeds(opener, self._journal),
            clock=reactor,
            fresh=_fresh,
        )
        self._server = Server(shared, emit, places)

    @property
    def server(self) -> Server:
        """Has the connections."""
        return self._server

    async def start(self, sockets: list[Socket]) -> str:
        """Accept clients everywhere.

        Returns:
            The line that tells where.
        """
        places = []
        for opened in sockets:
            listener = self._entrances.listener(opened, self._reactor)
            protocol = "pop3s" if opened.tls else "pop3"
            places.append(f"{protocol} {await self._server.listen(listener)}")
        self._sweep.start(_SWEEP_SECONDS, now=False)
        self._doorkeeper.start()
        return f"pop3-gateway ready: {', '.join(places)}"

    async def stop(self) -> None:
        """Accept no more, finish what is under way, close."""
        await self._server.stop(self._settings.limits.drain_timeout)
        if self._sweep.running:
            self._sweep.stop()
        await self._backends.stop()
        await self._doorkeeper.stop()
        self._journal.close()
        self._delays.close()
        if self._throttle is not None:
            self._throttle.close()
        self._leases.close()
        if isinstance(self._index, SqliteIndex):
            self._index.close()

    def reload(self, settings: Settings | None = None) -> None:
        """Read the certificates again, and of new settings the accounts and routes.

        Raises:
            Misconfigured: One cannot be used; the old one stays, and the rest is new.
        """
        wrong: list[str] = []
        # A certificate that cannot be used must not keep a revoked device in.
        steps: tuple[Callable[[], None], ...] = (
            lambda: self._reload_accounts(settings),
            self._entrances.reload,
        )
        for reload in steps:
            try:
                reload()
            except Misconfigured as error:
                wrong.append(error.detail)
        if wrong:
            raise Misconfigured("; ".join(wrong))

    def _reload_accounts(self, settings: Settings | None) -> None:
        settings = settings or self._settings
        self._backends.trust(settings)
        self._doorkeeper.reload(settings)

    def _guarded(self, door: Door, emit: Emitter) -> Door:
        if self._throttle is None:
            return door
        return GuardedDoor(door, self._throttle, emit)

    async def _sweep_kept(self) -> None:
        await self._backends.sweep()


def _fresh() -> bytes:
    """What nobody can foresee, for challenges: 144 bits."""
    return secrets.token_urlsafe(18).encode()


def _delays(settings: Settings, reactor: Any) -> LoginDelays:
    delay = settings.pop3.login_delay
    path = settings.state.dir / "delays.sqlite" if delay else None
    return LoginDelays(delay, reactor.seconds, path)


def _throttle(settings: Settings, emit: Emitter) -> Throttle | None:
    throttle = settings.accounts.throttle
    return Throttle(settings.state.dir, throttle, time.time, emit) if throttle.enabled else None


def _index(settings: Settings, emit: Emitter) -> SqliteIndex | NoIndex:
    if not settings.state.index:
        return NoIndex()
    path = settings.state.dir / "index.sqlite"
    return SqliteIndex(path, emit, limit=settings.state.index_limit, now=time.time)
