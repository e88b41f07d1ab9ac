"""The program: one process, or several workers under a supervisor."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.python.failure import Failure as TwistedFailure

from gateway.app import reactor
from gateway.app.gateway import Gateway
from gateway.app.sockets import Socket, open_all
from gateway.config import ConfigError, Settings
from gateway.errors import Failure
from gateway.logs import sink, take_over_twisted
from gateway.server.limits import Places
from gateway.supervisor import Post, Supervisor
from gateway.telemetry import Emitter


def share_of(settings: Settings, workers: int) -> Settings:
    """What one worker may have of what the settings give to all of them together."""
    upstream = settings.upstream
    warm, imap = upstream.warm, upstream.imap
    connections = -(-warm.connections // workers)
    warm = warm.model_copy(update={"connections": connections})
    imap = imap.model_copy(update={"prefetch_total": imap.prefetch_total // workers})
    upstream = upstream.model_copy(update={"warm": warm, "imap": imap})
    return settings.model_copy(update={"upstream": upstream})


def run(settings: Settings, again: Callable[[], Settings] | None = None) -> int:
    """Serve until SIGTERM or SIGINT.

    Prints one line on standard output when every listener accepts in every worker.

    Args:
        settings: All of them.
        again: Reads them anew after SIGHUP (raises ConfigError); None if they cannot be.

    Returns:
        The exit status.

    Raises:
        Misconfigured: What the settings name cannot be used.
    """
    workers = settings.workers or len(os.sched_getaffinity(0))
    sockets = open_all(settings.listen)
    places = Places(settings.limits, workers)
    if workers == 1:
        return _Worker(settings, sockets, places, None, again).run()

    share = share_of(settings, workers)

    def work(post: Post) -> int:
        try:
            return _Worker(share, sockets, places.seat(post.number), post, again).run()
        except (Failure, OSError) as error:
            _complain(f"cannot serve: {error}")
            return 1

    def close() -> None:
        for each in sockets:
            each.opened.close()

    return Supervisor(workers, work, places.clear, close).run()


class _Worker:
    """One process: a reactor's life around a gateway."""

    def __init__(
        self,
        settings: Settings,
        sockets: list[Socket],
        places: Places,
        post: Post | None,
        again: Callable[[], Settings] | None,
    ) -> None:
        reactor.install()
        from twisted.internet import reactor as installed  # noqa: PLC0415 - installs it

        self._reactor: Any = installed
        take_over_twisted()
        emit = Emitter(sink(settings.log.level, settings.log.format))
        if post is not None:
            emit = emit.bind(worker=post.number)
        self._sockets = sockets
        self._post = post
        self._again = again
        self._status = 0
        self._gateway = Gateway(settings, self._reactor, emit, places)

    def run(self) -> int:
        """Run the reactor to its end; return the exit status."""
        self._reactor.callWhenRunning(self._start)
        self._reactor.addSystemEventTrigger("before", "shutdown", self._stop)
        signal.signal(signal.SIGHUP, lambda *_: self._reactor.callFromThread(self._reload))
        self._reactor.run()
        return self._status

    def _start(self) -> None:
        if self._post is not None:
            self._reactor.addReader(_Parent(self._post.life, self._reactor))
        started = Deferred.fromCoroutine(self._gateway.start(self._sockets))
        started.addCallbacks(self._ready, self._failed)

    def _ready(self, line: str) -> None:
        # The listeners have their own; these would go on queueing clients while it drains.
        for each in self._sockets:
            each.opened.close()
        if self._post is None:
            print(line, flush=True)  # noqa: T201
            return
        with os.fdopen(self._post.ready, "w", encoding="utf-8") as report:
            report.write(f"{line}\n")

    def _failed(self, reason: TwistedFailure) -> None:
        self._status = 1
        _complain(reason.value)
        self._reactor.stop()

    def _stop(self) -> "Deferred[None]":
        return Deferred.fromCoroutine(self._gateway.stop())

    def _reload(self) -> None:
        try:
            self._gateway.reload(self._again() if self._again is not None else None)
        except (Failure, ConfigError) as error:
            _complain(error)


class _Parent:
    """Sees the supervisor's end; nobody would restart or stop this worker any more."""

    def __init__(self, life: int, reactor: Any) -> None:
        self._life = life
        self._reactor = reactor

    def fileno(self) -> int:
        """For the reactor."""
        return self._life

    def doRead(self) -> None:  # noqa: N802 - Twisted's name
        """The pipe's other end is closed; some reactors tell it so."""
        self._reactor.removeReader(self)
        self._stop()

    def connectionLost(self, _reason: object) -> None:
        """The same, told by epoll; and the reactor's own end."""
        self._stop()

    def _stop(self) -> None:
        with contextlib.suppress(ReactorNotRunning):
            self._reactor.stop()

    def logPrefix(self) -> str:  # noqa: N802 - Twisted's name
        """For the reactor."""
        return "supervisor"


def _complain(error: object) -> None:
    print(f"pop3-gateway: {error}", file=sys.stderr, flush=True)  # noqa: T201
