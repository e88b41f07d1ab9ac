"""What can be set about the console and the metrics."""

from pathlib import Path

from pydantic import Field

from gateway.settings import Section


class ConsoleSettings(Section):
    """The console for administrators, with the pages on which mailbox owners sign in."""

    listen: str = Field(
        default="",
        description="Address of the console, `HOST:PORT`; empty for no console. Beyond "
        "loopback it needs TLS, or a proxy with TLS before it.",
    )
    url: str = Field(
        default="",
        description="How browsers reach the console, e.g. `https://mail-in.example.org`: for "
        "the links that it makes. Empty for the address in `listen`.",
    )
    cert: Path | None = Field(
        default=None, description="PEM file with the console's certificate and its chain."
    )
    key: Path | None = Field(
        default=None, description="PEM file with the private key of that certificate."
    )
    behind_proxy: bool = Field(
        default=False,
        description="Whether a proxy with TLS is before the console: then it may be beyond "
        "loopback without TLS, and the last address in X-Forwarded-For is taken for the "
        "browser's. Nobody but the proxy may be able to reach it.",
    )


class MetricsSettings(Section):
    """Counters for Prometheus, and health checks."""

    listen: str = Field(
        default="",
        description="Address of `/metrics`, `/healthz` and `/readyz`, `HOST:PORT`; empty for "
        "none. They hold no names and ask for no password. It may be the console's address, "
        "and then has the console's TLS.",
    )
