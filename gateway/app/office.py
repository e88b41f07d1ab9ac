"""The office: the process beside the workers that serves console, metrics and health.

It holds no mail and no client's connection. Whatever becomes of it, the workers go on.
"""

import time
from typing import Any

from klein import Klein
from twisted.internet.task import LoopingCall

from gateway.admin import console
from gateway.admin.alarms.rounds import Alarms
from gateway.admin.parts import OfficeParts
from gateway.admin.site import bounded_site
from gateway.app.alarms import make_alarms
from gateway.app.entrances import ServerCertificate
from gateway.app.live import WorkersLive
from gateway.app.premises import Premises
from gateway.app.reading import read, sampled
from gateway.app.records import Check, Records
from gateway.app.remembered import Remembered
from gateway.app.samples import Samples
from gateway.app.sockets import Socket
from gateway.app.upstreams import own_upstream
from gateway.app.watch import Watch
from gateway.config import Settings
from gateway.logs import sink
from gateway.metrics import counts, shared
from gateway.metrics.page import CONTENT_TYPE, page
from gateway.server.limits import Places
from gateway.telemetry import Emitter, fan_out
from gateway.tls import server_factory

_SAMPLE_SECONDS = 60.0


class Office:
    """The service of the office's process.

    Args:
        settings: All of them.
        reactor: Twisted's.
        sockets: Where POP3 clients connect: nothing for the office, which closes them.
        places: Has the connections of all workers.
        premises: Shared with the workers.

    Raises:
        Misconfigured: What the settings name cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        sockets: list[Socket],
        places: Places,
        premises: Premises,
    ) -> None:
        for each in sockets:  # or clients would queue up there while the workers drain
            each.opened.close()
        self._settings = settings
        self._reactor = reactor
        self._places = places
        self._premises = premises
        upstream = own_upstream(settings)
        watch = Watch(upstream, time.time)
        shared.count_into(premises.run.metrics, "office")
        log = sink(settings.log.level, settings.log.format)
        self._emit = Emitter(fan_out(log, counts.Counts(upstream), watch), {"worker": "office"})
        self._records = Records(settings, reactor, self._emit)
        self._samples = Samples(
            premises.run.samples,
            lambda: sampled(premises),
            lambda: places.total,
            time.time,
        )
        hatches = [premises.run.hatch(number) for number in range(premises.workers)]
        self._live = WorkersLive(hatches, watch, self._samples, reactor)
        self._health = Remembered(self._lives, reactor)
        self._readiness = Remembered(self._is_ready, reactor)
        self._certificate = _certificate(settings)
        self._sampling: Any = LoopingCall(self._samples.take)
        self._sampling.clock = reactor
        self._alarms = self._make_alarms()
        self._ports: list[Any] = []

    async def start(self) -> str:
        """Answer browsers and Prometheus."""
        for parts, opened in self._premises.sockets.items():
            factory: Any = bounded_site(
                self._resource(parts),
                self._reactor,
                behind_proxy="console" in parts and self._settings.console.behind_proxy,
            )
            if opened.tls:
                factory = server_factory(self._certificate, factory)
            self._ports.append(await opened.endpoint(self._reactor).listen(factory))
        self._sampling.start(_SAMPLE_SECONDS, now=False)
        self._records.start()
        if self._alarms is not None:
            self._alarms.start()
        return ""

    async def stop(self) -> None:
        """Answer no more; nothing of it needs an end."""
        if self._sampling.running:
            self._sampling.stop()
        if self._alarms is not None:
            self._alarms.stop()
        for port in self._ports:
            await port.stopListening()
        await self._records.stop()

    def reload(self, settings: Settings | None) -> None:  # noqa: ARG002
        """Read the console's certificate and the directory's keys again.

        Raises:
            Misconfigured: It cannot be used; the old one stays.
        """
        if self._certificate is not None:
            self._certificate.reload()
        self._records.reload()

    async def healthz(self, request: Any) -> bytes:
        """Whether the gateway lives: at least half of the workers answer."""
        return _told(request, *await self._health.get())

    async def _lives(self) -> tuple[bool, str]:
        answering, expected = await self._live.workers()
        lives = 2 * answering >= expected
        return lives, f"{answering} of {expected} workers answer"

    async def readyz(self, request: Any) -> bytes:
        """Whether every worker lets clients in, and logins find what they need."""
        return _told(request, *await self._readiness.get())

    async def _is_ready(self) -> tuple[bool, str]:
        accepting = await self._live.accepting()
        expected = self._premises.workers
        checks = self._records.checks.items()
        broken = [name for name, check in checks if not await _passes(check)]
        text = f"{accepting} of {expected} workers let clients in"
        text += "".join(f", {name} cannot be reached" for name in broken)
        return accepting == expected and not broken, text

    async def metrics(self, request: Any) -> bytes:
        """The page for Prometheus."""
        answering, _ = await self._live.workers()
        request.setHeader(b"content-type", CONTENT_TYPE)
        consents = await self._records.consents()
        reading = read(self._premises, self._places, answering, consents)
        return page(self._premises.run.metrics, reading)

    def _make_alarms(self) -> Alarms | None:
        records, settings = self._records, self._settings.alarms
        store, runner, oauth = records.store, records.runner, records.oauth
        if not settings.wanted or store is None or runner is None or oauth is None:
            return None
        return make_alarms(
            settings,
            store,
            runner,
            oauth.watch,
            self._live,
            console=self._premises.url,
            reactor=self._reactor,
            emit=self._emit,
        )

    def _resource(self, parts: tuple[str, ...]) -> Any:
        app: Any = Klein()
        app.route("/healthz", methods=["GET"])(self.healthz)
        app.route("/readyz", methods=["GET"])(self.readyz)
        if "metrics" in parts:
            app.route("/metrics", methods=["GET"])(self.metrics)
        if "console" in parts:
            pages = console.resource(self._parts())
            app.route("/", branch=True)(lambda _: pages)
        return app.resource()

    def _parts(self) -> OfficeParts:
        return OfficeParts(
            settings=self._settings.model_dump(mode="json"),
            live=self._live,
            store=self._records.store,
            throttle=self._records.throttle,
            oauth=None if self._records.oauth is None else self._records.oauth.sign_in,
            url=self._premises.url,
            clock=self._reactor,
            now=time.time,
            emit=self._emit,
        )


def _certificate(settings: Settings) -> ServerCertificate | None:
    cert, key = settings.console.cert, settings.console.key
    return ServerCertificate(cert, key) if cert and key else None


def _told(request: Any, good: bool, text: str) -> bytes:
    request.setResponseCode(200 if good else 503)
    request.setHeader(b"content-type", b"text/plain; charset=utf-8")
    request.setHeader(b"cache-control", b"no-store")
    return f"{'ok' if good else 'not ok'}: {text}\n".encode()


async def _passes(check: Check) -> bool:
    try:
        await check()
    except Exception:  # noqa: BLE001 - whatever it is, it is not there
        return False
    return True
