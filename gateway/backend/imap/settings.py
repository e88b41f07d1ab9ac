"""Settings of the IMAP driver."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from gateway.settings import Section

Security = Literal["none", "starttls", "tls"]


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where the IMAP server is.

    Attributes:
        host: A name or an address; the certificate is checked against it.
        port: 143 and 993 by custom.
        security: Nothing, TLS after STARTTLS, or TLS from the start.
    """

    host: str
    port: int
    security: Security


class ImapSettings(Section):
    """How the driver treats an IMAP server and the mail on it."""

    connect_timeout: float = Field(
        default=30, gt=0, le=3600, description="Seconds to wait for a connection."
    )
    command_timeout: float = Field(
        default=60,
        gt=0,
        le=3600,
        description="Seconds without an octet from the server while it owes an answer.",
    )
    logout_timeout: float = Field(
        default=2, ge=0, le=60, description="Seconds to wait for the answer to LOGOUT."
    )
    keepalive: float = Field(
        default=240,
        ge=0,
        le=1740,
        description=(
            "Seconds between signs of life to the server while the POP3 client is silent; "
            "0 sends none. Servers may hang up after 30 minutes, address translators earlier."
        ),
    )
    delete: Literal["expunge", "move", "flag"] = Field(
        default="expunge",
        description=(
            "What removing a message does: remove it for good, move it to the folder "
            "`move_to`, or only mark it as deleted and hide it from later sessions."
        ),
    )
    move_to: str = Field(
        default="Trash",
        min_length=1,
        max_length=500,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description='The folder for `delete = "move"`, with the server\'s own separators.',
    )
    mark_seen: bool = Field(
        default=False, description="Mark a message as read once it was fetched completely."
    )
    send_id: bool = Field(
        default=False,
        description="Tell the server the gateway's name and the client's address (RFC 2971).",
    )
    pipeline_login: bool = Field(
        default=True,
        description="Send SELECT behind the password without waiting for the answer, which "
        "saves a round trip. Switch it off for a server that loses what comes early.",
    )
    prefetch: bool = Field(
        default=True,
        description="Ask the server for the next messages while the client reads one.",
    )
    prefetch_total: int = Field(
        default=64 << 20,
        ge=0,
        description="Octets of messages asked for ahead, of all sessions together; one "
        "session has at most half a MiB near the server, one MiB far from it.",
    )
    max_line: int = Field(
        default=4 << 20,
        ge=8192,
        le=1 << 30,
        description="Longest line taken from the server, in octets.",
    )
    max_literal: int = Field(
        default=1 << 20,
        ge=8192,
        le=1 << 30,
        description="Largest literal taken outside a message, in octets.",
    )
    max_response: int = Field(
        default=8 << 20,
        ge=8192,
        le=1 << 30,
        description="Largest response taken, messages not counted, in octets.",
    )
