"""The port's backend and session for an IMAP server."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.python.failure import Failure as Reason

from gateway.backend.imap import commit, snapshot
from gateway.backend.imap.body import ImapBody
from gateway.backend.imap.collaborators import DelayedCall
from gateway.backend.imap.connection import Connection
from gateway.backend.imap.login import Connector
from gateway.backend.imap.settings import ImapSettings, Upstream
from gateway.backend.port import Capabilities
from gateway.errors import Unavailable
from gateway.maildrop import CommitPlan, Login, Maildrop, Outcome, Ref
from gateway.telemetry import Emitter, Event, Level


@dataclass(frozen=True, slots=True)
class SeenNotStored(Event):
    """A message was fetched and could not be marked as read."""

    level: ClassVar[Level] = "warning"
    uid: int
    detail: str


class ImapBackend:
    """One IMAP server.

    Args:
        upstream: Where it is.
        settings: How it is treated.
        tls: Makes the TLS options for a host name; see `gateway.tls.client_options`. It is
            called at once, so that a bad authority file shows when the program starts.
        reactor: For everything that waits.
        emit: Where events go.
    """

    def __init__(
        self,
        upstream: Upstream,
        settings: ImapSettings,
        tls: Callable[[str], IOpenSSLClientConnectionCreator],
        reactor: Any,
        emit: Emitter,
    ) -> None:
        options = None if upstream.security == "none" else tls(upstream.host)
        self._connector = Connector(upstream, settings, options, reactor)
        self._settings = settings
        self._reactor = reactor
        self._emit = emit.bind(upstream=upstream.host)

    async def open(self, login: Login) -> "ImapSession":
        """See `gateway.backend.port.Backend.open`."""
        emit = self._emit.bind(peer=login.peer) if login.peer else self._emit
        connection = await self._connector.open(login, emit)
        return ImapSession(connection, self._settings, self._reactor, emit)


class ImapSession:
    """One logged-in connection; see `gateway.backend.port.BackendSession`."""

    def __init__(
        self, connection: Connection, settings: ImapSettings, reactor: Any, emit: Emitter
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._reactor = reactor
        self._emit = emit
        self._uids: Sequence[int] = ()
        self._octets: Sequence[int] = ()
        self._keepalive: DelayedCall | None = None
        self._closing = False
        connection.when_lost(self._stop_keepalive)
        self._schedule_keepalive()

    @property
    def capabilities(self) -> Capabilities:
        """What this server promises."""
        offered = self._connection.capabilities or frozenset()
        return Capabilities(
            exact_octets=True,
            precise_expunge=commit.is_precise(offered, self._settings.delete),
            partial_fetch=True,
            stable_ids=self._connection.mailbox.sticky,
            delta=False,
        )

    async def snapshot(self) -> Maildrop:
        """Open the INBOX and freeze it."""
        hide = self._settings.delete == "flag"
        maildrop = await snapshot.take(self._connection, self._emit, hide_deleted=hide)
        self._uids, self._octets = maildrop.refs, maildrop.octets  # type: ignore[assignment]
        return maildrop

    def body(self, ref: Ref, top: int | None = None) -> ImapBody:
        """One message of the snapshot."""
        uid = int(ref)
        index = bisect_left(self._uids, uid)
        if index == len(self._uids) or self._uids[index] != uid:
            raise KeyError(ref)
        seen = self._mark_seen if self._settings.mark_seen else _nothing
        return ImapBody(
            self._connection,
            uid=uid,
            announced=self._octets[index],
            top=top,
            emit=self._emit,
            delivered=seen,
        )

    async def commit(self, plan: CommitPlan) -> Outcome:
        """Remove exactly the messages of the plan."""
        return await commit.Update(self._connection, self._settings, self._emit).run(plan)

    async def close(self) -> None:
        """LOGOUT if the server answers quickly; then hang up."""
        self._stop_keepalive()
        connection = self._connection
        if not self._closing:
            self._closing = True
            connection.expect_end()
            if connection.quiet and self._settings.logout_timeout:
                answer = connection.command(b"LOGOUT")
                answer.addTimeout(self._settings.logout_timeout, self._reactor)
                await answer.addErrback(_nothing)
            connection.fail(Unavailable("the session is closed"))
        gone: Deferred[None] = Deferred()
        connection.when_lost(lambda: gone.callback(None))
        await gone

    # Signs of life, and marks.

    def _schedule_keepalive(self) -> None:
        if self._settings.keepalive:
            self._keepalive = self._reactor.callLater(
                self._settings.keepalive, self._send_keepalive
            )

    def _send_keepalive(self) -> None:
        if self._connection.idle:
            # A failure is the connection's, and shows at the next thing asked of it.
            self._connection.command(b"NOOP").addErrback(_nothing)
        self._schedule_keepalive()

    def _stop_keepalive(self) -> None:
        if self._keepalive is not None and self._keepalive.active():
            self._keepalive.cancel()
        self._keepalive = None

    def _mark_seen(self, uid: int) -> None:
        """Nobody waits for this: the message is delivered whatever becomes of the mark."""
        connection = self._connection
        stored = connection.command(
            b"UID", b"STORE", b"%d" % uid, rb"+FLAGS.SILENT", rb"(\Seen)"
        )

        def check(status: Any) -> None:
            if not status.ok:
                self._emit(SeenNotStored(uid, connection.shown(status.shown)))

        def failed(reason: Reason) -> None:
            self._emit(SeenNotStored(uid, reason.getErrorMessage()))

        stored.addCallback(check).addErrback(failed)


def _nothing(_: object) -> None:
    """Do nothing."""
