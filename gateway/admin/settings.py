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
    pop3_host: str = Field(
        default="",
        description="The name by which devices and mail programs reach the gateway, for the "
        "settings that the console shows and that Thunderbird and Outlook ask for. Empty for "
        "the host in `url`.",
    )
    pop3_tls_port: int = Field(
        default=0,
        ge=0,
        le=65_535,
        description="Their port with TLS, if it is another than that of `listen.tls`: behind a "
        "forwarding router, say. 0 for that one.",
    )
    pop3_plain_port: int = Field(
        default=0,
        ge=0,
        le=65_535,
        description="Their port without TLS at the start, likewise; 0 for that of "
        "`listen.plain`.",
    )


class MetricsSettings(Section):
    """Counters for Prometheus, and health checks."""

    listen: str = Field(
        default="",
        description="Address of `/metrics`, `/healthz` and `/readyz`, `HOST:PORT`; empty for "
        "none. They hold no names and ask for no password. It may be the console's address, "
        "and then has the console's TLS.",
    )
