"""Which server and whose maildrop `probe` looks at."""

import ssl
from dataclasses import dataclass, field

from gateway.cli.conversation import Conversation, Tell


@dataclass(frozen=True, slots=True)
class Server:
    """The server and how to reach it.

    Attributes:
        address: Host and port.
        context: How TLS is checked.
        tls: TLS from the first octet.
        starttls: TLS by STLS.
        timeout: Seconds an answer may take.
    """

    address: tuple[str, int]
    context: ssl.SSLContext
    tls: bool
    starttls: bool
    timeout: float

    def connect(self, tell: Tell) -> Conversation:
        """A new connection, before its greeting."""
        context = self.context if self.tls else None
        return Conversation(self.address, timeout=self.timeout, tell=tell, context=context)


@dataclass(frozen=True, slots=True)
class Account:
    """Whose maildrop is looked at."""

    user: bytes
    password: bytes = field(repr=False)
