"""What the console is built of: everything that it may use, as values and ports."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.admin.live import Live
from gateway.telemetry import Emitter


@dataclass(frozen=True, slots=True)
class OfficeParts:
    """Handed to `gateway.admin.console.resource`.

    Attributes:
        settings: The whole tree of settings as plain values (`model_dump(mode="json")`):
            secrets in it are stars.
        live: What the workers are doing.
        store: The accounts' store; None without one.
        throttle: The store of locks; None without one.
        oauth: The service for signing in at providers; None without one.
        url: How browsers reach the console, without a slash at the end.
        clock: The reactor: `callLater` and a `seconds()` that never goes back.
        now: Seconds since 1970.
        emit: Takes the events.
    """

    settings: dict[str, Any]
    live: Live
    store: Any
    throttle: Any
    oauth: Any
    url: str
    clock: Any
    now: Callable[[], float]
    emit: Emitter
