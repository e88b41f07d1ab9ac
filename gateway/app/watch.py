"""What a process remembers of its events for the office: troubles, and how upstreams are."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace

from gateway.admin.live import Trouble, UpstreamHealth
from gateway.telemetry import Event

_TROUBLES = 200
_UPSTREAMS = 50
_BAD = frozenset({"Unavailable", "Misconfigured", "ConsentMissing", "EpochChanged"})
"""Failures that tell of an upstream; the others tell of a client."""


class Watch:
    """A sink that keeps the latest of what matters.

    Args:
        upstream: The one of the settings, for events that name none.
        now: Seconds since 1970.
    """

    def __init__(self, upstream: str, now: Callable[[], float]) -> None:
        self._upstream = upstream
        self._now = now
        self._troubles: deque[Trouble] = deque(maxlen=_TROUBLES)
        self._health: dict[str, UpstreamHealth] = {}

    def __call__(self, event: Event, context: Mapping[str, object]) -> None:
        """Look at one event."""
        if event.level in {"warning", "error"}:
            self._trouble(event, context)
        elif event.name() == "logged_in":
            health = self._health_of(event, context)
            if health is not None:
                self._note(replace(health, last_good=self._now()))

    @property
    def troubles(self) -> list[Trouble]:
        """The latest failures, the newest first."""
        return list(reversed(self._troubles))

    @property
    def upstreams(self) -> list[UpstreamHealth]:
        """Every upstream that was used; the first 50."""
        return list(self._health.values())

    def _trouble(self, event: Event, context: Mapping[str, object]) -> None:
        failure = _text("failure", event, context)
        detail = _text("detail", event, context) or _defect(event)
        self._troubles.append(
            Trouble(
                at=self._now(),
                event=event.name(),
                failure=failure,
                user=_text("user", event, context),
                peer=_text("peer", event, context),
                upstream=_text("upstream", event, context) or self._upstream,
                detail=detail,
            )
        )
        health = self._health_of(event, context) if failure in _BAD else None
        if health is not None:
            self._note(replace(health, last_bad=self._now(), failure=failure, detail=detail))

    def _health_of(self, event: Event, context: Mapping[str, object]) -> UpstreamHealth | None:
        name = _text("upstream", event, context) or self._upstream
        if name not in self._health and len(self._health) >= _UPSTREAMS:
            return None
        return self._health.get(name) or UpstreamHealth(name, None, None, "", "")

    def _note(self, health: UpstreamHealth) -> None:
        self._health[health.name] = health


def _text(name: str, event: Event, context: Mapping[str, object]) -> str:
    return str(getattr(event, name, "") or context.get(name) or "")


def _defect(event: Event) -> str:
    """The last line of a traceback: the kind of the error, without values."""
    lines = str(getattr(event, "traceback", "")).splitlines()
    return lines[-1] if lines else ""
