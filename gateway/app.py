"""The composition root: builds every room from the settings; starts, reloads and drains."""

import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    AdoptedStreamServerEndpoint,
    TCP4ServerEndpoint,
    TCP6ServerEndpoint,
    serverFromString,
)
from twisted.internet.interfaces import IOpenSSLContextFactory
from twisted.python.failure import Failure as TwistedFailure
from zope.interface import implementer

from gateway import tls
from gateway.access.delay import LoginDelays
from gateway.access.journal import SqliteJournal
from gateway.access.lease import ProcessLeases
from gateway.access.open import Opener
from gateway.backend.embedded.driver import MaildirBackend
from gateway.backend.imap.driver import ImapBackend
from gateway.backend.imap.settings import Security, Upstream
from gateway.backend.port import Backend
from gateway.config import Settings, SystemdSocket, parse_listen
from gateway.errors import Failure, Misconfigured
from gateway.logs import sink, take_over_twisted
from gateway.server.connection import Surroundings
from gateway.server.deeds import Deeds
from gateway.server.listener import Listener, Server
from gateway.server.transport import Endpoint
from gateway.telemetry import Emitter

_SECURITY: dict[str, Security] = {"imap": "none", "imap+starttls": "starttls", "imaps": "tls"}
_BACKLOG = 1024


@implementer(IOpenSSLContextFactory)
class ServerCertificate:
    """The certificate shown to clients, read again on request.

    Raises:
        Misconfigured: A file cannot be used.
    """

    def __init__(self, cert: Path, key: Path) -> None:
        self._files = (cert, key)
        self._options = tls.server_options(cert, key)

    def getContext(self) -> SSL.Context:  # noqa: N802 - Twisted's name
        """What the next handshake uses."""
        return self._options.getContext()

    def reload(self) -> None:
        """Read the files again; if they cannot be used, the old certificate stays."""
        self._options = tls.server_options(*self._files)


class Gateway:
    """Everything, built but not started.

    Args:
        settings: All of them.
        reactor: Twisted's.
        emit: Takes the events.

    Raises:
        Misconfigured: What the settings name cannot be used.
    """

    def __init__(self, settings: Settings, reactor: Any, emit: Emitter) -> None:
        self._settings = settings
        self._reactor = reactor
        self._certificate = _certificate(settings)
        self._journal = SqliteJournal(settings.state.dir / "journal.sqlite")
        opener = Opener(
            backend(settings, reactor, emit),
            upstream=str(settings.upstream.url),
            leases=ProcessLeases(),
            journal=self._journal,
            delays=LoginDelays(settings.pop3.login_delay, reactor.seconds),
            emit=emit,
        )
        shared = Surroundings(
            rules=settings.pop3,
            limits=settings.limits,
            deeds=Deeds(opener, self._journal),
            stls=self._certificate,
            clock=reactor,
        )
        self._server = Server(shared, emit)

    async def start(self) -> str:
        """Listen everywhere.

        Returns:
            The line that tells where clients are accepted.

        Raises:
            Misconfigured: Somewhere it cannot be listened.
        """
        plain = [("pop3", text, None) for text in self._settings.listen.plain]
        encrypted = [("pop3s", text, self._certificate) for text in self._settings.listen.tls]
        places = []
        for protocol, text, certificate in [*plain, *encrypted]:
            listener = Listener(text, endpoint(text, self._reactor), certificate)
            places.append(f"{protocol} {await self._server.listen(listener)}")
        return f"pop3-gateway ready: {', '.join(places)}"

    async def stop(self) -> None:
        """Accept no more, finish what is under way, close."""
        await self._server.stop(self._settings.limits.drain_timeout)
        self._journal.close()

    def reload(self) -> None:
        """Read the certificate again.

        Raises:
            Misconfigured: It cannot be used; the old one stays.
        """
        if self._certificate is not None:
            self._certificate.reload()


def backend(settings: Settings, reactor: Any, emit: Emitter) -> Backend:
    """The driver that the upstream URL asks for.

    Raises:
        Misconfigured: What the settings name cannot be used.
    """
    url = settings.upstream.url
    if url.kind == "maildir":
        return MaildirBackend(Path(url.path), settings.upstream.maildir, reactor, emit)
    return ImapBackend(
        Upstream(url.host, url.port, _SECURITY[url.kind]),
        settings.upstream.imap,
        lambda host: tls.client_options(host, settings.upstream.ca),
        reactor,
        emit,
    )


def endpoint(text: str, reactor: Any) -> Endpoint:
    """The socket to listen at.

    Raises:
        Misconfigured: systemd gave no socket of this name.
    """
    address = parse_listen(text)
    if isinstance(address, SystemdSocket):
        return _inherited(address.name, reactor)
    make: Any = TCP6ServerEndpoint if ":" in address.host else TCP4ServerEndpoint
    listening: Endpoint = make(reactor, address.port, _BACKLOG, address.host)
    return listening


def _inherited(name: str, reactor: Any) -> Endpoint:
    """A socket that systemd opened.

    Twisted takes systemd's variables out of the environment when its endpoints are
    imported, so its own endpoint is asked for the descriptor. The family it wants to be
    told is that of the socket.
    """
    try:
        parse: Any = serverFromString
        descriptor = parse(reactor, f"systemd:domain=INET:name={name}").fileno
    except KeyError:
        raise Misconfigured(
            f"systemd gave no socket of the name {name!r}: "
            f"put FileDescriptorName={name} into the socket unit and start that"
        ) from None
    with socket.socket(fileno=os.dup(descriptor)) as inherited:
        family = inherited.family
    make: Any = AdoptedStreamServerEndpoint
    listening: Endpoint = make(reactor, descriptor, family)
    return listening


def _certificate(settings: Settings) -> ServerCertificate | None:
    cert, key = settings.listen.cert, settings.listen.key
    return ServerCertificate(cert, key) if cert and key else None


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT.

    Prints one line on standard output when every listener accepts.

    Returns:
        The exit status.

    Raises:
        Misconfigured: What the settings name cannot be used.
    """
    from twisted.internet import reactor as installed  # noqa: PLC0415 - installs it

    reactor: Any = installed
    take_over_twisted()
    emit = Emitter(sink(settings.log.level, settings.log.format))
    gateway = Gateway(settings, reactor, emit)
    return _Program(gateway, reactor).run()


class _Program:
    """The reactor's life around a gateway."""

    def __init__(self, gateway: Gateway, reactor: Any) -> None:
        self._gateway = gateway
        self._reactor = reactor
        self._status = 0

    def run(self) -> int:
        """Run the reactor to its end; return the exit status."""
        self._reactor.callWhenRunning(self._start)
        self._reactor.addSystemEventTrigger("before", "shutdown", self._stop)
        signal.signal(signal.SIGHUP, lambda *_: self._reactor.callFromThread(self._reload))
        self._reactor.run()
        return self._status

    def _start(self) -> None:
        started = Deferred.fromCoroutine(self._gateway.start())
        started.addCallback(lambda line: print(line, flush=True))  # noqa: T201
        started.addErrback(self._failed)

    def _failed(self, reason: TwistedFailure) -> None:
        self._status = 1
        _complain(reason.value)
        self._reactor.stop()

    def _stop(self) -> "Deferred[None]":
        return Deferred.fromCoroutine(self._gateway.stop())

    def _reload(self) -> None:
        try:
            self._gateway.reload()
        except Failure as failure:
            _complain(failure)


def _complain(error: object) -> None:
    print(f"pop3-gateway: {error}", file=sys.stderr, flush=True)  # noqa: T201
