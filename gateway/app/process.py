"""One process: a reactor's life around what it serves."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.python.failure import Failure as TwistedFailure

from gateway.app import reactor
from gateway.config import ConfigError, Settings
from gateway.errors import Failure
from gateway.logs import take_over_twisted

Again = Callable[[], Settings]


class Service(Protocol):
    """What a process serves: mail, or the office."""

    async def start(self) -> str:
        """Begin; the result is the line that tells where."""

    async def stop(self) -> None:
        """Finish what is under way, and end."""

    def reload(self, settings: Settings | None) -> None:
        """Read again what can change, and of new settings what can change in them.

        Raises:
            Misconfigured: It cannot be used; the old stays.
        """


class Process:
    """Runs one service in this process' reactor.

    Args:
        build: Makes the service, given the reactor.
        ready: Takes the line that tells where it serves.
        life: Readable, at its end, when the supervisor is gone; None without one.
        again: Reads the settings anew after SIGHUP (raises ConfigError); None if nobody can.
        heeds_interrupt: Whether SIGINT (Ctrl-C, which goes to every process of a terminal)
            ends it.
    """

    def __init__(
        self,
        build: Callable[[Any], Service],
        ready: Callable[[str], None],
        life: int | None,
        *,
        again: Again | None = None,
        heeds_interrupt: bool = True,
    ) -> None:
        reactor.install()
        from twisted.internet import reactor as installed  # noqa: PLC0415 - installs it

        self._reactor: Any = installed
        take_over_twisted()
        self._tell_ready = ready
        self._life = life
        self._again = again
        self._heeds_interrupt = heeds_interrupt
        self._status = 0
        self._service = build(self._reactor)

    def run(self) -> int:
        """Run the reactor to its end; return the exit status."""
        self._reactor.callWhenRunning(self._start)
        self._reactor.addSystemEventTrigger("before", "shutdown", self._stop)
        signal.signal(signal.SIGHUP, lambda *_: self._reactor.callFromThread(self._reload))
        self._reactor.run()
        return self._status

    def _start(self) -> None:
        # Not Twisted's, which makes an error of the second signal.
        signal.signal(signal.SIGTERM, lambda *_: self._reactor.callFromThread(self._end))
        interrupt = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGINT, interrupt if self._heeds_interrupt else signal.SIG_IGN)
        if self._life is not None:
            self._reactor.addReader(_Parent(self._life, self._reactor))
        started = Deferred.fromCoroutine(self._service.start())
        started.addCallbacks(self._tell_ready, self._failed)

    def _failed(self, reason: TwistedFailure) -> None:
        self._status = 1
        complain(reason.value)
        self._reactor.stop()

    def _end(self) -> None:
        with contextlib.suppress(ReactorNotRunning):
            self._reactor.stop()

    def _stop(self) -> "Deferred[None]":
        return Deferred.fromCoroutine(self._service.stop())

    def _reload(self) -> None:
        """A mistake in the settings must not keep a renewed certificate from being shown."""
        try:
            self._service.reload(self._settings_again())
        except Failure as failure:
            complain(failure)

    def _settings_again(self) -> Settings | None:
        try:
            return self._again() if self._again is not None else None
        except ConfigError as error:
            complain(error)
            return None


class _Parent:
    """Sees the supervisor's end; nobody would restart or stop this process any more."""

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


def print_ready(line: str) -> None:
    """Tell whoever started the program."""
    print(line, flush=True)  # noqa: T201


def report_ready(descriptor: int) -> Callable[[str], None]:
    """Tell the supervisor, by the pipe that it gave."""

    def report(line: str) -> None:
        with os.fdopen(descriptor, "w", encoding="utf-8") as pipe:
            pipe.write(f"{line}\n")

    return report


def complain(error: object) -> None:
    """Tell the administrator, on standard error."""
    print(f"pop3-gateway: {error}", file=sys.stderr, flush=True)  # noqa: T201
