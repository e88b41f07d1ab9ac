"""The port's backend for an IMAP server."""

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IOpenSSLClientConnectionCreator

from gateway.backend.budget import Budget
from gateway.backend.imap.login import Connector
from gateway.backend.imap.session import ImapSession, Shared
from gateway.backend.imap.settings import ImapSettings, Upstream
from gateway.index import Index, NoIndex
from gateway.maildrop import Login
from gateway.telemetry import Emitter


class ImapBackend:
    """One IMAP server.

    Args:
        upstream: Where it is.
        settings: How it is treated.
        tls: Makes the TLS options for a host name; see `gateway.tls.client_options`. It is
            called at once, so that a bad authority file shows when the program starts.
        reactor: For everything that waits.
        emit: Where events go.
        index: What is known of mailboxes from earlier logins; None keeps nothing.
        budget: For messages asked for ahead, if several servers share one.
    """

    checks_name = True

    def __init__(
        self,
        upstream: Upstream,
        settings: ImapSettings,
        tls: Callable[[str], IOpenSSLClientConnectionCreator],
        reactor: Any,
        emit: Emitter,
        *,
        index: Index | None = None,
        budget: Budget | None = None,
    ) -> None:
        options = None if upstream.security == "none" else tls(upstream.host)
        self._connector = Connector(upstream, settings, options, reactor)
        self._name = f"{upstream.host}:{upstream.port}"
        budget = budget or Budget(settings.prefetch_total)
        self._shared = Shared(settings, index or NoIndex(), budget, reactor)
        self._emit = emit.bind(upstream=upstream.host)

    async def open(self, login: Login) -> ImapSession:
        """See `gateway.backend.port.Backend.open`."""
        emit = self._emit.bind(peer=login.peer) if login.peer else self._emit
        connection = await self._connector.open(login, emit)
        return ImapSession(connection, self._shared, f"{self._name} {login.user!r}", emit)
