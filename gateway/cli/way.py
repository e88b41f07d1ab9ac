"""The standard library's way to an HTTP server, for checks that look without the drivers."""

import ssl
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection

from gateway.backend.http.origin import Origin
from gateway.backend.http.proxy import Proxy, proxy_for


@dataclass(frozen=True, slots=True)
class Way:
    """How one request is sent.

    Attributes:
        connection: To the server or to a proxy, not connected yet.
        target: What to ask for on it.
        fields: Header fields for a proxy; may hold a secret.
        proxy: The proxy, if there is one.
    """

    connection: HTTPConnection
    target: str
    fields: dict[str, str]
    proxy: Proxy | None


def way_to(server: Origin, target: str, context: ssl.SSLContext | None, timeout: float) -> Way:
    """The way that the environment asks for: direct, by a proxy, or by a tunnel of one.

    Args:
        server: Who shall answer.
        target: Path and query, sent as they are.
        context: For https.
        timeout: Seconds.

    Raises:
        Misconfigured: The environment names a proxy that cannot be used.
    """
    proxy = proxy_for(server)
    place = server if proxy is None else proxy.origin
    fields = {}
    if proxy is not None and proxy.authorization:
        fields = {"Proxy-Authorization": proxy.authorization.decode()}
    if server.scheme == "http":
        plain = HTTPConnection(place.host, place.port, timeout=timeout)
        return Way(plain, target if proxy is None else f"{server}{target}", fields, proxy)
    secure = HTTPSConnection(place.host, place.port, timeout=timeout, context=context)
    if proxy is not None:
        secure.set_tunnel(server.host, server.port, fields)
    return Way(secure, target, {}, proxy)
