"""Connections to an HTTP upstream: a pool of them, TLS with a verified name, proxies."""

import urllib.request
from collections.abc import Callable, Mapping
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
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from gateway import tls
from gateway.backend.http.origin import Origin
from gateway.backend.http.settings import HttpSettings
from gateway.errors import Misconfigured, Unavailable

_environment: Any = urllib.request
TlsOptions = Callable[[str], IOpenSSLClientConnectionCreator]
# Far above what servers send; Twisted itself bounds a line and not their number.
_LARGEST_HEADER = 1 << 18


def make_agent(
    origin: Origin, settings: HttpSettings, tls_options: TlsOptions, reactor: Any
) -> tuple[Any, Any]:
    """What sends requests, and its connections.

    Args:
        origin: Where most requests go; decides about the proxy.
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
    proxy = proxy_for(origin)
    if proxy is not None:
        endpoint = _plain(reactor, proxy, settings.connect_timeout)
        through: Any = ProxyAgent
        return through(endpoint, reactor, pool), pool
    endpoints = _Endpoints(tls_options, settings.connect_timeout, reactor)
    make: Any = Agent.usingEndpointFactory
    return make(reactor, endpoints, pool), pool


def proxy_for(origin: Origin, environment: Mapping[str, str] | None = None) -> Origin | None:
    """The proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY ask for; None for none.

    No proxy can reach our loopback, so that goes without.

    Raises:
        Misconfigured: It cannot be used. A proxy for https takes CONNECT, for which Twisted
            has nothing; going round a proxy that somebody asked for would be worse.
    """
    proxies: dict[str, Any] = (
        _environment.getproxies_environment() if environment is None else dict(environment)
    )
    url = proxies.get(origin.scheme)
    if (
        not url
        or _is_loopback(origin.host)
        or _environment.proxy_bypass_environment(f"{origin.host}:{origin.port}", proxies)
    ):
        return None
    if origin.scheme == "https":
        raise Misconfigured(
            "the environment asks for a proxy for https (HTTPS_PROXY), which is not supported: "
            "take the variable away or add the upstream's host to NO_PROXY"
        )
    try:
        return Origin.of(url if "://" in url else f"http://{url}")
    except ValueError:
        raise Misconfigured(
            "HTTP_PROXY is no URL of the form http://host:port without a name and password"
        ) from None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _plain(reactor: Any, origin: Origin, timeout: float) -> Any:
    """How to connect; an address goes without the resolver, which takes a thread."""
    make: Any = HostnameEndpoint
    try:
        version = ip_address(origin.host).version
        make = {4: TCP4ClientEndpoint, 6: TCP6ClientEndpoint}[version]
    except ValueError:
        pass
    return make(reactor, origin.host, origin.port, timeout=timeout)


@implementer(IAgentEndpointFactory)
class _Endpoints:
    """TCP or TLS, as the URL says; TLS options are made once for each host."""

    def __init__(self, tls_options: TlsOptions, timeout: float, reactor: IReactorTime) -> None:
        self._tls_options = tls_options
        self._timeout = timeout
        self._reactor = reactor
        self._made: dict[str, Any] = {}

    def endpointForURI(self, uri: Any) -> Any:  # noqa: N802 - Twisted's name
        """See `IAgentEndpointFactory`."""
        origin = Origin.of(urlsplit(uri.toBytes().decode("ascii")).geturl())
        plain = _plain(self._reactor, origin, self._timeout)
        if origin.scheme == "http":
            return plain
        if origin.host not in self._made:
            self._made[origin.host] = self._tls_options(origin.host)
        endpoint: Any = _TlsEndpoint(plain, self._made[origin.host])
        return endpoint


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
