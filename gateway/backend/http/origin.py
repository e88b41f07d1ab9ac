"""Which URLs a request may go to. Knows no I/O.

Answers name URLs: where the API is, where a message is, where something has moved. The
credentials go to the upstream's own origin (RFC 6454 §4) and to those that the settings
trust, wherever an answer points.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from gateway.errors import Misconfigured

_PORTS = {"http": 80, "https": 443}
_PRINTABLE = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


def segment(text: str) -> str:
    """A text as one segment of a path or one value of a query: everything odd is encoded.

    Lone surrogates, which JSON can carry, become what a server that has them would expect.
    """
    quoted = quote(text.encode("utf-8", "surrogatepass"), safe="")
    # A segment of dots alone would be resolved as a step in the path (RFC 3986 §5.2.4).
    return quoted.replace(".", "%2E") if quoted in {".", ".."} else quoted


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a URL."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Origin":
        """The origin of an absolute URL.

        Raises:
            ValueError: It has none that can be asked by HTTP.
        """
        parts = urlsplit(url)
        scheme = parts.scheme.lower()
        if scheme not in _PORTS or not parts.hostname or parts.username is not None:
            raise ValueError("no URL of an HTTP server")
        return cls(scheme, parts.hostname, parts.port or _PORTS[scheme])

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = _PORTS.get(self.scheme) == self.port
        return f"{self.scheme}://{host}" + ("" if default else f":{self.port}")


class Targets:
    """Resolves what answers name against the upstream's URL, and lets nothing else pass.

    Args:
        base: The upstream's URL; relative targets are relative to it.
        trusted: Further origins.
    """

    def __init__(self, base: str, trusted: Iterable[str] = ()) -> None:
        self.base = base
        self._origins = {Origin.of(base), *map(Origin.of, trusted)}

    def resolve(self, target: str, base: str | None = None) -> str:
        """The absolute URL of a target, in ASCII, without a fragment.

        Raises:
            Misconfigured: It is elsewhere, or no URL.
        """
        try:
            url = urljoin(base or self.base, target).partition("#")[0]
            origin = Origin.of(url)
        except ValueError:
            raise Misconfigured("the upstream names a URL that is none") from None
        if origin not in self._origins:
            raise Misconfigured(
                f"the upstream points to another server, {origin}, which must not get the "
                "credentials: use its URL as the upstream, or add it to trusted_origins"
            )
        # Whoever answered may have put spaces or worse into it; what is encoded stays.
        return quote(url.encode("utf-8", "surrogatepass"), safe=_PRINTABLE)
