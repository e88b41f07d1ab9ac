"""What a client can log in with: what is on offer, and what that needs besides."""

from dataclasses import dataclass, field, replace

from gateway.accounts.sasl_table import IN_CLEAR, Fresh


@dataclass(frozen=True, slots=True)
class Offer:
    """What works on a connection.

    Attributes:
        mechanisms: Of SASL, by their names.
        apop: Whether the greeting has a timestamp, and APOP is taken.
        clear: Whether a password (or token) may come without TLS.
    """

    mechanisms: tuple[bytes, ...] = (b"PLAIN", b"LOGIN")
    apop: bool = False
    clear: bool = True

    def now(self, *, secure: bool) -> "Offer":
        """What of it works with TLS, or without."""
        if self.clear:
            return self
        if secure:
            return replace(self, clear=True)
        hidden = tuple(name for name in self.mechanisms if name not in IN_CLEAR)
        return replace(self, mechanisms=hidden)


@dataclass(frozen=True, slots=True)
class Means:
    """The offer of one connection, and what it needs.

    Attributes:
        offer: What is on offer.
        fresh: Where challenges come from.
        timestamp: What the greeting said for APOP; empty if nothing.
    """

    offer: Offer
    fresh: Fresh = field(repr=False)
    timestamp: bytes = b""
