"""Counts the messages of a JMAP INBOX with the standard library: a second opinion."""

import http.client
import json
import shlex
import ssl
import subprocess
from base64 import b64encode
from typing import Any
from urllib.parse import urljoin, urlsplit

from gateway.backend.http.origin import Origin
from gateway.cli.upstream.connect import told
from gateway.cli.upstream.findings import CheckFailed
from gateway.cli.way import Way, way_to
from gateway.config import Settings
from gateway.errors import Misconfigured
from gateway.maildrop import Login

_CORE, _MAIL = "urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"
_TIMEOUT = 30
_REDIRECTS = 5


def count(settings: Settings, login: Login) -> int:
    """How many messages the INBOX has.

    Raises:
        CheckFailed: It does not say, and why.
    """
    client = _Client(settings, login)
    url = settings.upstream.url
    place, session = client.ask("GET", url.path or "/.well-known/jmap")
    try:
        account = session["primaryAccounts"][_MAIL]
        api = urljoin(place, session["apiUrl"])
        (ids,) = client.call(api, account, "Mailbox/query", {"filter": {"role": "inbox"}})[
            "ids"
        ]
        inbox = client.call(api, account, "Mailbox/get", {"ids": [ids]})["list"][0]
        return int(inbox["totalEmails"])
    except (KeyError, TypeError, ValueError, IndexError):
        raise CheckFailed("the server's answers are not those of JMAP with mail") from None


class _Client:
    """Requests to one origin, one after the other."""

    def __init__(self, settings: Settings, login: Login) -> None:
        self._base = settings.upstream.url.origin
        self._authorization = _authorization(settings, login)
        context = None
        if settings.upstream.url.http == "https":
            context = ssl.create_default_context(cafile=settings.upstream.ca)
        self._context = context

    def call(self, api: str, account: str, method: str, arguments: dict[str, Any]) -> Any:
        """Call one method."""
        calls = [[method, {"accountId": account, **arguments}, "0"]]
        _, answer = self.ask("POST", api, {"using": [_CORE, _MAIL], "methodCalls": calls})
        return answer["methodResponses"][0][1]

    def ask(self, method: str, target: str, body: Any = None) -> tuple[str, Any]:
        """One request; the URL that answered in the end, and its JSON."""
        url = urljoin(self._base, target)
        for _ in range(_REDIRECTS):
            status, headers, octets = self._send(method, url, body)
            if status not in {301, 302, 307, 308}:
                return url, self._json(status, octets)
            url = urljoin(url, headers.get("Location", ""))
        raise CheckFailed("the server redirects without end")

    def _json(self, status: int, octets: bytes) -> Any:
        if status == 401:
            raise CheckFailed(
                "the server refused the name, the password or the token (401)\n"
                "Some providers want an app password or a token, or the whole address as name."
            )
        if status != 200:
            raise CheckFailed(f"the server answers {status}: is there JMAP at this URL?")
        try:
            return json.loads(octets)
        except ValueError:
            raise CheckFailed(
                "the server's answer is not JSON: is there JMAP at this URL?"
            ) from None

    def _send(self, method: str, url: str, body: Any) -> tuple[int, Any, bytes]:
        parts = urlsplit(url)
        if (
            f"{parts.scheme}://{parts.hostname}:{parts.port or ''}".rstrip(":")
            not in self._places()
        ):
            raise CheckFailed(f"the server points to another one, {parts.netloc}: use its URL")
        way = _way(url, self._context)
        headers = {"Authorization": self._authorization, "Content-Type": "application/json"}
        octets = None if body is None else json.dumps(body)
        try:
            way.connection.request(method, way.target, octets, headers | way.fields)
            response = way.connection.getresponse()
            return response.status, response.headers, response.read(1 << 24)
        except (OSError, http.client.HTTPException) as error:
            if way.proxy is None:
                text = f"the connection failed: {type(error).__name__}"
            else:
                text = f"the connection through the proxy {way.proxy} failed: {told(error)}"
            raise CheckFailed(text) from None
        finally:
            way.connection.close()

    def _places(self) -> set[str]:
        parts = urlsplit(self._base)
        host = f"{parts.scheme}://{parts.hostname}"
        default = {"https": 443, "http": 80}[parts.scheme] == parts.port
        return {f"{host}:{parts.port}"} | ({host} if default else set())


def _way(url: str, context: ssl.SSLContext | None) -> Way:
    try:
        parts = urlsplit(url)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        return way_to(Origin.of(url), target, context, _TIMEOUT)
    except Misconfigured as failure:
        raise CheckFailed(failure.detail) from None


def _authorization(settings: Settings, login: Login) -> str:
    tokens = settings.upstream.http
    try:
        if tokens.token_file is not None:
            return f"Bearer {tokens.token_file.read_text('ascii').strip()}"
        if tokens.token_command is not None:
            done = subprocess.run(  # noqa: S603 - the administrator's own, without a shell
                shlex.split(tokens.token_command),
                stdout=subprocess.PIPE,
                timeout=tokens.token_timeout,
                check=True,
            )
            return f"Bearer {done.stdout.decode('ascii').strip()}"
    except (OSError, ValueError, subprocess.SubprocessError):
        raise CheckFailed("there is no token: look at token_file or token_command") from None
    pair = b"%b:%b" % (login.user, login.password.get_secret_value())
    return f"Basic {b64encode(pair).decode()}"
