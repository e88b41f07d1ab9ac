"""What is used of Twisted's transports, endpoints and ports, as types.

Twisted declares them as zope interfaces, which a type checker cannot follow.
"""

from collections.abc import Awaitable
from typing import Protocol

from OpenSSL import SSL
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory


class Producer(Protocol):
    """See `twisted.internet.interfaces.IPushProducer`."""

    def pauseProducing(self) -> None:
        """Write no more for now."""

    def resumeProducing(self) -> None:
        """Write again."""

    def stopProducing(self) -> None:
        """Write never more."""


class ContextFactory(Protocol):
    """See `twisted.internet.interfaces.IOpenSSLContextFactory`."""

    def getContext(self) -> SSL.Context:  # noqa: N802 - Twisted's name
        """What the next handshake uses."""


class Transport(Protocol):
    """See `twisted.internet.interfaces.ITCPTransport` and `ITLSTransport`."""

    def write(self, data: bytes) -> None:
        """Write without waiting."""

    def loseConnection(self) -> None:
        """Close when everything is written."""

    def abortConnection(self) -> None:
        """Close at once."""

    def registerProducer(self, producer: Producer, streaming: bool) -> None:
        """Have this producer paused and resumed."""

    def unregisterProducer(self) -> None:
        """Forget the producer."""

    def pauseProducing(self) -> None:
        """Read no more."""

    def resumeProducing(self) -> None:
        """Read again."""

    def startTLS(self, contextFactory: ContextFactory | None) -> bool | None:  # noqa: N803
        """Begin TLS on the server's side."""

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Send small segments at once."""

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Notice a peer that vanished without a word."""


class Port(Protocol):
    """See `twisted.internet.interfaces.IListeningPort`."""

    def getHost(self) -> IAddress:
        """Where it listens."""

    def stopListening(self) -> Awaitable[None] | None:
        """Accept no more."""


class Endpoint(Protocol):
    """See `twisted.internet.interfaces.IStreamServerEndpoint`."""

    def listen(self, protocolFactory: Factory) -> Awaitable[Port]:  # noqa: N803
        """Begin to accept."""
