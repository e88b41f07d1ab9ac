"""How requests to OAuth2 providers and webhooks go out: as those to HTTP mailboxes do."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.web.client import readBody
from twisted.web.http_headers import Headers

from gateway import tls
from gateway.accounts.oauth.fetch import Answer, Request
from gateway.accounts.oauth.settings import OAuthSettings
from gateway.backend.http.agent import make_agent
from gateway.backend.http.faults import of_error, plain
from gateway.backend.http.origin import Origin
from gateway.backend.http.producer import Octets
from gateway.backend.http.response import Response
from gateway.backend.http.settings import HttpSettings
from gateway.errors import Unavailable

_LARGEST = 1 << 18
_LONGEST = 600.0
_Result = TypeVar("_Result")


class Fetcher:
    """See `gateway.accounts.oauth.fetch.Fetch`.

    Args:
        settings: Whom to trust, how long to wait.
        reactor: Twisted's.
        whom: Who is asked, for people.
    """

    def __init__(
        self, settings: OAuthSettings, reactor: Any, whom: str = "the OAuth2 provider"
    ) -> None:
        self._whom = whom
        self._seconds = settings.timeout
        self._http = HttpSettings(
            connections=2,
            connect_timeout=settings.timeout,
            idle_timeout=_LONGEST,  # the whole request has a time of its own
            answer_timeout=_LONGEST,
            max_answer=_LARGEST,
        )
        self._ca = settings.ca
        self._reactor = reactor
        self._agent: Any = None
        self._pool: Any = None

    async def __call__(self, request: Request) -> Answer:
        """Send it, and read the whole answer.

        Raises:
            Unavailable, Misconfigured
        """
        return await self._in_time(request, self._answer(request))

    async def status(self, request: Request) -> int:
        """Send it, and read nothing of the answer but its status.

        Raises:
            Unavailable, Misconfigured
        """
        return await self._in_time(request, self._status(request))

    async def _in_time(self, request: Request, work: Coroutine[Any, Any, _Result]) -> _Result:
        whole: Any = Deferred.fromCoroutine(work)
        patience = request.patience or self._seconds
        whole.addTimeout(patience, self._reactor, _too_late)
        try:
            result: _Result = await whole
        except Exception as error:  # noqa: BLE001 - Twisted raises many kinds
            failure = plain(of_error(error))
            detail = failure.detail.replace("the upstream", self._whom)
            raise type(failure)(detail) from None
        return result

    async def close(self) -> None:
        """Close the connections that are kept."""
        if self._pool is not None:
            await self._pool.closeCachedConnections()

    async def _answer(self, request: Request) -> Answer:
        raw = await self._send(request)
        response = Response(raw, request.url, self._http, self._reactor).checked()
        return Answer(response.status, (await response.read()).octets)

    async def _status(self, request: Request) -> int:
        raw = await self._send(request)
        status: int = raw.code
        readBody(raw).addErrback(lambda _: None).cancel()  # ends the connection
        return status

    async def _send(self, request: Request) -> Any:
        if self._agent is None:
            origin = Origin.of(request.url)
            self._agent, self._pool = make_agent(
                origin,
                self._http,
                lambda host: tls.client_options(host, self._ca),
                self._reactor,
            )
            # There are few requests and long pauses: a kept connection would be stale as a
            # rule, and a refresh that may have been heard must not be sent again.
            self._pool.persistent = False
        fields = {"Accept-Encoding": "identity", **request.headers}
        headers = Headers({name: [value] for name, value in fields.items()})
        body = None if request.body is None else Octets(request.body)
        return await self._agent.request(
            request.method.encode(), request.url.encode(), headers, body
        )


def _too_late(_: object, seconds: float) -> None:
    raise Unavailable(f"the upstream did not answer in {seconds:g} seconds")
