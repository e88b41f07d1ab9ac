"""One worker: a gateway, and a hatch for the office where there is one."""

import time
from typing import Any

from gateway.app.gateway import Gateway
from gateway.app.premises import Premises, worker_name
from gateway.app.process import complain
from gateway.app.sockets import Socket
from gateway.app.upstreams import own_upstream
from gateway.app.watch import Watch
from gateway.config import Settings
from gateway.logs import sink
from gateway.server.limits import Places
from gateway.telemetry import Emitter, Sink, fan_out


class Worker:
    """The service of one process.

    Args:
        settings: This worker's share.
        reactor: Twisted's.
        sockets: Where clients connect.
        places: Connections that may be had.
        number: Which worker it is; None if it is alone.
        premises: Shared with the office; None without one.
    """

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        sockets: list[Socket],
        places: Places,
        *,
        number: int | None = None,
        premises: Premises | None = None,
    ) -> None:
        self._reactor = reactor
        self._sockets = sockets
        self._number = number or 0
        self._premises = premises
        self._upstream = own_upstream(settings)
        self._watch = Watch(self._upstream, time.time)
        log = sink(settings.log.level, settings.log.format)
        emit = Emitter(fan_out(log, *self._sinks()))
        if number is not None:
            emit = emit.bind(worker=number)
        self._gateway = Gateway(settings, reactor, emit, places)
        self._hatch: Any = None

    async def start(self) -> str:
        """Let clients in."""
        line = await self._gateway.start(self._sockets)
        # The listeners have their own; these would go on queueing clients while it drains.
        for each in self._sockets:
            each.opened.close()
        if self._premises is None:
            return line
        self._premises.close()
        await self._open_hatch(self._premises)
        return f"{line}{self._premises.ready}"

    async def stop(self) -> None:
        """Drain."""
        await self._gateway.stop()
        if self._hatch is not None:
            await self._hatch.close()

    def reload(self, settings: Settings | None) -> None:
        """See `Gateway.reload`."""
        self._gateway.reload(settings)

    def _sinks(self) -> list[Sink]:
        if self._premises is None:
            return []
        # Late: a gateway without an office does without the library.
        from gateway.metrics import counts, shared  # noqa: PLC0415

        shared.count_into(self._premises.run.metrics, worker_name(self._number))
        return [counts.Counts(self._upstream), self._watch]

    async def _open_hatch(self, premises: Premises) -> None:
        """The office is blind without it; clients are served all the same."""
        from gateway.app.hatch import Hatch  # noqa: PLC0415 - as above

        hatch = Hatch(
            self._number, self._gateway.server, self._watch, self._upstream, time.time
        )
        try:
            await hatch.open(premises.run.hatch(self._number), self._reactor)
            self._hatch = hatch
        except Exception as error:  # noqa: BLE001 - whatever it is, mail goes on
            complain(f"the office will not see worker {self._number}: {error}")
