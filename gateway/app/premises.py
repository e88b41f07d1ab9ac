"""What the office and the workers of one gateway share, made before there are processes."""

import mmap
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.app.run_directory import RunDirectory
from gateway.app.sockets import Socket, open_socket
from gateway.config import ListenAddress, Settings, parse_listen

_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - looked for, not bound to


@dataclass(frozen=True, slots=True)
class Premises:
    """Only where there is an office.

    Attributes:
        run: The directory of sockets, counters and samples.
        sockets: Where the office listens, by what is there: `console`, `metrics` or both.
        url: How browsers reach the console; empty without one.
        ready: What the ready line says of it.
        workers: How many there should be.
        restarts: One number: workers that were replaced.
        started: When, in seconds since 1970.
    """

    run: RunDirectory
    sockets: Mapping[tuple[str, ...], Socket]
    url: str
    ready: str
    workers: int
    restarts: memoryview
    started: float

    @classmethod
    def of(cls, settings: Settings, workers: int) -> "Premises | None":
        """The premises of these settings; None without an office.

        Raises:
            Misconfigured: The address is taken, or the directory cannot be used.
        """
        if not settings.console.listen and not settings.metrics.listen:
            return None
        from gateway.metrics import shared  # noqa: PLC0415 - others do without the library

        run = RunDirectory(settings.state.dir)
        shared.prepare(run.metrics, [*map(worker_name, range(workers)), "office"])
        sockets = _sockets(settings)
        url = _console_url(settings, sockets)
        return cls(
            run=run,
            sockets=sockets,
            url=url,
            ready=_ready(url, sockets),
            workers=workers,
            restarts=memoryview(mmap.mmap(-1, 8)).cast("Q"),
            started=time.time(),
        )

    def count_restart(self) -> None:
        """A worker was replaced."""
        self.restarts[0] += 1

    def close(self) -> None:
        """Close this process' copies of the sockets."""
        for each in self.sockets.values():
            each.opened.close()


def worker_name(number: int) -> str:
    """What a worker's files are called."""
    return f"worker-{number}"


def _sockets(settings: Settings) -> Mapping[tuple[str, ...], Socket]:
    """One for both if they have one address."""
    console, metrics = settings.console.listen, settings.metrics.listen
    tls = settings.console.cert is not None
    found: dict[tuple[str, ...], Socket] = {}
    both = bool(console and metrics) and parse_listen(console) == parse_listen(metrics)
    if console:
        parts = ("console", "metrics") if both else ("console",)
        found[parts] = Socket(console, open_socket(console), tls)
    if metrics and not both:
        found["metrics",] = Socket(metrics, open_socket(metrics), tls=False)
    return MappingProxyType(found)


def _console_url(settings: Settings, sockets: Mapping[tuple[str, ...], Socket]) -> str:
    for parts, each in sockets.items():
        if "console" in parts:
            scheme = "https" if each.tls else "http"
            given = settings.console.url.rstrip("/")
            return given or f"{scheme}://{_place(each.opened, each.name)}"
    return ""


def _ready(url: str, sockets: Mapping[tuple[str, ...], Socket]) -> str:
    told = f", console {url}" if url else ""
    for parts, each in sockets.items():
        if parts == ("metrics",):
            told += f", metrics http://{_place(each.opened)}/metrics"
    return told


def _place(opened: socket.socket, name: str = "") -> str:
    """Host and port for a URL; every interface is this machine by its name."""
    host, port = opened.getsockname()[:2]
    if name and host in _EVERYWHERE and isinstance(parse_listen(name), ListenAddress):
        host = socket.gethostname()
    return str(ListenAddress(host, port))
