"""Every metric there is, and which event counts for it.

A label never takes what somebody outside can choose: no names of users, no addresses, no
texts of an upstream. Each has a closed set of values, and anything else is `other`; that of
`upstream` is what the settings and the directory name, the first fifty of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from gateway import errors

PREFIX = "pop3_gateway_"
OTHER = "other"
FAILURES = frozenset(
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.Failure)
)
TLS = frozenset({"none", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"})
REASONS = frozenset({"client", "timeout", "stalled", "shutdown", "aborted", "ended"})
KINDS = frozenset({"account", "address"})

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LONG = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 600.0, 1800.0, 3600.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: Without the prefix, and without `_total`, which counters get.
        kind: What Prometheus calls its type.
        help: For people.
        labels: Their names.
        buckets: Upper ends of a histogram's buckets.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        """As Prometheus has it."""
        return f"{PREFIX}{self.name}{'_total' if self.kind == 'counter' else ''}"


@dataclass(frozen=True, slots=True)
class Label:
    """Where the value of a label comes from.

    Attributes:
        field: Of the event.
        allowed: The values there can be; None for the first fifty.
        empty: Stands for no value.
    """

    field: str
    allowed: frozenset[str] | None
    empty: str = OTHER


@dataclass(frozen=True, slots=True)
class Row:
    """An event that counts for a metric.

    Attributes:
        event: The name of its class.
        metric: The metric's name.
        amount: The field that is added or observed; empty for 1.
        labels: The sources of labels.
        fixed: Labels that this event always has.
    """

    event: str
    metric: str
    amount: str = ""
    labels: Mapping[str, Label] = field(default_factory=lambda: MappingProxyType({}))
    fixed: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


COUNTED = (
    Metric("connections", "counter", "Connections accepted."),
    Metric("connections_refused", "counter", "Connections refused: one too many."),
    Metric(
        "logins",
        "counter",
        "Logins by result: ok, or the failure (BadCredentials, Unavailable and so on).",
        ("result", "upstream"),
    ),
    Metric("logins_by_tls", "counter", "Maildrops opened, by the version of TLS.", ("tls",)),
    Metric(
        "login_seconds",
        "histogram",
        "Time from the client's password to the open maildrop.",
        ("upstream",),
        _SECONDS,
    ),
    Metric("sessions", "counter", "Connections that ended, by reason.", ("reason",)),
    Metric("session_seconds", "histogram", "Length of connections.", (), _LONG),
    Metric("messages_retrieved", "counter", "Messages sent whole to clients."),
    Metric("octets_retrieved", "counter", "Octets of them, and of TOP."),
    Metric("messages_removed", "counter", "Messages removed in UPDATE."),
    Metric("messages_kept", "counter", "Marked messages that UPDATE did not remove."),
    Metric("message_failures", "counter", "Messages that broke off.", ("failure",)),
    Metric("update_failures", "counter", "UPDATEs that failed.", ("failure",)),
    Metric("interrupted_updates", "counter", "UPDATEs of a crash, ended at the next login."),
    Metric("upstream_lost", "counter", "Upstreams that hung up in a session."),
    Metric("internal_errors", "counter", "Defects of the gateway."),
    Metric("outside_fence", "counter", "Connections from outside a listener's fence."),
    Metric("lockouts", "counter", "Locks that began, of accounts and of addresses.", ("kind",)),
    Metric("token_refreshes", "counter", "OAuth2 tokens refreshed, by result.", ("result",)),
)

GAUGES = (
    Metric("sessions_now", "gauge", "Connections now.", ("worker",)),
    Metric("workers", "gauge", "Workers that answer, and that there should be.", ("state",)),
    Metric("worker_restarts", "counter", "Workers that ended and were replaced."),
    Metric("info", "gauge", "Always 1; the version is a label.", ("version",)),
    Metric("start_time_seconds", "gauge", "When the gateway started, since 1970."),
    Metric(
        "consent_days_left",
        "gauge",
        "Days until the first OAuth2 consent ends, where that can be foreseen.",
        ("provider",),
    ),
    Metric("consents_missing", "gauge", "Accounts whose owner must sign in again."),
)

_FAILURE = Label("failure", FAILURES)
_UPSTREAM = Label("upstream", None)

ROWS = (
    Row("Connected", "connections"),
    Row("ConnectionRefused", "connections_refused"),
    Row("LoggedIn", "logins", labels={"upstream": _UPSTREAM}, fixed={"result": "ok"}),
    Row("LoggedIn", "logins_by_tls", labels={"tls": Label("tls", TLS, "none")}),
    Row("LoggedIn", "login_seconds", "seconds", {"upstream": _UPSTREAM}),
    Row("LoginFailed", "logins", labels={"result": _FAILURE, "upstream": _UPSTREAM}),
    Row("MessageFailed", "message_failures", labels={"failure": _FAILURE}),
    Row("Updated", "messages_removed", "removed"),
    Row("Updated", "messages_kept", "kept"),
    Row("UpdateFailed", "update_failures", labels={"failure": _FAILURE}),
    Row("InterruptedUpdateSettled", "interrupted_updates"),
    Row("InterruptedUpdateSettled", "messages_removed", "removed"),
    Row("UpstreamLost", "upstream_lost"),
    Row("InternalError", "internal_errors"),
    Row("OutsideFence", "outside_fence"),
    Row("LockedOut", "lockouts", labels={"kind": Label("kind", KINDS)}),
    Row("Closed", "sessions", labels={"reason": Label("reason", REASONS)}),
    Row("Closed", "session_seconds", "seconds"),
    Row("Closed", "messages_retrieved", "retrieved"),
    Row("Closed", "octets_retrieved", "octets"),
    Row("TokenRefreshed", "token_refreshes", fixed={"result": "ok"}),
    Row("RefreshFailed", "token_refreshes", fixed={"result": "failed"}),
    Row("ConsentLost", "token_refreshes", fixed={"result": "consent_lost"}),
)
