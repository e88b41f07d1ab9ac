"""What can be set about listening and about limits towards clients."""

from pathlib import Path

from pydantic import Field

from gateway.settings import Section


class ListenSettings(Section):
    """Where clients connect."""

    plain: tuple[str, ...] = Field(
        default=("127.0.0.1:1110",),
        description="Addresses for POP3 without TLS at the start, each `HOST:PORT`; "
        "clients may upgrade by STLS when a certificate is given.",
    )
    tls: tuple[str, ...] = Field(
        default=(),
        description="Addresses for POP3 with TLS from the first octet (RFC 8314), "
        "each `HOST:PORT`.",
    )
    cert: Path | None = Field(
        default=None, description="PEM file with the certificate and its chain."
    )
    key: Path | None = Field(default=None, description="PEM file with the private key.")


class LimitSettings(Section):
    """What one client, and all together, may take."""

    connections: int = Field(
        default=10_000, ge=1, description="Connections at one time, all clients together."
    )
    connections_per_address: int = Field(
        default=100,
        ge=1,
        description="Connections at one time from one address. Many people behind one "
        "NAT count as one address.",
    )
    login_timeout: float = Field(
        default=60,
        gt=0,
        description="Seconds from connecting (or STLS) until the login must be complete.",
    )
    idle_timeout: float = Field(
        default=600,
        ge=600,
        description="Seconds without a command after login until the connection is closed "
        "and the marks are forgotten; RFC 1939 §3 asks for at least 600.",
    )
    stalled_timeout: float = Field(
        default=600,
        gt=0,
        description="Seconds that a client may take no octet of what it is being sent "
        "until the connection is closed.",
    )
    drain_timeout: float = Field(
        default=30,
        ge=0,
        description="Seconds that messages on their way get to finish when the server is "
        "told to stop; an UPDATE in progress is always finished.",
    )
