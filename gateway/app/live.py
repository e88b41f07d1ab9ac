"""`Live`, by asking every worker at its hatch."""

import json
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure as TwistedFailure
from twisted.web.client import Agent, ResponseDone
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from gateway.admin.live import LiveSession, Sample, Trouble, UpstreamHealth
from gateway.app.samples import Samples
from gateway.app.watch import Watch

_SECONDS = 2.0
_SESSIONS = 1000
_TROUBLES = 200


class WorkersLive:
    """What all workers together are doing.

    Args:
        hatches: The path of each worker's socket.
        own: The office's own troubles.
        samples: The last 24 hours.
        reactor: Twisted's.
    """

    def __init__(
        self, hatches: Sequence[str], own: Watch, samples: Samples, reactor: Any
    ) -> None:
        self._count = len(hatches)
        self._own = own
        self._samples = samples
        self._reactor = reactor
        agent: Any = Agent
        self._agent = agent.usingEndpointFactory(reactor, _Hatches(hatches, reactor))

    async def sessions(self) -> Sequence[LiveSession]:
        """See `Live`."""
        found = await self._rows("sessions", LiveSession)
        return sorted(found, key=lambda each: (each.since, each.number))[:_SESSIONS]

    async def end(self, worker: int, number: int) -> bool:
        """See `Live`."""
        if not 0 <= worker < self._count:
            return False
        answer = await self._ask(worker, f"sessions/{number}/end", b"POST")
        return answer is not None and bool(answer["ended"])

    async def troubles(self) -> Sequence[Trouble]:
        """See `Live`."""
        found = [*self._own.troubles, *await self._rows("troubles", Trouble)]
        return sorted(found, key=lambda each: -each.at)[:_TROUBLES]

    async def samples(self) -> Sequence[Sample]:
        """See `Live`."""
        return [*self._samples.all, self._samples.running()]

    async def upstreams(self) -> Sequence[UpstreamHealth]:
        """See `Live`."""
        found: dict[str, UpstreamHealth] = {}
        for each in [*self._own.upstreams, *await self._rows("upstreams", UpstreamHealth)]:
            found[each.name] = _merged(found.get(each.name, each), each)
        return [found[name] for name in sorted(found)]

    async def workers(self) -> tuple[int, int]:
        """See `Live`."""
        return len(await self._ask_all("state")), self._count

    async def accepting(self) -> int:
        """How many workers let clients in."""
        return sum(bool(state["accepting"]) for state in await self._ask_all("state"))

    async def _rows(self, path: str, kind: Any) -> list[Any]:
        answers = await self._ask_all(path)
        return [kind(**row) for answer in answers for row in answer]

    async def _ask_all(self, path: str) -> list[Any]:
        """What those say that answer in time."""
        waiting = [
            Deferred.fromCoroutine(self._ask(worker, path)) for worker in range(self._count)
        ]
        answers = await DeferredList(waiting)
        return [answer for _, answer in answers if answer is not None]

    async def _ask(self, worker: int, path: str, method: bytes = b"GET") -> Any:
        """A worker's answer; None if there is none in time."""
        asking: Deferred[Any] = Deferred.fromCoroutine(self._request(worker, path, method))
        asking.addTimeout(_SECONDS, self._reactor)
        try:
            return await asking
        except Exception:  # noqa: BLE001 - dead, hanging or starting: it is left out
            return None

    async def _request(self, worker: int, path: str, method: bytes) -> Any:
        response = await self._agent.request(method, f"http://worker-{worker}/{path}".encode())
        body = _Body()
        response.deliverBody(body)
        octets = await body.whole
        return json.loads(octets) if response.code == 200 else None


class _Body(Protocol):
    """Gathers an answer; given up, it closes the connection, which `readBody` does not."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.whole: Deferred[bytes] = Deferred(lambda _: self._give_up())

    def dataReceived(self, data: bytes) -> None:
        self._pieces.append(data)

    def connectionLost(self, reason: TwistedFailure = connectionDone) -> None:
        if self.whole.called:
            return
        if isinstance(reason.value, ResponseDone):
            self.whole.callback(b"".join(self._pieces))
        else:
            self.whole.errback(reason)

    def _give_up(self) -> None:
        transport: Any = self.transport
        transport.stopProducing()


@implementer(IAgentEndpointFactory)
class _Hatches:
    """Takes the number of the worker from the host in the URL."""

    def __init__(self, paths: Sequence[str], reactor: Any) -> None:
        self._paths = paths
        self._reactor = reactor

    def endpointForURI(self, uri: Any) -> Any:  # noqa: N802 - Twisted's name
        """The worker's socket."""
        make: Any = UNIXClientEndpoint
        worker = int(uri.host.removeprefix(b"worker-"))
        return make(self._reactor, self._paths[worker], timeout=_SECONDS)


def _merged(one: UpstreamHealth, other: UpstreamHealth) -> UpstreamHealth:
    """Two workers' views of one upstream: of each thing the later."""
    good = max((one.last_good, other.last_good), key=lambda at: at or 0)
    bad = max((one, other), key=lambda each: each.last_bad or 0)
    return UpstreamHealth(one.name, good, bad.last_bad, bad.failure, bad.detail)
