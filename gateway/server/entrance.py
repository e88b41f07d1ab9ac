"""Where clients come in, and what holds for those who come in there."""

from dataclasses import dataclass
from typing import Any

from gateway.accounts.fence import Fence, is_loopback
from gateway.accounts.sasl_table import Fresh
from gateway.pop3.offer import Offer
from gateway.pop3.settings import Pop3Settings
from gateway.server.deeds import Deeds
from gateway.server.settings import LimitSettings
from gateway.server.timers import Clock
from gateway.server.transport import ContextFactory, Endpoint

_OLD = frozenset({"SSLv3", "TLSv1", "TLSv1.1"})
_USUAL = Offer()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all connections of a server share.

    Attributes:
        fresh: Where the challenges of logins come from.
    """

    rules: Pop3Settings
    limits: LimitSettings
    deeds: Deeds
    clock: Clock
    fresh: Fresh


@dataclass(frozen=True, slots=True)
class Listener:
    """One place to listen at.

    Attributes:
        name: What the administrator calls it; for errors, the ready line and the console.
        endpoint: The socket.
        tls: The certificate if it speaks TLS from the first octet.
        stls: The certificate if STLS is there.
        fence: Who may connect; None for everybody.
        offer: What a client can log in with; `clear` is about those of other machines.
    """

    name: str
    endpoint: Endpoint
    tls: ContextFactory | None = None
    stls: ContextFactory | None = None
    fence: Fence | None = None
    offer: Offer = _USUAL

    @property
    def secure(self) -> bool:
        """Whether TLS is active from the start."""
        return self.tls is not None

    def offer_for(self, peer: str) -> Offer:
        """What this client can log in with: nobody reads along on loopback."""
        if self.offer.clear or not is_loopback(peer):
            return self.offer
        return Offer(self.offer.mechanisms, self.offer.apop)


@dataclass(frozen=True, slots=True)
class TlsState:
    """What was agreed upon with a client.

    Attributes:
        version: As OpenSSL writes it, e.g. `TLSv1.3`; empty without TLS.
        cipher: Its name; empty without TLS.
    """

    version: str = ""
    cipher: str = ""

    @property
    def legacy(self) -> bool:
        """Whether it is below TLS 1.2."""
        return self.version in _OLD


WITHOUT_TLS = TlsState()


def tls_state(transport: Any) -> TlsState:
    """What the handshake of a TLS transport has come to; nothing before its end."""
    connection = transport.getHandle()
    cipher = connection and connection.get_cipher_name()
    if cipher is None:
        return WITHOUT_TLS
    return TlsState(connection.get_protocol_version_name(), cipher)


def hang_up(transport: Any, *, secure: bool) -> None:
    """Close when everything is written.

    A client that has not come to the end of TLS' handshake is cut off: Twisted would wait for
    that to send what it was given, however long it takes.
    """
    transport.unregisterProducer()
    if secure and tls_state(transport) == WITHOUT_TLS:
        transport.abortConnection()
    else:
        transport.loseConnection()
