"""What the office sees of the gateway now: the gauges of `/metrics`, the counts of plots."""

from collections.abc import Mapping

from gateway import __version__
from gateway.app.premises import Premises
from gateway.app.records import Consents
from gateway.metrics.page import Reading
from gateway.metrics.shared import totals
from gateway.metrics.table import PREFIX
from gateway.server.limits import Places


def read(premises: Premises, places: Places, answering: int, consents: Consents) -> Reading:
    """The gauges.

    Args:
        premises: Shared with the workers.
        places: Has the connections of each worker.
        answering: Workers that answered just now.
        consents: Of mailbox owners.
    """
    connections: dict[tuple[str, ...], float] = {
        (str(number),): float(places.of(number)) for number in range(premises.workers)
    }
    return Reading(
        {
            "sessions_now": connections,
            "workers": {
                ("answering",): float(answering),
                ("expected",): float(premises.workers),
            },
            "worker_restarts": {(): float(premises.restarts[0])},
            "info": {(__version__,): 1.0},
            "start_time_seconds": {(): premises.started},
            "consent_days_left": {(name,): days for name, days in consents.days.items()},
            "consents_missing": {(): float(consents.missing)},
        }
    )


def sampled(premises: Premises) -> Mapping[str, float]:
    """The counters of `SAMPLED`."""
    counted = totals(premises.run.metrics)

    def of(name: str) -> float:
        return counted.get((f"{PREFIX}{name}_total", ""), 0)

    logins = {
        result: value
        for (name, result), value in counted.items()
        if name == f"{PREFIX}logins_total"
    }
    opened = logins.pop("ok", 0)
    return {
        "logins": opened,
        "refused": sum(logins.values()),
        "messages": of("messages_retrieved"),
        "octets": of("octets_retrieved"),
        "removed": of("messages_removed"),
    }
