"""Connections to an HTTP upstream: a pool of them, TLS with a verified name, proxies."""

from collections.abc import Callable
from functools import cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure as Reason
from twisted.web._newclient import HTTP11ClientProtocol
from twisted.web.client import Agent, HTTPConnectionPool, ProxyAgent
from twisted.web.http import _DataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from gateway import tls
from gateway.backend.http.origin import Origin
from gateway.backend.http.proxy import Proxy, proxy_for
from gateway.backend.http.settings import HttpSettings
from gateway.backend.http.tunnel import TunnelEndpoint, connect_request
from gateway.errors import Unavailable

TlsOptions = Callable[[str], IOpenSSLClientConnectionCreator]
Proxies = Callable[[Origin], Proxy | None]
# Far above what servers send; Twisted itself bounds a line and not their number.
_LARGEST_HEADER = 1 << 18


def make_agent(
    origin: Origin, settings: HttpSettings, tls_options: TlsOptions, reactor: Any
) -> tuple[Any, Any]:
    """What sends requests, and its connections.

    Args:
        origin: Where most requests go.
        settings: Time-outs and numbers.
        tls_options: See `gateway.tls.client_options`.
        reactor: For everything that waits.

    Raises:
        Misconfigured: The environment names a proxy that cannot be used.
    """
    make_pool: Any = HTTPConnectionPool
    pool = make_pool(reactor)
    pool.maxPersistentPerHost = settings.connections
    pool._factory = _Factory  # noqa: SLF001 - Twisted has no public way to choose the protocol
    proxies = cache(proxy_for)
    proxies(origin)  # what is wrong with it shows when the program starts
    endpoints = _Endpoints(tls_options, proxies, settings.connect_timeout, reactor)
    return _Ways(endpoints, proxies, pool, reactor), pool


class _Ways:
    """Sends each request the way that the environment asks for.

    Attributes:
        secrets: What nobody may see who is shown an answer: a proxy could send it back.
    """

    def __init__(
        self, endpoints: "_Endpoints", proxies: Proxies, pool: Any, reactor: Any
    ) -> None:
        make: Any = Agent.usingEndpointFactory
        self._agent = make(reactor, endpoints, pool)
        self._endpoints = endpoints
        self._proxies = proxies
        self._pool = pool
        self._reactor = reactor
        self._through: dict[Proxy, Any] = {}
        self.secrets: set[bytes] = set()

    def request(self, method: bytes, uri: bytes, headers: Headers, body: Any) -> Any:
        """See `twisted.web.iweb.IAgent`.

        Raises:
            Misconfigured: The environment names a proxy that cannot be used.
        """
        origin = Origin.of(uri.decode("ascii"))
        proxy = self._proxies(origin) if origin.scheme == "http" else None
        if proxy is None:
            return self._agent.request(method, uri, headers, body)
        if proxy not in self._through:
            make: Any = ProxyAgent
            self._through[proxy] = make(
                self._endpoints.plain(proxy.origin), self._reactor, self._pool
            )
        if proxy.authorization:
            self.secrets.add(proxy.authorization.split()[-1])
            headers = headers.copy()
            headers.setRawHeaders(b"Proxy-Authorization", [proxy.authorization])
        return self._through[proxy].request(method, uri, headers, body)


@implementer(IAgentEndpointFactory)
class _Endpoints:
    """TCP or TLS, as the URL says, and a tunnel below TLS where a proxy is asked for.

    TLS options are made once for each host.
    """

    def __init__(
        self, tls_options: TlsOptions, proxies: Proxies, timeout: float, reactor: IReactorTime
    ) -> None:
        self._tls_options = tls_options
        self._proxies = proxies
        self._timeout = timeout
        self._reactor = reactor
        self._made: dict[str, Any] = {}

    def endpointForURI(self, uri: Any) -> Any:  # noqa: N802 - Twisted's name
        """See `IAgentEndpointFactory`."""
        origin = Origin.of(urlsplit(uri.toBytes().decode("ascii")).geturl())
        if origin.scheme == "http":
            return self.plain(origin)
        if origin.host not in self._made:
            self._made[origin.host] = self._tls_options(origin.host)
        proxy = self._proxies(origin)
        below = self.plain(origin) if proxy is None else self._tunnel(origin, proxy)
        endpoint: Any = _TlsEndpoint(below, self._made[origin.host])
        return endpoint

    def plain(self, origin: Origin) -> Any:
        """How to connect; an address goes without the resolver, which takes a thread."""
        make: Any = HostnameEndpoint
        try:
            version = ip_address(origin.host).version
            make = {4: TCP4ClientEndpoint, 6: TCP6ClientEndpoint}[version]
        except ValueError:
            pass
        return make(self._reactor, origin.host, origin.port, timeout=self._timeout)

    def _tunnel(self, origin: Origin, proxy: Proxy) -> Any:
        """The proxy resolves the upstream's name; TLS verifies it, end to end."""
        request = connect_request(origin, proxy)
        return TunnelEndpoint(self.plain(proxy.origin), request, self._timeout, self._reactor)


@implementer(IStreamClientEndpoint)
class _TlsEndpoint:
    """TLS of our kind on another endpoint: large answers come in large pieces."""

    def __init__(self, endpoint: Any, options: Any) -> None:
        self._endpoint = endpoint
        self._options = options

    def connect(self, protocolFactory: Any) -> "Deferred[Any]":  # noqa: N803 - Twisted's name
        """See `IStreamClientEndpoint`."""
        connected: Deferred[Any] = self._endpoint.connect(
            tls.client_factory(self._options, protocolFactory)
        )
        return connected.addCallback(tls.above)


class _Guarded(HTTP11ClientProtocol):
    """Bounds what comes before a response's body, and looks at what comes behind it."""

    _heading = False
    _room = 0

    def request(self, request: Any) -> "Deferred[Any]":
        """See Twisted's; its answer fires when the header is complete."""
        self._heading, self._room = True, _LARGEST_HEADER
        answered: Deferred[Any] = super().request(request)
        return answered.addBoth(self._past_header)

    def dataReceived(self, data: bytes) -> None:
        """See Twisted's."""
        if self._heading:
            self._room -= len(data)
        base: Any = super()
        base.dataReceived(data)
        if self._heading and self._room < 0:
            self._heading = False
            give_up: Any = self._giveUp
            reason: Any = Reason
            give_up(reason(Unavailable("the header of the upstream's answer is too large")))

    def _finishResponse(self, rest: bytes) -> None:  # noqa: N802 - Twisted's name
        """What comes behind the end is ignored by Twisted: then it was not the end.

        Some servers put an empty line there.
        """
        request: Any = self._currentRequest
        parser: Any = self._parser
        if rest.strip(b"\r\n") and parser is not None:
            request.persistent = False
            if parser.bodyDecoder is not None:
                parser.bodyDecoder = _Surplus()
        base: Any = super()
        base._finishResponse(rest)  # noqa: SLF001 - there is no public way

    def _past_header(self, result: Any) -> Any:
        self._heading = False
        return result


class _Surplus:
    """In the place of a body's decoder: the body is not what its length says."""

    def noMoreData(self) -> None:  # noqa: N802 - Twisted's name
        """See Twisted's."""
        raise _DataLoss("more came than Content-Length says")


class _Factory(Factory):
    """As Twisted's own, with another protocol."""

    noisy = False

    def __init__(self, quiescent: Callable[[Any], None], metadata: str) -> None:
        self._quiescent = quiescent
        self._metadata = metadata

    def __repr__(self) -> str:
        return f"<HTTP connections to {self._metadata}>"

    def buildProtocol(self, addr: Any) -> Any:  # noqa: ARG002
        made: Any = _Guarded
        return made(self._quiescent)
