"""Listening sockets and the connections accepted from them."""

from itertools import islice
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure as TwistedFailure

from gateway.errors import Misconfigured
from gateway.pop3 import replies
from gateway.server.connection import Pop3Connection
from gateway.server.entrance import Listener, Surroundings
from gateway.server.events import ConnectionRefused, OutsideFence
from gateway.server.limits import Places
from gateway.server.record import Facts, Record
from gateway.server.timers import Timer
from gateway.server.transport import Port, Transport
from gateway.telemetry import Emitter
from gateway.tls import server_factory

_AGAIN = 5.0
"""Seconds between two looks, in a drain's overtime, for clients to be cut off."""


class Server:
    """All listeners and their connections.

    Args:
        shared: What connections need.
        emit: Takes the events.
        places: How many connections there may be; None counts for this server alone.
    """

    def __init__(
        self, shared: Surroundings, emit: Emitter, places: Places | None = None
    ) -> None:
        self._shared = shared
        self._emit = emit
        self._count = places or Places(shared.limits)
        self._connections: dict[int, Pop3Connection] = {}
        self._draining = False
        self._ports: list[Port] = []
        self._serial = 0
        self._all_gone: Deferred[None] | None = None

    async def listen(self, listener: Listener) -> str:
        """Begin to accept.

        Returns:
            The address listened at, as text.

        Raises:
            Misconfigured: It cannot be listened at.
        """
        factory: Any = _ConnectionFactory(self, listener)
        if listener.tls is not None:
            factory = server_factory(listener.tls, factory)
        if listener.fence is not None:
            factory = _Gate(listener, factory, self._emit)
        try:
            port = await listener.endpoint.listen(factory)
        except Exception as error:
            raise Misconfigured(f"cannot listen at {listener.name}: {error}") from error
        self._ports.append(port)
        return _text(port.getHost())

    async def stop(self, seconds: float) -> None:
        """Accept no more and drain.

        Args:
            seconds: How long messages on their way get to finish. UPDATE gets all the
                time it needs; its upstream's time-outs bound it.
        """
        self._draining = True
        for port in self._ports:
            stopped = port.stopListening()
            if stopped is not None:
                await stopped
        for connection in list(self._connections.values()):
            connection.drain()
        overtime = Timer(self._shared.clock, seconds, lambda: self._abort_messages(again))
        again = Timer(self._shared.clock, _AGAIN, lambda: self._abort_messages(again))
        overtime.restart()
        if self._connections:
            self._all_gone = Deferred()
            await self._all_gone
        overtime.stop()
        again.stop()
        await self._shared.deeds.finished()

    @property
    def accepting(self) -> bool:
        """Whether it listens, and lets clients in."""
        return bool(self._ports) and not self._draining

    def live(self, most: int = 1000) -> list[Facts]:
        """The connections at this moment, the oldest first."""
        now = self._shared.clock.seconds()
        oldest = islice(self._connections.values(), most)
        return [each.record.facts(now, each.state, each.tls) for each in oldest]

    def end(self, number: int) -> bool:
        """End one without UPDATE; False if there is none, or one in UPDATE."""
        connection = self._connections.get(number)
        return connection is not None and connection.end()

    def accept(self, address: IAddress | None, listener: Listener) -> Protocol:
        """The protocol for a new connection: a session, or a refusal."""
        peer = _host(address)
        if not self._count.enter(peer):
            self._emit(ConnectionRefused(peer))
            return _Refusal(self._shared)
        self._serial += 1
        connection = Pop3Connection(
            self._shared,
            self._emit.bind(session=self._serial, peer=peer),
            listener,
            record=Record(peer, listener.name, self._shared.clock.seconds(), self._serial),
            on_lost=self._lost,
        )
        self._connections[self._serial] = connection
        return connection

    def _lost(self, connection: Pop3Connection) -> None:
        record = connection.record
        del self._connections[record.number]
        self._count.leave(record.peer)
        if not self._connections and self._all_gone is not None:
            gone, self._all_gone = self._all_gone, None
            gone.callback(None)

    def _abort_messages(self, again: Timer) -> None:
        """Again and again: an UPDATE that ends in overtime may have a client that is stuck."""
        again.restart()
        for connection in list(self._connections.values()):
            if connection.state != "update":
                connection.abort()


class _ConnectionFactory(Factory):
    noisy = False

    def __init__(self, server: Server, listener: Listener) -> None:
        self._server = server
        self._listener = listener

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return self._server.accept(addr, self._listener)


class _Gate(Factory):
    """In front of everything, TLS too: who is outside the fence gets not one octet."""

    noisy = False

    def __init__(self, listener: Listener, inside: Any, emit: Emitter) -> None:
        self._listener = listener
        self._inside = inside
        self._emit = emit

    def doStart(self) -> None:  # noqa: N802 - Twisted's name
        self._inside.doStart()

    def doStop(self) -> None:  # noqa: N802 - Twisted's name
        self._inside.doStop()

    def buildProtocol(self, addr: IAddress | None) -> Any:
        peer, fence = _host(addr), self._listener.fence
        if fence is not None and fence.admits(peer):
            return self._inside.buildProtocol(addr)
        self._emit(OutsideFence(peer, self._listener.name))
        return None  # Twisted closes the socket


class _Refusal(Protocol):
    """Says why, and closes; a client that does not take that is cut off.

    It is counted nowhere: under TLS, one that never ends the handshake would stay for ever.
    """

    transport: Transport  # type: ignore[assignment]

    def __init__(self, shared: Surroundings) -> None:
        self._timer = Timer(shared.clock, shared.limits.login_timeout, self._abort)

    def connectionMade(self) -> None:
        self._timer.restart()
        self.transport.write(replies.TOO_MANY_CONNECTIONS)
        self.transport.loseConnection()

    def connectionLost(self, _reason: TwistedFailure = connectionDone) -> None:
        self._timer.stop()

    def _abort(self) -> None:
        self.transport.abortConnection()


def _host(address: IAddress | None) -> str:
    return address.host if isinstance(address, IPv4Address | IPv6Address) else ""


def _text(address: IAddress) -> str:
    if isinstance(address, IPv6Address):
        return f"[{address.host}]:{address.port}"
    if isinstance(address, IPv4Address):
        return f"{address.host}:{address.port}"
    return str(address)
