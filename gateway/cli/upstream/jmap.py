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
from gateway.backend.http.proxy import Proxy, proxy_for
from gateway.cli.upstream.connect import told
from gateway.cli.upstream.findings import CheckFailed
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
        proxy = _proxy(url)
        made = _connection(url, proxy, self._context)
        headers = {"Authorization": self._authorization, "Content-Type": "application/json"}
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        if proxy is not None and self._context is None:
            target, headers = url, headers | _for_proxy(proxy)
        try:
            made.request(method, target, None if body is None else json.dumps(body), headers)
            response = made.getresponse()
            return response.status, response.headers, response.read(1 << 24)
        except (OSError, http.client.HTTPException) as error:
            way = "" if proxy is None else f" through the proxy {proxy}"
            said = type(error).__name__ if proxy is None else told(error)
            raise CheckFailed(f"the connection{way} failed: {said}") from None
        finally:
            made.close()

    def _places(self) -> set[str]:
        parts = urlsplit(self._base)
        host = f"{parts.scheme}://{parts.hostname}"
        default = {"https": 443, "http": 80}[parts.scheme] == parts.port
        return {f"{host}:{parts.port}"} | ({host} if default else set())


def _proxy(url: str) -> Proxy | None:
    try:
        return proxy_for(Origin.of(url))
    except Misconfigured as failure:
        raise CheckFailed(failure.detail) from None


def _connection(
    url: str, proxy: Proxy | None, context: ssl.SSLContext | None
) -> http.client.HTTPConnection:
    """To the server, or to the proxy; with TLS that is a tunnel's."""
    server = Origin.of(url)
    place = server if proxy is None else proxy.origin
    if context is None:
        return http.client.HTTPConnection(place.host, place.port, timeout=_TIMEOUT)
    made = http.client.HTTPSConnection(
        place.host, place.port, timeout=_TIMEOUT, context=context
    )
    if proxy is not None:
        made.set_tunnel(server.host, server.port, _for_proxy(proxy))
    return made


def _for_proxy(proxy: Proxy) -> dict[str, str]:
    value = proxy.authorization.decode()
    return {"Proxy-Authorization": value} if value else {}


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
