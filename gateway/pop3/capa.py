"""The capability list (RFC 2449 §6): what works in this state with these settings."""

from collections.abc import Collection

from gateway import __version__
from gateway.pop3.replies import CAPABILITIES, CRLF, TERMINATOR
from gateway.pop3.settings import Pop3Settings


def reply(settings: Pop3Settings, mechanisms: Collection[bytes], *, stls: bool) -> bytes:
    """The whole answer to CAPA.

    USER and SASL stand in both states, as RFC 2449 §6 allows no difference for them;
    STLS is for AUTHORIZATION alone (RFC 2595 §4) and gone once TLS is active.

    Args:
        settings: Says what is announced besides.
        mechanisms: The SASL mechanisms on offer.
        stls: Whether STLS would work now.
    """
    lines = [
        b"TOP",
        b"UIDL",
        b"USER",
        b" ".join([b"SASL", *mechanisms]),
        b"RESP-CODES",
        b"AUTH-RESP-CODE",
        b"PIPELINING",
    ]
    if stls:
        lines.append(b"STLS")
    if settings.expire is not None:
        lines.append(f"EXPIRE {settings.expire}".encode())
    if settings.login_delay:
        lines.append(f"LOGIN-DELAY {settings.login_delay}".encode())
    lines.append(_implementation(settings).encode())
    return CAPABILITIES + CRLF.join(lines) + CRLF + TERMINATOR


def _implementation(settings: Pop3Settings) -> str:
    version = f"-{__version__}" if settings.show_version else ""
    return f"IMPLEMENTATION pop3-gateway{version}"
