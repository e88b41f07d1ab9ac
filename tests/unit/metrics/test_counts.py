"""Events → counters, with labels that nobody outside can multiply."""

import pkgutil
from dataclasses import fields, make_dataclass
from importlib import import_module

import pytest
from prometheus_client import CollectorRegistry, generate_latest

import gateway
from gateway.metrics.counts import Counts
from gateway.metrics.table import COUNTED, FAILURES, GAUGES, ROWS
from gateway.server.events import (
    Closed,
    Connected,
    InternalError,
    LoggedIn,
    LoginFailed,
    MessageFailed,
    Updated,
)
from gateway.telemetry import Event

OURS = "imaps://ours"


class Bench:
    def __init__(self):
        self.registry = CollectorRegistry()
        self.counts = Counts(OURS, self.registry)

    def __call__(self, event, **context):
        self.counts(event, context)

    def value(self, name, **labels):
        return self.registry.get_sample_value(f"pop3_gateway_{name}", labels)

    def labels(self, name, label):
        return {
            sample.labels[label]
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == f"pop3_gateway_{name}" and label in sample.labels
        }


@pytest.fixture
def bench():
    return Bench()


def closed(**more):
    usual = {field.name: "" for field in fields(Closed)}
    usual |= dict.fromkeys(("retrieved", "octets", "removed", "kept", "seconds"), 0)
    return Closed(**{**usual, "reason": "client", **more})


def test_a_session_is_counted_at_its_end(bench):
    bench(Connected(False))
    bench(LoggedIn(3, 900, 0.07, "TLSv1.1", ""))
    bench(Updated(2, 1))
    bench(closed(retrieved=3, octets=900, removed=2, kept=1, seconds=7.0))
    assert bench.value("connections_total") == 1
    assert bench.value("logins_total", result="ok", upstream=OURS) == 1
    assert bench.value("logins_by_tls_total", tls="TLSv1.1") == 1
    assert bench.value("login_seconds_bucket", le="0.05", upstream=OURS) == 0
    assert bench.value("login_seconds_bucket", le="0.1", upstream=OURS) == 1
    assert bench.value("messages_retrieved_total") == 3
    assert bench.value("octets_retrieved_total") == 900
    assert bench.value("messages_removed_total") == 2
    assert bench.value("messages_kept_total") == 1
    assert bench.value("session_seconds_sum") == 7
    assert bench.value("sessions_total", reason="client") == 1


def test_failures_are_counted_by_their_kind(bench):
    bench(LoginFailed("ann", "BadCredentials", "no", ""))
    bench(LoginFailed("ann", "Throttled", "no", "none"))
    bench(MessageFailed("Unavailable", "gone"))
    bench(InternalError("Traceback"))
    assert bench.value("logins_total", result="BadCredentials", upstream=OURS) == 1
    assert bench.value("logins_total", result="Throttled", upstream="none") == 1
    assert bench.value("message_failures_total", failure="Unavailable") == 1
    assert bench.value("internal_errors_total") == 1


def test_a_login_without_tls_has_a_name_too(bench):
    bench(LoggedIn(1, 1, 0, "", ""))
    assert bench.value("logins_by_tls_total", tls="none") == 1


def test_what_may_come_is_there_from_the_start(bench):
    """A rate needs the counter's first value, 0."""
    assert bench.value("connections_total") == 0
    assert bench.labels("logins_total", "result") == FAILURES | {"ok"}
    assert bench.value("message_failures_total", failure="BodyBroken") == 0


def test_no_label_grows_with_what_comes_from_outside(bench):
    for number in range(100):
        bench(LoginFailed(f"user{number}", f"New{number}", "x", f"imaps://{number}"))
        bench(LoggedIn(1, 1, 0, f"TLSv{number}", f"imaps://{number}"))
        bench(closed(reason=f"reason{number}"))
    assert bench.labels("logins_total", "result") == FAILURES | {"ok", "other"}
    assert len(bench.labels("logins_total", "upstream")) == 51
    assert "other" in bench.labels("logins_total", "upstream")
    assert "other" in bench.labels("logins_by_tls_total", "tls")
    assert len(bench.labels("logins_by_tls_total", "tls")) <= 6
    assert "other" in bench.labels("sessions_total", "reason")


def test_no_name_and_no_address_is_in_it(bench):
    who = {"user": "kim@secret.example", "peer": "192.0.2.77", "account": "kim"}
    bench(Connected(True), **who)
    bench(LoginFailed("kim@secret.example", "Unavailable", "says secret.example", ""), **who)
    bench(closed(user="kim@secret.example", account="kim", device="printer"), **who)
    text = generate_latest(bench.registry).decode()
    for word in ("kim", "secret", "192.0.2.77", "printer"):
        assert word not in text


def test_events_that_are_not_counted_are_let_by(bench):
    unheard = make_dataclass("Unheard", [], bases=(Event,), frozen=True)
    bench(unheard())


def events():
    for module in pkgutil.walk_packages(gateway.__path__, "gateway."):
        # The second is run by alembic alone.
        if module.name not in {"gateway.__main__", "gateway.accounts.store.migrations.env"}:
            import_module(module.name)
    return {
        event.__name__: event
        for event in Event.__subclasses__()
        if event.__module__.startswith("gateway.")
    }


def test_every_row_reads_an_event_that_is_there_and_fields_that_it_has():
    known = events()
    for row in ROWS:
        assert row.event in known, row.event
        names = {field.name for field in fields(known[row.event])}
        assert not row.amount or row.amount in names, row
        for label in row.labels.values():
            assert label.field in names, row


def test_every_row_gives_its_metric_all_labels():
    metrics = {metric.name: metric for metric in COUNTED}
    for row in ROWS:
        assert set(metrics[row.metric].labels) == {*row.labels, *row.fixed}, row


def test_every_metric_that_is_counted_has_a_row_and_one_name():
    assert {row.metric for row in ROWS} == {metric.name for metric in COUNTED}
    names = [metric.full_name for metric in (*COUNTED, *GAUGES)]
    assert len(names) == len(set(names))
