"""The parent of several worker processes: starts, watches, restarts and stops them.

It forks without `exec` and before anything is opened, so that the workers share the pages
of the code and nothing else but the listening sockets. It holds no connection itself and
does nothing but wait.
"""

import contextlib
import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

_RESTART_SECONDS = 1.0
_STOP = (signal.SIGTERM, signal.SIGINT)
_SIGNALS = (*_STOP, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Post:
    """What a worker knows of its parent.

    Attributes:
        number: Which worker it is, from 0.
        ready: Where to write the ready line to, once.
        life: Readable, at its end, when the parent is gone.
    """

    number: int
    ready: int
    life: int


Work = Callable[[Post], int]


class Supervisor:
    """Runs workers until told to stop.

    Args:
        count: How many.
        work: What a worker does; its result is the exit status.
        lost: Called in the parent with the number of a worker that ended unasked.
        stopping: Called in the parent when it is told to stop: to close what it holds open
            for workers to come, or clients would queue up at a socket that nobody serves.
    """

    def __init__(
        self,
        count: int,
        work: Work,
        lost: Callable[[int], None],
        stopping: Callable[[], None] = lambda: None,
    ) -> None:
        self._count = count
        self._work = work
        self._lost = lost
        self._on_stopping = stopping
        self._workers: dict[int, int] = {}
        self._stopping = False
        self._life_read, self._life_write = os.pipe()

    def run(self) -> int:
        """Start all, print one ready line, and wait for the end.

        Returns:
            The exit status: 0 after a signal to stop, 1 if a worker could not start.
        """
        gc.freeze()  # the collector would write to every shared page
        for signum in _SIGNALS:
            signal.signal(signum, self._forward)
        try:
            return self._run()
        finally:
            for signum in _SIGNALS:  # one more would only spoil the exit status
                signal.signal(signum, signal.SIG_IGN)

    def _run(self) -> int:
        line = ""
        for number in range(self._count):
            line = self._start(number)
            if not line:
                return self._stop_after_failure()
        print(line, flush=True)  # noqa: T201
        while self._workers:
            self._wait()
        return 0

    def _start(self, number: int) -> str:
        """Fork one worker; return its ready line, or nothing if it ended before."""
        ready, writable = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        # Blocked, or a signal between two lines would miss the worker, or make it forward.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid == 0:
            self._become_worker(number, ready, writable)
        self._workers[pid] = number
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        if self._stopping:
            os.kill(pid, signal.SIGTERM)
        os.close(writable)
        with os.fdopen(ready, "r", encoding="utf-8") as report:
            return report.readline().strip()

    def _become_worker(self, number: int, ready: int, writable: int) -> None:
        """Never returns."""
        status = 1
        try:
            os.close(ready)
            os.close(self._life_write)
            for signum in _STOP:
                signal.signal(signum, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what it reads is fresh
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            status = self._work(Post(number, writable, self._life_read))
        except Exception:  # noqa: BLE001 - a defect; the parent restarts the worker
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _wait(self) -> None:
        """Wait for a worker to end; start another in its place."""
        pid, status = os.wait()
        number = self._workers.pop(pid, None)
        if number is None or self._stopping:
            return
        print(  # noqa: T201
            f"pop3-gateway: worker {number} {_how(status)}; starting another",
            file=sys.stderr,
            flush=True,
        )
        self._lost(number)
        time.sleep(_RESTART_SECONDS)
        if not self._stopping:
            self._start(number)

    def _forward(self, signum: int, _frame: FrameType | None) -> None:
        """Pass a signal on to all workers."""
        if signum in _STOP:
            self._stopping, signum = True, signal.SIGTERM
            self._on_stopping()
        for pid in self._workers:
            with contextlib.suppress(ProcessLookupError):  # waited for in this moment
                os.kill(pid, signum)

    def _stop_after_failure(self) -> int:
        """The worker has told why, unless it was told to go; the others are told now."""
        status = 0 if self._stopping else 1
        self._forward(signal.SIGTERM, None)
        while self._workers:
            self._wait()
        return status


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with status {code}"
