"""Requests to one upstream, with everything that they have in common.

A `Client` belongs to the upstream, a `Caller` to one login. A caller adds the credentials,
keeps to the number of requests, follows redirects within the origin, waits where the
upstream asks for it, and turns every fault into one of the closed set.
"""

import json
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.web.http_headers import Headers

from gateway import __version__
from gateway.backend.http import faults
from gateway.backend.http.agent import TlsOptions, make_agent
from gateway.backend.http.auth import Authorization
from gateway.backend.http.origin import Origin, Targets
from gateway.backend.http.producer import Octets
from gateway.backend.http.response import Answer, Response
from gateway.backend.http.settings import HttpSettings
from gateway.backend.http.slots import Slots
from gateway.errors import Failure, Misconfigured, Throttled, Unavailable
from gateway.maildrop import Login
from gateway.telemetry import printable

_OK: Final = range(200, 300)
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_SAME_METHOD: Final = frozenset({307, 308})
_MOST_REDIRECTS = 5
_BUSY: Final = frozenset({429, 503})
_MOST_WAITS = 5
_DEFAULT_WAIT = 1.0


class Client:
    """One upstream.

    Args:
        base: Its URL; relative targets are relative to it.
        settings: Time-outs and limits.
        tls_options: See `gateway.tls.client_options`.
        reactor: For everything that waits.

    Raises:
        Misconfigured: What the settings or the environment name cannot be used.
    """

    def __init__(
        self, base: str, settings: HttpSettings, tls_options: TlsOptions, reactor: Any
    ) -> None:
        try:
            self.targets = Targets(base, settings.trusted_origins)
        except ValueError as error:
            raise Misconfigured(f"trusted_origins: {error}") from None
        self.settings = settings
        self.reactor = reactor
        origin = Origin.of(base)
        self._agent: Any
        self._pool: Any
        self._agent, self._pool = make_agent(origin, settings, tls_options, reactor)
        if origin.scheme == "https":
            tls_options(origin.host)  # a bad authority file shows when the program starts

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        """One request as it is; the response, whatever its status.

        Raises:
            Unavailable, Misconfigured
        """
        fields = {"User-Agent": f"pop3-gateway/{__version__}", "Accept-Encoding": "identity"}
        raw = Headers({name: [value] for name, value in {**fields, **headers}.items()})
        producer = None if body is None else Octets(body)
        asked: Any = self._agent.request(method.encode(), url.encode(), raw, producer)
        asked.addTimeout(self.settings.response_timeout, self.reactor)
        try:
            response = await asked
        except Exception as error:  # noqa: BLE001 - Twisted raises many kinds
            if faults.never_received(error):
                raise NeverReceived(faults.of_error(error).detail) from None
            raise faults.of_error(error) from None
        return Response(response, url, self.settings, self.reactor)

    @property
    def secrets(self) -> Iterable[bytes]:
        """Of the environment's proxies; not for the log."""
        secrets: set[bytes] = self._agent.secrets
        return secrets

    async def close(self) -> None:
        """Close the connections that are kept."""
        await self._pool.closeCachedConnections()


class NeverReceived(Unavailable):
    """The connection ended before any of the answer came; it may have been stale."""


class Caller:
    """One login's way to the upstream.

    Args:
        client: The upstream.
        authorization: Makes the credentials.
        login: Whose they are.

    Attributes:
        slots: Requests that may be under way; a driver may lower `slots.limit`.
        login: The login, for APIs that have the name in their URLs.
        authorization: As given; a driver that has logged in otherwise puts its own here.
        pace: Called before each request with its method and URL; may wait, or fail.
        explain: Called with a refusal's status and the beginning of its body; the failure
            that it is, or None if the status says all. Throttled is waited for as 429 is.
    """

    def __init__(self, client: Client, authorization: Authorization, login: Login) -> None:
        self.login = login
        self.slots = Slots(client.settings.concurrency)
        self.settings = client.settings
        self.reactor = client.reactor
        self.authorization = authorization
        self.pace: Callable[[str, str], Awaitable[None]] | None = None
        self.explain: Callable[[int, bytes], Failure | None] | None = None
        self._client = client

    def resolve(self, target: str, base: str | None = None) -> str:
        """The absolute URL of what an answer names.

        Raises:
            Misconfigured: It is on another server, which must not get the credentials.
        """
        return self._client.targets.resolve(target, base)

    async def request(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        expect: Container[int] = _OK,
        repeatable: bool = False,
    ) -> Response:
        """Send a request; the response with its body still to come.

        The response holds one of the slots until its body has ended: read it, deliver
        it or `discard` it.

        Args:
            method: Of HTTP.
            target: A URL, absolute or relative to the upstream's.
            headers: Besides those that every request has.
            body: What is sent.
            expect: Statuses that the caller can use; any other is a failure.
            repeatable: Sent once more if the connection ends before an answer. GET, HEAD
                and DELETE are by themselves.

        Raises:
            BadCredentials, ConsentMissing, Throttled, Unavailable, Misconfigured
        """
        await self.slots.take()
        try:
            send = _Sending(self, method, self.resolve(target), headers or {}, body)
            response = await send.until_answered(expect, repeatable=repeatable)
        except BaseException:
            self.slots.give()
            raise
        response.when_ended(self.slots.give)
        return response

    async def answer(self, method: str, target: str, **how: Any) -> Answer:
        """Send a request and read the whole answer; see `request` for the arguments.

        Raises:
            BadCredentials, ConsentMissing, Throttled, Unavailable, Misconfigured: Unavailable
                also for an answer that is too large, broken off or silent for too long.
        """
        response = await self.request(method, target, **how)
        return await response.read()

    async def json(self, method: str, target: str, *, send: Any = None, **how: Any) -> Any:
        """Send JSON, or nothing if `send` is None, and return what the answer's JSON holds.

        None for an answer without a body. Arguments otherwise as of `request`.
        """
        headers = {"Accept": "application/json", **(how.pop("headers", None) or {})}
        if send is not None:
            headers["Content-Type"] = "application/json"
            how["body"] = json.dumps(send, separators=(",", ":")).encode()
        return (await self.answer(method, target, headers=headers, **how)).json()


class _Sending:
    """One request of a caller until there is an answer to it."""

    def __init__(
        self,
        caller: Caller,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> None:
        self._caller = caller
        self._client = caller._client  # noqa: SLF001 - two halves of one thing
        self._authorization = caller.authorization
        self._method = method
        self._url = url
        self._headers = headers
        self._body = body
        self._redirects = 0
        self._waits = 0
        self._waited = 0.0
        self._renewed = False

    async def until_answered(self, expect: Container[int], *, repeatable: bool) -> Response:
        """See `Caller.request`."""
        while True:
            if self._caller.pace is not None:
                await self._caller.pace(self._method, self._url)
            value = await self._authorization.value(self._caller.login)
            response = await self._send(value, repeatable=repeatable)
            if response.status in expect:
                return response.checked()
            if await self._again(response, value):
                continue
            told = await response.told()
            explain = self._caller.explain
            failure = explain and explain(response.status, told)
            if not (isinstance(failure, Throttled) and await self._wait(response, busy=True)):
                raise failure or self._failure(response, value, told)

    async def _send(self, value: bytes, *, repeatable: bool) -> Response:
        credentials = {self._authorization.header: value.decode()} if value else {}
        headers = {**self._headers, **credentials}
        try:
            return await self._client.send(self._method, self._url, headers, self._body)
        except NeverReceived:
            if not repeatable:
                raise
        return await self._client.send(self._method, self._url, headers, self._body)

    async def _again(self, response: Response, value: bytes) -> bool:
        """Whether there is something to try after this response."""
        if response.status in _REDIRECTS:
            return self._redirected(response)
        if response.status in _BUSY:
            return await self._wait(response, busy=response.status == 429)
        if response.status in self._authorization.refusals and not self._renewed:
            self._renewed = True
            if await self._authorization.refused(value):
                response.discard()
                return True
        return False

    def _redirected(self, response: Response) -> bool:
        location = response.header("Location")
        keeps = response.status in _SAME_METHOD or self._method in {"GET", "HEAD"}
        if not location or not keeps or self._redirects == _MOST_REDIRECTS:
            return False
        try:
            self._url = self._caller.resolve(location, self._url)
        except Misconfigured:
            response.discard()
            raise
        self._redirects += 1
        response.discard()
        return True

    async def _wait(self, response: Response, *, busy: bool) -> bool:
        """Wait as long as the upstream says, or as is usual, if that is not too long."""
        seconds = retry_after(response)
        if seconds is None:
            seconds = _DEFAULT_WAIT * 2**self._waits if busy else -1.0
        longest = self._client.settings.retry_after - self._waited
        if not 0 <= seconds <= longest or self._waits == _MOST_WAITS:
            return False
        self._waits += 1
        self._waited += seconds
        response.discard()
        reactor: Any = self._client.reactor
        pause: Deferred[None] = deferLater(reactor, seconds)
        await pause
        return True

    def _failure(self, response: Response, value: bytes, told: bytes) -> Failure:
        """What the upstream said goes to the log, the credentials do not."""
        own = (value, *value.split()[-1:], self._caller.login.password.get_secret_value())
        secrets = (*own, *self._client.secrets)
        for secret in secrets:
            told = told.replace(secret, b"***") if secret else told
        said = printable(b" ".join(told.split()))
        shown = f"{response.status} to {self._method} {shown_url(self._url)}: {said}"
        if response.status in self._authorization.refusals:
            failure = self._authorization.failure()
            return type(failure)(f"{failure.detail}: {said}")
        return faults.of_status(response.status, shown)


def shown_url(url: str) -> str:
    """A URL for the log: without its query, in which some APIs have secrets."""
    return url.partition("?")[0][:200]


def retry_after(response: Response) -> float | None:
    """Seconds until the upstream wants to be asked again (RFC 9110 §10.2.3)."""
    text = (response.header("Retry-After") or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        then = parsedate_to_datetime(text)
        date = parsedate_to_datetime(response.header("Date") or "")
        return max(0.0, (then - date).total_seconds())
    except (ValueError, TypeError):
        return None


def as_unavailable(failure: Failure) -> Failure:
    """For where a client that has logged in can be told no more than: not now."""
    if isinstance(failure, Throttled):
        return Unavailable(failure.detail)
    return failure
