"""What a process remembers of its events for the office: troubles, and how upstreams are."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeVar

from gateway.admin.live import Trouble, UpstreamHealth
from gateway.server.events import NOWHERE, LoggedIn
from gateway.telemetry import Event

_Noted = TypeVar("_Noted")
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
        self._good: dict[str, float] = {}
        self._bad: dict[str, Trouble] = {}

    def __call__(self, event: Event, context: Mapping[str, object]) -> None:
        """Look at one event."""
        if isinstance(event, LoggedIn):
            self._note(self._good, event.upstream or self._upstream, self._now())
        elif event.level in {"warning", "error"}:
            self._trouble(event, context)

    @property
    def troubles(self) -> list[Trouble]:
        """The latest failures, the newest first."""
        return list(reversed(self._troubles))

    @property
    def upstreams(self) -> list[UpstreamHealth]:
        """Every upstream that was used; the first 50 that did well, and that did not."""
        return [self._health(name) for name in {**self._good, **self._bad}]

    def _trouble(self, event: Event, context: Mapping[str, object]) -> None:
        upstream = _text("upstream", event, context) or self._upstream
        trouble = Trouble(
            at=self._now(),
            event=event.name(),
            failure=_text("failure", event, {}),
            user=_text("user", event, context) or _text("account", event, context),
            peer=_text("peer", event, context),
            upstream="" if upstream == NOWHERE else upstream,
            detail=_detail(event),
        )
        self._troubles.append(trouble)
        if trouble.failure in _BAD and trouble.upstream:
            self._note(self._bad, trouble.upstream, trouble)

    def _health(self, name: str) -> UpstreamHealth:
        good, bad = self._good.get(name), self._bad.get(name)
        if bad is None:
            return UpstreamHealth(name, good, None, "", "")
        return UpstreamHealth(name, good, bad.at, bad.failure, bad.detail)

    @staticmethod
    def _note(known: dict[str, _Noted], upstream: str, what: _Noted) -> None:
        if upstream in known or len(known) < _UPSTREAMS:
            known[upstream] = what


def _detail(event: Event) -> str:
    """Why: in words, or the last line of a traceback, which is the kind of the error."""
    given = _text("detail", event, {}) or _text("cause", event, {})
    lines = str(getattr(event, "traceback", "")).splitlines()
    return given or (lines[-1] if lines else "")


def _text(name: str, event: Event, context: Mapping[str, object]) -> str:
    return str(getattr(event, name, "") or context.get(name) or "")
