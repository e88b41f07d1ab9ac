"""One stream of events; where it goes is decided by whoever builds the program.

Every event is a frozen dataclass declared beside the code that emits it. Fields are
plain values; a secret is never a field. Upstream texts may be.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import ClassVar, Literal

Level = Literal["debug", "info", "warning", "error"]
Sink = Callable[["Event", Mapping[str, object]], None]


@cache
def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, worth a log line or a count."""

    level: ClassVar[Level] = "info"

    @classmethod
    def name(cls) -> str:
        """The event's name in the log: the class name in snake_case."""
        return _snake_case(cls.__name__)

    def values(self) -> dict[str, object]:
        """The event's fields by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


class Emitter:
    """Hands events to a sink together with a context (session number, address, user)."""

    __slots__ = ("_context", "_sink")

    def __init__(self, sink: Sink, context: Mapping[str, object] | None = None) -> None:
        self._sink = sink
        self._context = dict(context or {})

    def __call__(self, event: Event) -> None:
        """Pass one event on."""
        self._sink(event, self._context)

    def bind(self, **context: object) -> "Emitter":
        """An emitter that adds `context` to all that it passes on."""
        return Emitter(self._sink, {**self._context, **context})


def printable(octets: bytes, limit: int = 200) -> str:
    r"""Text for the log from octets off the network: one line, bounded, `\x` for the odd."""
    text = octets[:limit].decode("utf-8", "backslashreplace")
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    return shown if len(octets) <= limit else shown + "…"


@dataclass(frozen=True, slots=True)
class SinkFailed(Event):
    """Something that only looks at events has a defect; told once, and events go on."""

    level: ClassVar[Level] = "error"
    detail: str


def fan_out(first: Sink, *others: Sink) -> Sink:
    """A sink that hands events to all of these.

    What goes wrong in one of the `others` reaches nobody who emits: mail does not depend on
    its being counted. The first one, the log, is told of that once.
    """
    failed: set[int] = set()

    def write(event: Event, context: Mapping[str, object]) -> None:
        first(event, context)
        for number, other in enumerate(others):
            try:
                other(event, context)
            except Exception as error:  # noqa: BLE001 - see above
                if number not in failed:
                    failed.add(number)
                    first(SinkFailed(type(error).__name__), context)

    return write if others else first
