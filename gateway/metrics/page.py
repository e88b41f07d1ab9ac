"""The page `/metrics`: what all processes counted, and what the office sees now."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from gateway.metrics.shared import collector
from gateway.metrics.table import GAUGES, PREFIX, Metric

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
Values = Mapping[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the office sees: for each metric of `GAUGES` its values by the labels'."""

    values: Mapping[str, Values] = field(default_factory=lambda: MappingProxyType({}))


class _Gauges(Collector):
    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        for metric in GAUGES:
            yield _family(metric, self._reading.values.get(metric.name, {}))


def _family(metric: Metric, values: Values) -> GaugeMetricFamily | CounterMetricFamily:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(f"{PREFIX}{metric.name}", metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def page(directory: Path, reading: Reading) -> bytes:
    """The text of the page (exposition format 0.0.4)."""
    registry = CollectorRegistry()
    shared: Iterable[Collector] = (collector(directory), _Gauges(reading))
    for each in shared:
        registry.register(each)
    return generate_latest(registry)
