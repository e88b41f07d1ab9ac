"""From a profile's call and the values of the moment to a request."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from gateway.backend.http.client import Caller
from gateway.backend.profile.schema import Call
from gateway.backend.profile.template import BadValue, Template, Url, Values, filled
from gateway.errors import BadCredentials, Unavailable

_NO_LISTS: Mapping[str, Sequence[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """What is sent.

    Attributes:
        path: Below the upstream's URL, with a slash in front, and the query.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None


def request(
    call: Call, values: Values, lists: Mapping[str, Sequence[str]] = _NO_LISTS
) -> Request:
    """The request of a call.

    Raises:
        BadCredentials, Unavailable: A value cannot be put in.
    """
    headers = {"Accept": "application/json", **filled_headers(call.headers, values)}
    body = None
    if call.body is not None:
        headers["Content-Type"] = "application/json"
        sent = filled(dict(call.body), values, lists)
        body = json.dumps(sent, separators=(",", ":"), default=str).encode()
    return Request(call.method, path(Url.parse(call.url), values), headers, body)


def path(url: Url, values: Values) -> str:
    """The path and query of a URL.

    Raises:
        Unavailable: A value would lead to another one.
    """
    try:
        return url.fill(values)
    except BadValue as error:
        raise Unavailable(f"a URL cannot be made: {error}") from None


def filled_headers(headers: Mapping[str, str], values: Values) -> dict[str, str]:
    """The headers with their values; those that come out empty are left out.

    Raises:
        BadCredentials: A value, which can only be the client's or the settings', is no good.
    """
    found: dict[str, str] = {}
    for name, text in headers.items():
        try:
            value = Template.parse(text).header(values).decode()
        except BadValue as error:
            raise BadCredentials(f"the header {name} cannot be sent: {error}") from None
        if value:
            found[name] = value
    return found


def below(caller: Caller, target: str) -> str:
    """The absolute path of a target below the upstream's URL."""
    return urlsplit(caller.resolve("")).path.rstrip("/") + target
