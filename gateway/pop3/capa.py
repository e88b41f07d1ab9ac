"""The capability list (RFC 2449 §6): what works in this state with these settings."""

from gateway import __version__
from gateway.pop3.offer import Offer
from gateway.pop3.replies import CAPABILITIES, CRLF, TERMINATOR
from gateway.pop3.settings import Pop3Settings


def reply(settings: Pop3Settings, offer: Offer, *, stls: bool) -> bytes:
    """The whole answer to CAPA.

    USER and SASL stand in both states, as RFC 2449 §6 allows no difference for them;
    STLS is for AUTHORIZATION alone (RFC 2595 §4) and gone once TLS is active. APOP has no
    line: its capability is the timestamp of the greeting.

    Args:
        settings: Says what is announced besides.
        offer: What works on this connection now.
        stls: Whether STLS would work now.
    """
    lines = [b"TOP", b"UIDL"]
    if offer.clear:
        lines.append(b"USER")
    if offer.mechanisms:
        lines.append(b" ".join([b"SASL", *offer.mechanisms]))
    lines += [b"RESP-CODES", b"AUTH-RESP-CODE", b"PIPELINING"]
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
