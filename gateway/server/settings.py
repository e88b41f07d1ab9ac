"""What can be set about listening and about limits towards clients."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from gateway.settings import Section


class FencedListener(Section):
    """A place to listen at for the clients of some networks alone: old devices, above all.

    Everybody else is cut off at once, before any TLS. Inside the fence passwords may come
    in clear. Write one such table for each place.
    """

    address: str = Field(description="`HOST:PORT` or `systemd:NAME`.")
    allow: tuple[str, ...] = Field(
        min_length=1,
        description="Networks whose clients may connect, each with an address or a network "
        "such as `192.0.2.0/24` or `2001:db8::/64`.",
    )
    tls: Literal["none", "stls", "implicit"] = Field(
        default="none",
        description="`none`: no TLS; `stls`: clients may upgrade by STLS; `implicit`: TLS from "
        "the first octet.",
    )
    legacy_tls: bool = Field(
        default=False,
        description="Whether TLS 1.0 and 1.1 and their ciphers will do. They protect from "
        "nobody who is serious about it, so the fence must not be the whole Internet.",
    )
    cert: Path | None = Field(
        default=None,
        description="PEM file with the certificate and its chain, if it is not that of "
        "`[listen]`.",
    )
    key: Path | None = Field(
        default=None, description="PEM file with the private key that belongs to `cert`."
    )


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
    allow_plaintext_login: bool = Field(
        default=False,
        description="Whether clients of other machines may log in without TLS, with passwords "
        "and mail readable on the way. On loopback and at fenced listeners they always may; "
        "elsewhere USER and PASS, and AUTH with a password or a token, are refused.",
    )
    fenced: tuple[FencedListener, ...] = Field(
        default=(), description="More places to listen at, each for some networks alone."
    )


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
