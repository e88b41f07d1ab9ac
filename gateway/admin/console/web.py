"""Requests and answers of the console as plain values; nothing else here knows Twisted's."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode

from gateway.accounts.model import Visit

Request: TypeAlias = Any
"""`twisted.web.server.Request`, which has no types."""
_LONGEST_BODY = 64 * 1024
_LONGEST_VALUE = 4096
_MOST_FIELDS = 64
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Refusal(Exception):
    """An error page instead of an answer.

    Args:
        status: 4xx.
        text: What the person can do; in the place of the status' usual text.
        wait: Seconds after which it can be tried again; 0 if that is not known.
    """

    def __init__(self, status: int, text: str = "", wait: int = 0) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Ask:
    """A request.

    Attributes:
        method: GET, HEAD or POST.
        path: As in the URL, decoded.
        host: The Host field in lower case, with its port if it has one.
        address: The browser's.
        query: Of the URL, the last of each name.
        query_text: The same as it came.
        form: Of the body, likewise; values are not stripped.
        cookies: By name.
        origin: The field of this name; None without.
        fetch_site: Sec-Fetch-Site; empty from a browser that does not send it.
        by_script: Whether a page asks for itself again, and no person.
        body: As it came, where it is no form.
        visit: The console session, once it is found.
    """

    method: str
    path: str
    host: str = ""
    address: str = ""
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    query_text: str = field(default="", repr=False)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    origin: str | None = None
    fetch_site: str = ""
    by_script: bool = False
    body: bytes = field(default=b"", repr=False)
    visit: Visit | None = None

    def of(self, visit: Visit | None) -> "Ask":
        """The same in a session."""
        return replace(self, visit=visit)

    def text(self, name: str, longest: int = 320) -> str:
        """A field of the form without blanks around it.

        Raises:
            Refusal: It is too long, or has characters that nobody types.
        """
        return _checked(self.form.get(name, ""), longest).strip()

    def secret(self, name: str, longest: int = 1024) -> str:
        """A field of the form with its blanks.

        Raises:
            Refusal: It is too long.
        """
        return _checked(self.form.get(name, ""), longest)

    def lines(self, name: str, longest: int = 2000) -> tuple[str, ...]:
        """Words of a text area, by blanks, commas or lines.

        Raises:
            Refusal: It is too long.
        """
        value = self.form.get(name, "")
        if len(value) > longest:
            raise Refusal(400, "A field holds more than it may.")
        return tuple(_checked(word, 320) for word in value.replace(",", " ").split())

    def asked(self, name: str, longest: int = 320) -> str:
        """A value of the URL without blanks around it; empty without.

        Raises:
            Refusal: It is too long, or has characters that nobody types.
        """
        return _checked(self.query.get(name, ""), longest).strip()


@dataclass(frozen=True, slots=True)
class Cookie:
    """One to be set; with an empty value, to be forgotten.

    Attributes:
        lasts: Seconds; 0 for as long as the browser is open.
    """

    name: str
    value: str = field(repr=False)
    same_site: str = "Lax"
    lasts: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back.

    Attributes:
        body: Octets.
        status: Of HTTP.
        kind: Content-Type.
        location: Where to go with 303.
        cookies: To be set.
        refresh: Seconds after which the page is asked for again; 0 for never.
        kept: Seconds for which a browser may keep it; 0 for not at all.
        wait: Seconds after which it can be asked again; 0 if that does not matter.
    """

    body: bytes = field(default=b"", repr=False)
    status: int = 200
    kind: str = "text/html; charset=utf-8"
    location: str = field(default="", repr=False)
    cookies: tuple[Cookie, ...] = ()
    refresh: int = 0
    kept: int = 0
    wait: int = 0


def go(path: str, query: Mapping[str, str] = _NOTHING, *cookies: Cookie) -> Answer:
    """See another page."""
    target = f"{path}?{urlencode(query)}" if query else path
    return Answer(status=303, location=target, cookies=cookies)


def read(request: Request) -> Ask:
    """A request as values.

    Raises:
        Refusal: It is larger than any of ours.
    """
    body = request.content.read(_LONGEST_BODY + 1)
    if len(body) > _LONGEST_BODY:
        raise Refusal(413)
    kind = _header(request, "Content-Type").partition(";")[0].strip().lower()
    is_form = kind == "application/x-www-form-urlencoded"
    query = request.uri.partition(b"?")[2]
    return Ask(
        request.method.decode("ascii", "replace"),
        request.path.decode("ascii", "replace"),
        host=_header(request, "Host").lower(),
        address=str(getattr(request.getClientAddress(), "host", None) or ""),
        query=_fields(query),
        query_text=query.decode("ascii", "replace"),
        form=_fields(body) if is_form else _NOTHING,
        cookies=_cookies(request.received_cookies),
        origin=_header(request, "Origin", None),
        fetch_site=_header(request, "Sec-Fetch-Site").lower(),
        by_script=_header(request, "Sec-Fetch-Dest").lower() == "empty",
        body=b"" if is_form else body,
    )


def _checked(value: str, longest: int) -> str:
    if len(value) > longest:
        raise Refusal(400, "A field holds more than it may.")
    if not value.isprintable():
        raise Refusal(400, "A field holds characters that cannot be typed.")
    return value


def _header(request: Request, name: str, without: Any = "") -> Any:
    values = request.requestHeaders.getRawHeaders(name.encode())
    # Asked for text, Twisted raises at what is no UTF-8.
    return values[-1].decode("utf-8", "replace") if values else without


def _fields(octets: bytes) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(
            octets.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise Refusal(400) from None
    if any(len(value) > _LONGEST_VALUE for _, value in pairs):
        raise Refusal(400, "A field holds more than it may.")
    return MappingProxyType(dict(pairs))


def _cookies(received: Mapping[bytes, bytes]) -> Mapping[str, str]:
    """As Twisted takes them apart: an odd one of another service here costs none of ours."""
    return MappingProxyType(
        {name.decode("latin-1"): value.decode("latin-1") for name, value in received.items()}
    )
