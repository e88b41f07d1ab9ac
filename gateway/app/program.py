"""The program: one process, or several workers under a supervisor, perhaps with an office."""

import os
from collections.abc import Callable
from typing import Any

from gateway.app.premises import Premises
from gateway.app.process import Again, Process, Service, complain, print_ready, report_ready
from gateway.app.sockets import Socket, open_all
from gateway.app.worker import Worker
from gateway.config import Settings
from gateway.errors import Failure
from gateway.server.limits import Places
from gateway.supervisor import Office as OfficeWork
from gateway.supervisor import Post, Supervisor


def share_of(settings: Settings, workers: int) -> Settings:
    """What one worker may have of what the settings give to all of them together."""
    upstream = settings.upstream
    warm, imap = upstream.warm, upstream.imap
    connections = -(-warm.connections // workers)
    warm = warm.model_copy(update={"connections": connections})
    imap = imap.model_copy(update={"prefetch_total": imap.prefetch_total // workers})
    upstream = upstream.model_copy(update={"warm": warm, "imap": imap})
    return settings.model_copy(update={"upstream": upstream})


def run(settings: Settings, again: Again | None = None) -> int:
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
    premises = Premises.of(settings, workers)
    if workers == 1 and premises is None:
        return Process(
            lambda reactor: Worker(settings, reactor, sockets, places),
            print_ready,
            None,
            again=again,
        ).run()

    def lost(number: int) -> None:
        places.clear(number)
        if premises is not None:
            premises.count_restart()

    def close() -> None:
        for each in sockets:
            each.opened.close()
        if premises is not None:
            premises.close()

    share = share_of(settings, workers)

    def work(post: Post) -> int:
        def build(reactor: Any) -> Worker:
            seat = places.seat(post.number)
            return Worker(share, reactor, sockets, seat, number=post.number, premises=premises)

        return _run(lambda: Process(build, report_ready(post.ready), post.life, again=again))

    office = None if premises is None else _office(settings, sockets, places, premises)
    return Supervisor(workers, work, lost, close, office).run()


def _office(
    settings: Settings, sockets: list[Socket], places: Places, premises: Premises
) -> OfficeWork:
    """What the process of the office does."""

    def work(life: int) -> int:
        def build(reactor: Any) -> Service:
            # Late, so that the workers, which have no console, do not have its code.
            from gateway.app.office import Office  # noqa: PLC0415

            return Office(settings, reactor, sockets, places, premises)

        return _run(lambda: Process(build, lambda _: None, life, heeds_interrupt=False))

    return work


def _run(make: Callable[[], Process]) -> int:
    try:
        return make().run()
    except (Failure, OSError) as error:
        complain(f"cannot serve: {error}")
        return 1
