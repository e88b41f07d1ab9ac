"""A tunnel through a proxy to an upstream with TLS: CONNECT (RFC 9110 §9.3.6).

The proxy sees a host, a port and ciphertext. What it says before the tunnel is open is said
by somebody unknown in the clear: it is bounded, and none of it goes on to what is above.
"""

import re
from collections.abc import Callable
from typing import Any, Final, NoReturn

from twisted.internet import error
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure as Reason
from zope.interface import implementer

from gateway.backend.http.origin import Origin
from gateway.backend.http.proxy import Proxy
from gateway.errors import Failure, Misconfigured, Unavailable

LARGEST_HEAD: Final = 1 << 14
_MOST_ANSWERS: Final = 8  # interim ones (RFC 9110 §15.2) and the final one
_BEGINNING: Final = b"HTTP/1."
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: .*)?")
_SWITCHING_PROTOCOLS = 101
_NO_CONNECT = frozenset({405, 501})
_PASSING = frozenset({408, 425, 429})  # as in `faults`
_TEXTS: tuple[tuple[type[BaseException], str], ...] = (
    (error.DNSLookupError, "the proxy's name has no address in the DNS"),
    (error.TimeoutError, "the proxy took no connection in time"),
    (error.TCPTimedOutError, "the proxy took no connection in time"),
    (error.ConnectionRefusedError, "the proxy refused the connection"),
)


@implementer(IStreamClientEndpoint)
class TunnelEndpoint:
    """Connects to a host and port through a proxy; TLS is for whoever connects.

    Args:
        to_proxy: The endpoint of the proxy.
        request: See `connect_request`.
        timeout: Seconds for all of it.
        reactor: For the time-out.
    """

    def __init__(self, to_proxy: Any, request: bytes, timeout: float, reactor: Any) -> None:
        self._to_proxy = to_proxy
        self._request = request
        self._timeout = timeout
        self._reactor = reactor

    def connect(self, protocolFactory: Any) -> "Deferred[Any]":  # noqa: N803 - Twisted's name
        """See `IStreamClientEndpoint`.

        The deferred fails with Misconfigured or Unavailable if there is no tunnel.
        """
        made: Deferred[Any] = Deferred.fromCoroutine(self._connect(protocolFactory))
        return made.addTimeout(self._timeout, self._reactor, _too_late)

    async def _connect(self, factory: Any) -> Any:
        try:
            opening = await self._to_proxy.connect(_Factory(lambda: _Opening(self._request)))
        except CancelledError:
            raise
        except Exception as cause:  # noqa: BLE001 - resolvers and endpoints raise what they like
            raise _not_connected(cause) from None
        try:
            await opening.opened
            return opening.carry(factory)
        except BaseException:
            opening.transport.abortConnection()
            raise


def connect_request(target: Origin, proxy: Proxy) -> bytes:
    """What asks for the tunnel: the port is always there (RFC 9112 §3.2.3)."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    place = f"{host}:{target.port}".encode("ascii")
    lines = [b"CONNECT %b HTTP/1.1" % place, b"Host: %b" % place]
    if proxy.authorization:
        lines.append(b"Proxy-Authorization: %b" % proxy.authorization)
    return b"\r\n".join([*lines, b"", b""])


def is_open(received: bytes) -> bool:
    """Whether the answer is complete and the tunnel is there; otherwise more must come.

    A success has no body whatever its Content-Length says (RFC 9110 §9.3.6), and the server
    behind says nothing before our handshake: octets behind it were put there by somebody to
    have them taken for the server's, as with STARTTLS (CVE-2011-0411). No bare LF, so that
    there are no two opinions about where the head ends.

    Args:
        received: All that the proxy has sent so far.

    Raises:
        Misconfigured, Unavailable: There will be no tunnel.
    """
    if received[: len(_BEGINNING)] != _BEGINNING[: len(received)]:
        raise _no_http()
    if len(received) > LARGEST_HEAD:
        raise _endless()
    behind = received
    for _ in range(_MOST_ANSWERS):
        head, end, behind = behind.partition(b"\r\n\r\n")
        if head.count(b"\n") != head.count(b"\r\n"):
            raise _no_http()
        if not end:
            return False
        status = _status(head)
        if status == _SWITCHING_PROTOCOLS or not 100 <= status < 200:
            return _is_success(status, behind)
    raise _endless()


def _is_success(status: int, behind: bytes) -> bool:
    if not 200 <= status < 300:
        raise _refusal(status)
    if behind:
        raise Unavailable("plaintext behind the proxy's answer to CONNECT")
    return True


def _status(head: bytes) -> int:
    line = _STATUS_LINE.fullmatch(head.partition(b"\r\n")[0])
    if line is None:
        raise _no_http()
    return int(line[1])


def _no_http() -> Failure:
    return Misconfigured(
        "what HTTPS_PROXY names does not answer as an HTTP proxy does: check host and port"
    )


def _endless() -> Failure:
    return Unavailable("the proxy's answer to CONNECT does not end")


def _refusal(status: int) -> Failure:
    """By status alone: the answer's own words could quote what was asked, secrets included."""
    said = f"the proxy answers {status} to CONNECT"
    if status == 407:
        return Misconfigured(
            f"{said}: it wants a name and password, or others than it got; write "
            "HTTPS_PROXY=http://name:password@host:port"
        )
    if status == 403:
        return Misconfigured(f"{said}: its rules forbid the upstream's host or port")
    if status in _NO_CONNECT:
        return Misconfigured(f"{said}: it has no tunnels for https; name another proxy")
    if status >= 500 or status in _PASSING:
        return Unavailable(f"{said}: it cannot reach the upstream now")
    return Misconfigured(f"{said}: there is no tunnel for https")


def _not_connected(cause: Exception) -> Failure:
    for kind, text in _TEXTS:
        if isinstance(cause, kind):
            return Unavailable(text)
    return Unavailable(f"no connection to the proxy: {type(cause).__name__}")


def _too_late(*_: Any) -> NoReturn:
    raise Unavailable("the proxy opened no tunnel in time")


class _Factory(Factory):
    noisy = False

    def __init__(self, make: "Callable[[], _Opening]") -> None:
        self._make = make

    def buildProtocol(self, addr: Any) -> Any:  # noqa: ARG002
        return self._make()


class _Opening(Protocol):
    """Asks for the tunnel; once it is there, hands on what comes through it.

    Attributes:
        opened: Fires when there is a tunnel, fails with what `is_open` raises.
    """

    transport: Any

    def __init__(self, request: bytes) -> None:
        self.opened: Deferred[None] = Deferred()
        self._request = request
        self._received = b""
        self._carried: Any = None

    def carry(self, factory: Any) -> Any:
        """What the factory makes, with the tunnel as its transport."""
        carried = factory.buildProtocol(self.transport.getPeer())
        self._carried, self._received = carried, b""
        carried.makeConnection(self.transport)
        return carried

    def connectionMade(self) -> None:
        """See Twisted's."""
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        """See Twisted's."""
        if self._carried is not None:
            self._carried.dataReceived(data)
        elif not self.opened.called:
            self._received += data
            try:
                if is_open(self._received):
                    self.opened.callback(None)
            except Failure as failure:
                self.opened.errback(failure)

    def connectionLost(self, reason: Reason = connectionDone) -> None:
        """See Twisted's."""
        if self._carried is not None:
            self._carried.connectionLost(reason)
        elif not self.opened.called:
            self.opened.errback(Unavailable("the proxy hung up instead of answering CONNECT"))
