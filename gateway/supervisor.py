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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

_RESTART_SECONDS = 1.0
_OFFICE_SECONDS = 5.0
"""How long the office may take to end, when the last worker has."""
_LOOK_SECONDS = 0.02
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
Office = Callable[[int], int]
"""What the office does, given `Post.life`; its result is the exit status."""


class Supervisor:
    """Runs workers until told to stop.

    Args:
        count: How many.
        work: What a worker does; its result is the exit status.
        lost: Called in the parent with the number of a worker that ended unasked.
        stopping: Called in the parent when it is told to stop: to close what it holds open
            for workers to come, or clients would queue up at a socket that nobody serves.
        office: A process beside the workers. Nobody waits for it: it may fail to start, hang
            or die again and again, and the workers go on. It is told to stop after them, so
            that one can look on while they drain.
    """

    def __init__(
        self,
        count: int,
        work: Work,
        lost: Callable[[int], None],
        stopping: Callable[[], None] = lambda: None,
        office: Office | None = None,
    ) -> None:
        self._count = count
        self._work = work
        self._lost = lost
        self._on_stopping = stopping
        self._office = office
        self._office_pid = 0
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
        self._start_office()
        print(line, flush=True)  # noqa: T201
        while self._workers:
            self._wait()
        self._end_office()
        return 0

    def _start(self, number: int) -> str:
        """Fork one worker; return its ready line, or nothing if it ended before."""
        ready, writable = os.pipe()

        def work() -> int:
            os.close(ready)
            return self._work(Post(number, writable, self._life_read))

        with _signals_blocked():
            pid = self._fork("pop3-worker", work)
            self._workers[pid] = number
        if self._stopping:
            os.kill(pid, signal.SIGTERM)
        os.close(writable)
        with os.fdopen(ready, "r", encoding="utf-8") as report:
            return report.readline().strip()

    def _start_office(self, wait: float = 0) -> None:
        """Fork the office, if there is one; the child itself waits before it begins."""
        office = self._office
        if office is None or self._stopping:
            return

        def work() -> int:
            time.sleep(wait)
            return office(self._life_read)

        with _signals_blocked():
            self._office_pid = self._fork("pop3-office", work)

    def _fork(self, name: str, work: Callable[[], int]) -> int:
        """Fork a process that does this work, and has this name in `top`; return its number."""
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(OSError):
                Path("/proc/self/comm").write_text(name, encoding="ascii")
            self._become(work)
        return pid

    def _become(self, work: Callable[[], int]) -> None:
        """Never returns."""
        status = 1
        try:
            os.close(self._life_write)
            for signum in _STOP:
                signal.signal(signum, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what it reads is fresh
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            status = work()
        except Exception:  # noqa: BLE001 - a defect; the parent starts another
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _wait(self) -> None:
        """Wait for a worker to end; start another in its place."""
        pid, status = os.wait()
        if pid == self._office_pid:
            self._office_ended(status)
            return
        number = self._workers.pop(pid, None)
        if number is None or self._stopping:
            return
        _tell(f"worker {number} {_how(status)}")
        self._lost(number)
        time.sleep(_RESTART_SECONDS)
        if not self._stopping:
            self._start(number)

    def _office_ended(self, status: int) -> None:
        self._office_pid = 0
        if not self._stopping:
            _tell(f"the office {_how(status)}")
            self._start_office(_RESTART_SECONDS)

    def _end_office(self) -> None:
        """The workers are gone; nobody waits long for the office."""
        if not self._office_pid:
            return
        _send(signal.SIGTERM, self._office_pid)
        deadline = time.monotonic() + _OFFICE_SECONDS
        while not os.waitpid(self._office_pid, os.WNOHANG)[0]:
            if time.monotonic() > deadline:
                _send(signal.SIGKILL, self._office_pid)
            time.sleep(_LOOK_SECONDS)

    def _forward(self, signum: int, _frame: FrameType | None) -> None:
        """Pass a signal on to all workers; the office is told to stop when they are gone."""
        if signum in _STOP:
            self._stopping, signum = True, signal.SIGTERM
            self._on_stopping()
        elif self._office_pid:
            _send(signum, self._office_pid)
        for pid in self._workers:
            _send(signum, pid)

    def _stop_after_failure(self) -> int:
        """The worker has told why, unless it was told to go; the others are told now."""
        status = 0 if self._stopping else 1
        self._forward(signal.SIGTERM, None)
        while self._workers:
            self._wait()
        return status


@contextlib.contextmanager
def _signals_blocked() -> Iterator[None]:
    """Or a signal between two lines would miss a new process, or make that forward it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def _send(signum: int, pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # waited for in this moment
        os.kill(pid, signum)


def _tell(what: str) -> None:
    print(f"pop3-gateway: {what}; starting another", file=sys.stderr, flush=True)  # noqa: T201


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with status {code}"
