"""The hatch of a worker: a Unix socket at which the office asks what it is doing.

Nothing is noted for it on the way of the mail: what it tells is read from the connections
when somebody asks.
"""

import contextlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from klein import Klein
from twisted.internet.endpoints import UNIXServerEndpoint

from gateway.admin.site import bounded_site
from gateway.app.watch import Watch
from gateway.server.listener import Server


class Hatch:
    """One worker's.

    Args:
        worker: Its number.
        server: Has the connections.
        watch: Has the troubles.
        upstream: The URL of the settings, for sessions that name no other.
        now: Seconds since 1970.
    """

    app = Klein()

    def __init__(
        self,
        worker: int,
        server: Server,
        watch: Watch,
        upstream: str,
        now: Callable[[], float],
    ) -> None:
        self._worker = worker
        self._server = server
        self._watch = watch
        self._upstream = upstream
        self._now = now
        self._port: Any = None

    async def open(self, path: str, reactor: Any) -> None:
        """Begin to answer; a socket that a dead worker left there is replaced.

        Raises:
            OSError, CannotListenError
        """
        _remove(path)
        make: Any = UNIXServerEndpoint
        endpoint = make(reactor, path, backlog=50, mode=0o600, wantPID=False)
        self._port = await endpoint.listen(bounded_site(self.app.resource(), reactor))

    async def close(self) -> None:
        """Answer no more."""
        if self._port is not None:
            await self._port.stopListening()

    @app.route("/state", methods=["GET"])
    def state(self, request: Any) -> bytes:
        """Whether clients are let in."""
        return _json(request, {"accepting": self._server.accepting})

    @app.route("/sessions", methods=["GET"])
    def sessions(self, request: Any) -> bytes:
        """The connections at this moment."""
        return _json(request, [self._session(asdict(each)) for each in self._server.live()])

    @app.route("/sessions/<int:number>/end", methods=["POST"])
    def end(self, request: Any, number: int) -> bytes:
        """End one without UPDATE."""
        return _json(request, {"ended": self._server.end(number)})

    @app.route("/troubles", methods=["GET"])
    def troubles(self, request: Any) -> bytes:
        """The latest failures."""
        return _json(request, [asdict(each) for each in self._watch.troubles])

    @app.route("/upstreams", methods=["GET"])
    def upstreams(self, request: Any) -> bytes:
        """How the upstreams were."""
        return _json(request, [asdict(each) for each in self._watch.upstreams])

    def _session(self, facts: dict[str, Any]) -> dict[str, Any]:
        """The fields of a `LiveSession`."""
        since = self._now() - facts.pop("age")
        if facts["user"] and facts["state"] != "authorization":
            facts["upstream"] = facts["upstream"] or self._upstream
        return {**facts, "worker": self._worker, "since": since}


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        Path(path).unlink()


def _json(request: Any, value: object) -> bytes:
    request.setHeader(b"content-type", b"application/json")
    return json.dumps(value).encode()
