"""Events → counters of `prometheus_client`."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

from gateway.metrics.table import COUNTED, OTHER, PREFIX, ROWS, Label, Metric, Row
from gateway.telemetry import Event

_UPSTREAMS = 50
_Count = Callable[[Event, Mapping[str, object]], None]


class Counts:
    """A sink that counts.

    Args:
        upstream: The one of the settings, for events that name none.
        registry: Where the metrics are registered; new with every object.
    """

    def __init__(self, upstream: str, registry: CollectorRegistry | None = None) -> None:
        self._registry = registry or CollectorRegistry()
        self._default = {"upstream": upstream}
        self._upstreams: set[str] = {upstream}
        self._made = {metric.name: _make(metric, self._registry) for metric in COUNTED}
        self._rows: dict[str, list[_Count]] = defaultdict(list)
        for row in ROWS:
            self._rows[row.event].append(self._counting(row))

    def __call__(self, event: Event, context: Mapping[str, object]) -> None:
        """Count one event."""
        for count in self._rows.get(type(event).__name__, ()):
            count(event, context)

    def _counting(self, row: Row) -> _Count:
        metric: Any = self._made[row.metric]
        names = metric._labelnames  # noqa: SLF001 - its order; nothing public has it
        children = {
            values: metric.labels(*values) if names else metric
            for values in self._foreseen(row, names)
        }

        def count(event: Event, context: Mapping[str, object]) -> None:
            values = tuple(
                row.fixed.get(name) or self._value(row.labels[name], event, context)
                for name in names
            )
            child = children.get(values)
            if child is None:
                child = children[values] = metric.labels(*values) if names else metric
            amount = getattr(event, row.amount) if row.amount else 1
            child.observe(amount) if isinstance(metric, Histogram) else child.inc(amount)

        return count

    def _foreseen(self, row: Row, names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """The labels there can be: a counter that is there from the start has a first step."""
        each = [
            [row.fixed[name]] if name in row.fixed else self._choices(row.labels[name])
            for name in names
        ]
        return product(*each)

    def _choices(self, label: Label) -> list[str]:
        return sorted(label.allowed or [self._default[label.field]])

    def _value(self, label: Label, event: Event, context: Mapping[str, object]) -> str:
        given = getattr(event, label.field, "") or context.get(label.field)
        value = str(given or self._default.get(label.field, label.empty))
        if label.allowed is not None:
            return value if value in label.allowed else OTHER
        if value not in self._upstreams and len(self._upstreams) >= _UPSTREAMS:
            return OTHER
        self._upstreams.add(value)
        return value


def _make(metric: Metric, registry: CollectorRegistry) -> Counter | Histogram:
    name = f"{PREFIX}{metric.name}"
    if metric.kind == "histogram":
        return Histogram(
            name, metric.help, metric.labels, buckets=metric.buckets, registry=registry
        )
    return Counter(name, metric.help, metric.labels, registry=registry)
