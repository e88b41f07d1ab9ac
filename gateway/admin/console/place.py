"""Where clients find POP3: what devices and mail programs must be told."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Place:
    """The POP3 service as clients see it.

    Attributes:
        host: Its name.
        tls_port: With TLS from the first octet; None without.
        plain_port: Without; None without.
        stls: Whether the plain one can be upgraded.
    """

    host: str
    tls_port: int | None
    plain_port: int | None
    stls: bool

    @property
    def port(self) -> int:
        """The better one."""
        return self.tls_port or self.plain_port or 110

    @property
    def security(self) -> str:
        """Of the better one, as mail programs call it."""
        if self.tls_port:
            return "SSL/TLS"
        return "STARTTLS" if self.stls else "None"


def place_of(settings: dict[str, Any], url: str) -> Place:
    """From the settings: `console.pop3_host` and the like win over the listeners."""
    console, listen = settings.get("console", {}), settings["listen"]
    return Place(
        console.get("pop3_host") or urlsplit(url).hostname or "localhost",
        console.get("pop3_tls_port") or _port(listen["tls"]),
        console.get("pop3_plain_port") or _port(listen["plain"]),
        bool(listen.get("cert")),
    )


def _port(listeners: Any) -> int | None:
    for each in listeners:
        port = str(each).rpartition(":")[2]
        if port.isdigit() and int(port):
            return int(port)
    return None
