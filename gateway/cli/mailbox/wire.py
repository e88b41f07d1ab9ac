"""HTTP as it comes off the wire: one connection a request, and everything is looked at."""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from http.client import HTTPException, HTTPResponse
from urllib.parse import quote, urlencode, urlsplit

import click

from gateway.backend.http.origin import Origin
from gateway.cli.way import way_to
from gateway.errors import Misconfigured

_KEPT = 32 << 20
_CHUNK = 256 * 1024
_MOST = 1 << 30


class NoAnswer(Exception):
    """There is no answer, or none that is HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request got.

    Attributes:
        headers: By name in lower case.
        body: Its octets, unless there are more than 32 MiB: then the first of them.
        length: How many octets there were.
        digest: Of all of them.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    length: int
    digest: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        """Without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def shown(self) -> str:
        """The status and the beginning of the body, for a person."""
        text = self.body[:200].decode("ascii", "replace")
        shown = "".join(c if c.isprintable() else " " for c in text)
        return f"{self.status or 'no answer:'} {shown}".rstrip()


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go.

    Attributes:
        base: `http[s]://host[:port][/path]`.
        authorization: The header field's value; not shown.
        context: For https.
        timeout: Seconds that a step may take.
    """

    base: str
    authorization: str = field(repr=False)
    context: ssl.SSLContext | None = None
    timeout: float = 30.0

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        body: object = None,
        authorization: str | None = None,
    ) -> Answer:
        """Send a request and read the whole answer.

        Args:
            method: GET and so on.
            path: Below the base, e.g. `/session`; quoted already.
            query: Parameters.
            headers: Further header fields.
            body: Sent as JSON unless None.
            authorization: Instead of the right one; empty for none.

        Raises:
            NoAnswer
        """
        fields = {
            "Accept-Encoding": "identity",
            "Connection": "close",
            "User-Agent": "pop3-gateway check-mailbox",
            "Authorization": self.authorization if authorization is None else authorization,
            **(headers or {}),
        }
        octets = None if body is None else json.dumps(body).encode()
        if octets is not None:
            fields["Content-Type"] = "application/json"
        given = {name: value for name, value in fields.items() if value}
        where = path + (f"?{urlencode(query)}" if query else "")
        target = urlsplit(self.base).path.rstrip("/") + where
        try:
            way = way_to(Origin.of(self.base), target, self.context, self.timeout)
        except Misconfigured as failure:
            raise NoAnswer(failure.detail) from None
        try:
            way.connection.request(method, way.target, octets, given | way.fields)
            return _read(way.connection.getresponse())
        except (OSError, HTTPException, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise NoAnswer(f"{method} {where}: {reason}") from error
        finally:
            way.connection.close()


def raw_path(message_id: str) -> str:
    """The path of a message's octets."""
    return f"/messages/{quote(message_id, safe='')}/raw"


def _read(response: HTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    if response.will_close and not response.chunked and response.length:
        # To the end of the connection: what comes after Content-Length shall be seen.
        response.length = None
    kept, length, digest = bytearray(), 0, sha256()
    while chunk := response.read(_CHUNK):
        length += len(chunk)
        digest.update(chunk)
        kept += chunk[: max(0, _KEPT - len(kept))]
        if length > _MOST:
            raise NoAnswer("the answer has more than 1 GiB")
    return Answer(response.status, headers, bytes(kept), length, digest.digest())


def target_of(url: str, authorization: str, ca: str | None, timeout: float) -> Target:
    """The target that a URL names.

    Raises:
        BadParameter: It names none.
    """
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it raises
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise click.BadParameter(
            "it has the form http[s]://HOST[:PORT][/BASE]", param_hint="URL"
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise click.BadParameter("no name, no ? and no # belongs in it", param_hint="URL")
    try:
        context = ssl.create_default_context(cafile=ca) if parts.scheme == "https" else None
    except (OSError, ssl.SSLError) as error:
        raise click.BadParameter(f"{ca}: {error}", param_hint="--ca") from None
    return Target(url, authorization, context, timeout)
