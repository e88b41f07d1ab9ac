"""A web site whose clients can take little: octets, time and connections."""

import re
from collections import Counter
from io import BytesIO
from ipaddress import ip_address, ip_network
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import WrappingFactory
from twisted.python.failure import Failure as TwistedFailure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request, Site

_LONGEST_BODY = 64 * 1024
_GIVE_UP_AFTER = 4 * _LONGEST_BODY
_IDLE_SECONDS = 60
_REQUEST_SECONDS = 20
_CONNECTIONS = 200
_CONNECTIONS_OF_ONE = 40


class BoundedRequest(Request):
    """A request of which no more is kept than a right one has."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._taken = 0

    def gotLength(self, length: int | None) -> None:  # noqa: ARG002, N802 - Twisted's
        """Memory will do: Twisted's own takes a file for what claims to be long."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Keep a piece of the body, or count it."""
        self._taken += len(data)
        if self._taken <= _LONGEST_BODY:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]
        elif self._taken > _GIVE_UP_AFTER and self.transport is not None:
            self.transport.abortConnection()

    def process(self) -> None:
        """Answer; what was too large, or is no text, is not looked at."""
        host: Any = self.getRequestHostname  # has no types
        if self._taken > _LONGEST_BODY:
            self.setResponseCode(413)
        elif not _is_text(self.path) or not _is_host(host()):
            self.setResponseCode(400)
        else:
            super().process()  # type: ignore[no-untyped-call]
            return
        self.finish()  # type: ignore[no-untyped-call]

    def setHeader(self, name: Any, value: Any) -> None:  # noqa: N802 - Twisted's name
        """Which server of which version it is concerns nobody."""
        if name.lower() not in {b"server", "server"}:
            super().setHeader(name, value)  # type: ignore[no-untyped-call]

    def getClientAddress(self) -> IAddress:  # noqa: N802 - Twisted's name
        """The browser's; behind a proxy, the one that the proxy says it was."""
        # As octets: what is no UTF-8 makes Twisted raise.
        forwarded = self.requestHeaders.getRawHeaders(b"x-forwarded-for", [b""])[-1]
        told = _address(forwarded.decode("latin-1").rpartition(",")[2].strip())
        site: Any = self.site
        if told is not None and site.behind_proxy:
            return told
        seen: IAddress = super().getClientAddress()  # type: ignore[no-untyped-call]
        return seen


class BoundedChannel(HTTPChannel):
    """A connection whose requests must be whole in time, however busily they trickle in."""

    maxHeaders = 100  # noqa: N815 - Twisted's name
    _deadline: Any = None

    def dataReceived(self, data: bytes) -> None:
        """The first octet of a request starts the clock."""
        if self._deadline is None and not self._handlingRequest:
            later: Any = self.callLater
            self._deadline = later(_REQUEST_SECONDS, self.timeoutConnection)
        super().dataReceived(data)  # type: ignore[no-untyped-call]

    def allContentReceived(self) -> None:  # noqa: N802 - Twisted's name
        """It is whole."""
        self._stop_clock()
        super().allContentReceived()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: TwistedFailure = connectionDone) -> None:
        """Nobody waits any more."""
        self._stop_clock()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def _stop_clock(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None and deadline.active():
            deadline.cancel()


class BoundedSite(Site):
    """Without an access log: addresses and paths of people are nobody's business."""

    protocol: Any = BoundedChannel
    behind_proxy = False

    def log(self, request: Any) -> None:
        """Do not."""


class _Limited(WrappingFactory):
    """No more connections at a time than a small machine bears, nor from one address.

    A proxy has one address, and may have all of them.
    """

    def __init__(self, site: Any) -> None:
        super().__init__(site)  # type: ignore[no-untyped-call]
        self._of_one = _CONNECTIONS if site.behind_proxy else _CONNECTIONS_OF_ONE
        self._by_host: Counter[str] = Counter()

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """One too many gets what hangs up: TLS around us cannot do with None."""
        host = _neighbourhood(addr)
        if len(self.protocols) >= _CONNECTIONS or self._by_host[host] >= self._of_one:
            return _Refused()
        made: Any = super().buildProtocol(addr)
        made.host = host
        return made

    def registerProtocol(self, p: Any) -> None:  # noqa: N802 - Twisted's name
        """One more."""
        self._by_host[p.host] += 1
        super().registerProtocol(p)  # type: ignore[no-untyped-call]

    def unregisterProtocol(self, p: Any) -> None:  # noqa: N802 - Twisted's name
        """One less."""
        super().unregisterProtocol(p)  # type: ignore[no-untyped-call]
        self._by_host[p.host] -= 1
        if not self._by_host[p.host]:
            del self._by_host[p.host]


def _neighbourhood(addr: IAddress | None) -> str:
    """An IPv4 address, or the /64 of an IPv6 one, which is as cheap to come by."""
    host = str(getattr(addr, "host", ""))
    try:
        found = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if found.version == 6 and found.ipv4_mapped is None:
        return str(ip_network((found, 64), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)


class _Refused(Protocol):
    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.abortConnection()


def bounded_site(resource: Any, reactor: Any, *, behind_proxy: bool = False) -> Any:
    """A site around a resource, for an endpoint.

    Args:
        resource: The root.
        reactor: Twisted's.
        behind_proxy: Whether to believe X-Forwarded-For.
    """
    # Twisted's own have no types.
    make: Any = BoundedSite
    limited: Any = _Limited
    site = make(resource, requestFactory=BoundedRequest, timeout=_IDLE_SECONDS, reactor=reactor)
    site.behind_proxy = behind_proxy
    return limited(site)


def _is_host(octets: bytes) -> bool:
    """Werkzeug takes it apart as a name of the DNS, and raises where it is none."""
    try:
        octets.decode("utf-8").encode("idna")
    except UnicodeError:
        return False
    return True


def _is_text(octets: bytes) -> bool:
    """Klein would fill the log with each URL that is none."""
    try:
        unquote_to_bytes(octets).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


# As proxies write it: an address, or one with the port that it came from.
_WITH_PORT = re.compile(r"\[([^\[\]]*)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")


def _address(text: str) -> IAddress | None:
    if found := _WITH_PORT.fullmatch(text):
        text = found[1] or found[2] or ""
    try:
        version = ip_address(text).version
    except ValueError:
        return None
    made: Any = IPv4Address if version == 4 else IPv6Address
    return cast("IAddress", made("TCP", text, 0))
