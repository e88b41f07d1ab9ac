"""The listening sockets: opened once, before there are workers, or inherited from systemd."""

import errno
import os
import socket
from dataclasses import dataclass
from typing import Any

from twisted.internet.endpoints import AdoptedStreamServerEndpoint, serverFromString

from gateway.config import SystemdSocket, parse_listen
from gateway.errors import Misconfigured
from gateway.server.settings import FencedListener, ListenSettings
from gateway.server.transport import Endpoint

_BACKLOG = 1024

# What an administrator can do about it.
_HELPS = {
    errno.EADDRINUSE: "; stop the program that has it (ss -ltnp tells), or choose another port",
    errno.EACCES: "; ports below 1024 need CAP_NET_BIND_SERVICE (see deploy/systemd), or root: "
    "else choose a higher one",
    errno.EADDRNOTAVAIL: "; it is no address of this machine (ip address lists them)",
}


@dataclass(frozen=True, slots=True)
class Socket:
    """One listening socket.

    Attributes:
        name: What the settings call it.
        opened: Accepts clients already.
        tls: Whether it speaks TLS from the first octet.
        fenced: What else is set about it; None for the usual ones.
    """

    name: str
    opened: socket.socket
    tls: bool
    fenced: FencedListener | None = None

    def endpoint(self, reactor: Any) -> Endpoint:
        """The socket for this process' reactor, once; the endpoint closes the original."""
        make: Any = AdoptedStreamServerEndpoint
        family = self.opened.family
        endpoint: Endpoint = make(reactor, self.opened.detach(), family)
        return endpoint


def open_all(settings: ListenSettings) -> list[Socket]:
    """Every socket of the settings.

    Raises:
        Misconfigured: One cannot be had.
    """
    plain = [Socket(name, open_socket(name), tls=False) for name in settings.plain]
    secure = [Socket(name, open_socket(name), tls=True) for name in settings.tls]
    return [*plain, *secure, *map(_fenced, settings.fenced)]


def _fenced(settings: FencedListener) -> Socket:
    name = settings.address
    return Socket(name, open_socket(name), tls=settings.tls == "implicit", fenced=settings)


def open_socket(name: str) -> socket.socket:
    """The socket of one address of the settings.

    Raises:
        Misconfigured: It cannot be had.
    """
    address = parse_listen(name)
    if isinstance(address, SystemdSocket):
        return _inherited(address.name)
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server(
            (address.host, address.port), family=family, backlog=_BACKLOG
        )
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        hint = _HELPS.get(error.errno or 0, "")
        raise Misconfigured(f"cannot listen at {name}: {reason}{hint}") from error


def _inherited(name: str) -> socket.socket:
    """A socket that systemd opened.

    Twisted takes systemd's variables out of the environment when its endpoints are
    imported, so its own endpoint is asked for the descriptor.
    """
    parse: Any = serverFromString
    try:
        descriptor = parse(None, f"systemd:domain=INET:name={name}").fileno
    except KeyError:
        raise Misconfigured(
            f"systemd gave no socket of the name {name!r}: "
            f"put FileDescriptorName={name} into the socket unit and start that"
        ) from None
    return socket.socket(fileno=os.dup(descriptor))
