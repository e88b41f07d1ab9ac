"""Which proxy the environment asks for: HTTP_PROXY, HTTPS_PROXY and NO_PROXY."""

import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from gateway.backend.http.origin import Origin
from gateway.errors import Misconfigured

_environment: Any = urllib.request


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that is spoken to without TLS, which is what `http://` before it means.

    Attributes:
        origin: Where it is.
        authorization: Value of Proxy-Authorization, a secret; empty for none.
    """

    origin: Origin
    authorization: bytes = field(default=b"", repr=False)

    def __str__(self) -> str:
        return str(self.origin)


def proxy_for(origin: Origin, environment: Mapping[str, str] | None = None) -> Proxy | None:
    """The proxy for requests to an origin; None for none.

    No proxy can reach our loopback, so that goes without.

    Args:
        origin: Of the requests.
        environment: `http`, `https` and `no` instead of the process's variables.

    Raises:
        Misconfigured: It cannot be used; going round a proxy that somebody asked for would
            be worse.
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
    return _proxy(url if "://" in url else f"http://{url}", f"{origin.scheme.upper()}_PROXY")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _proxy(url: str, variable: str) -> Proxy:
    """The value of a URL, which may hold a secret: nothing of it is in an error."""
    if url[:8].lower() == "https://":
        raise Misconfigured(
            f"{variable} names a proxy that is itself spoken to by TLS (https://), which is "
            "not supported: name one with http://"
        )
    try:
        parts = _parts(url)
        return Proxy(Origin("http", str(parts.hostname), parts.port or 80), _basic(parts))
    except ValueError:
        raise Misconfigured(
            f"{variable} is no URL of the form http://host:port or "
            "http://name:password@host:port; what is odd in a name or password is "
            "percent-encoded"
        ) from None


def _parts(url: str) -> SplitResult:
    parts = urlsplit(url)
    # A password with one of "/?#" that is not encoded would be cut in two.
    behind = parts.path.removeprefix("/") + parts.query + parts.fragment
    if parts.scheme != "http" or not parts.hostname or behind:
        raise ValueError
    return parts


def _basic(parts: SplitResult) -> bytes:
    """RFC 7617: the octets as they are, and no colon in the name."""
    if parts.username is None:
        return b""
    name, password = map(unquote_to_bytes, (parts.username, parts.password or ""))
    if b":" in name:
        raise ValueError
    return b"Basic " + b64encode(name + b":" + password)
