"""The port to HTTP: who carries a request to a provider is none of this package's business."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import urlsplit

from gateway.errors import Misconfigured, Unavailable


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. Its repr shows neither headers nor body: secrets are in them.

    Attributes:
        patience: Seconds that the answer may take; 0 for as long as is usual.
    """

    method: Literal["GET", "POST"]
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    patience: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, read whole; its repr shows no body."""

    status: int
    body: bytes = field(repr=False)

    def object(self) -> dict[str, Any]:
        """The JSON object in the body.

        Raises:
            Unavailable: There is none.
        """
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise Unavailable(f"the provider's answer is no JSON object (status {self.status})")
        return value


Fetch = Callable[[Request], Awaitable[Answer]]
"""Sends a request and reads the whole answer, whatever its status. Follows no redirect, and
gives up on an answer that is too large or takes too long.

Raises:
    Unavailable: There is no answer.
    Misconfigured: The server's certificate is not to be trusted.
"""


def checked_url(url: str, what: str) -> str:
    """The URL if secrets may go there: https, or http to this machine.

    Raises:
        Misconfigured: They may not.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise Misconfigured(f"{what} is no URL") from None
    if not host or "@" in parts.netloc or parts.fragment:
        raise Misconfigured(f"{what} is no URL of a server")
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)):
        return url
    raise Misconfigured(f"{what} must begin with https:// (http:// for this machine only)")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
