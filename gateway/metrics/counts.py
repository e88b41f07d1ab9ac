"""Events → counters of `prometheus_client`."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

from gateway.metrics.table import COUNTED, OTHER, PREFIX, ROWS, Label, Metric, Row
from gateway.telemetry import Event

_UPSTREAMS = 50
_Count = Callable[[Event], None]
_Value = Callable[[Event], str]


class Counts:
    """A sink that counts.

    It runs a few times for every session and never for a message, whose number and octets
    are in the event of the session's end.

    Args:
        upstream: The one of the settings, for events that name none.
        registry: Where the metrics are registered; new with every object.
    """

    def __init__(self, upstream: str, registry: CollectorRegistry | None = None) -> None:
        self._registry = registry or CollectorRegistry()
        self._upstream = upstream
        self._upstreams: set[str] = {upstream}
        self._made = {metric.name: _make(metric, self._registry) for metric in COUNTED}
        self._rows: dict[str, list[_Count]] = defaultdict(list)
        for row in ROWS:
            self._rows[row.event].append(self._counting(row))

    def __call__(self, event: Event, _context: Mapping[str, object]) -> None:
        """Count one event."""
        for count in self._rows.get(type(event).__name__, ()):
            count(event)

    def _counting(self, row: Row) -> _Count:
        metric: Any = self._made[row.metric]
        names = metric._labelnames  # noqa: SLF001 - its order; nothing public has it
        if not names:
            return _adding(row, metric)
        children = {
            values: _adding(row, metric.labels(*values))
            for values in self._foreseen(row, names)
        }
        sources = [self._source(row, name) for name in names]

        def count(event: Event) -> None:
            values = tuple([source(event) for source in sources])
            child = children.get(values)
            if child is None:
                child = children[values] = _adding(row, metric.labels(*values))
            child(event)

        return count

    def _foreseen(self, row: Row, names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """The labels there can be: a counter that is there from the start has a first step."""
        each = [
            [row.fixed[name]] if name in row.fixed else self._choices(row.labels[name])
            for name in names
        ]
        return product(*each)

    def _choices(self, label: Label) -> list[str]:
        return sorted(label.allowed or [self._upstream])

    def _source(self, row: Row, name: str) -> _Value:
        """Where the value of a label comes from."""
        if name in row.fixed:
            fixed = row.fixed[name]
            return lambda _: fixed
        label = row.labels[name]
        if label.allowed is None:
            return self._upstream_of
        field, allowed, empty = label.field, label.allowed, label.empty

        def value(event: Event) -> str:
            given = getattr(event, field) or empty
            return given if given in allowed else OTHER

        return value

    def _upstream_of(self, event: Event) -> str:
        name: str = getattr(event, "upstream", "") or self._upstream
        if name not in self._upstreams:
            if len(self._upstreams) >= _UPSTREAMS:
                return OTHER
            self._upstreams.add(name)
        return name


def _adding(row: Row, child: Any) -> _Count:
    amount = row.amount
    if isinstance(child, Histogram):
        return lambda event: child.observe(getattr(event, amount))
    if not amount:
        return lambda _: child.inc()

    def count(event: Event) -> None:
        value = getattr(event, amount)
        if value:
            child.inc(value)

    return count


def _make(metric: Metric, registry: CollectorRegistry) -> Counter | Histogram:
    name = f"{PREFIX}{metric.name}"
    if metric.kind == "histogram":
        return Histogram(
            name, metric.help, metric.labels, buckets=metric.buckets, registry=registry
        )
    return Counter(name, metric.help, metric.labels, registry=registry)
