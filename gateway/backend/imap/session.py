"""The port's session on one connection to an IMAP server."""

from array import array
from bisect import bisect_left
from dataclasses import dataclass
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure as Reason

from gateway.backend.ahead import AheadBody
from gateway.backend.budget import Budget
from gateway.backend.imap import commit, snapshot
from gateway.backend.imap.body import ImapBody, OctetsDiffer
from gateway.backend.imap.connection import Connection
from gateway.backend.imap.keepalive import Keepalive
from gateway.backend.imap.prefetch import Prefetch
from gateway.backend.imap.responses import Status
from gateway.backend.imap.settings import ImapSettings
from gateway.backend.port import Body, Capabilities
from gateway.errors import Unavailable
from gateway.index import Index, Record
from gateway.maildrop import CommitPlan, Maildrop, Outcome, Ref
from gateway.telemetry import Emitter, Event, Level

# How long a kept connection may take for SELECT. What lies between may have forgotten it
# without a word (address translators do), and no client waits for a time-out and a login.
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class SeenNotStored(Event):
    """A message was fetched and could not be marked as read."""

    level: ClassVar[Level] = "warning"
    uid: int
    detail: str


@dataclass(frozen=True, slots=True)
class Shared:
    """What all sessions of one upstream share."""

    settings: ImapSettings
    index: Index
    budget: Budget
    reactor: Any


class ImapSession:
    """One logged-in connection; see `gateway.backend.port.ReusableSession`.

    Args:
        connection: Logged in.
        shared: What all sessions share.
        account: Names the mailbox in the index.
        emit: Where events go.
    """

    __slots__ = (
        "_account",
        "_closing",
        "_connection",
        "_emit",
        "_keepalive",
        "_lingers",
        "_marking",
        "_prefetch",
        "_record",
        "_selected",
        "_settings",
        "_shared",
        "_shown",
    )

    def __init__(
        self, connection: Connection, shared: Shared, account: str, emit: Emitter
    ) -> None:
        self._connection = connection
        self._shared = shared
        self._settings = shared.settings
        self._account = account
        self._emit = emit
        self._record: Record | None = None
        self._shown: Record | None = None  # what of it the client sees
        self._prefetch: Prefetch | None = None
        self._closing = self._selected = False
        self._lingers = True
        self._marking = 0
        self._keepalive = Keepalive(connection, shared.settings.keepalive, shared.reactor)

    @property
    def capabilities(self) -> Capabilities:
        """What this server promises."""
        offered = self._connection.capabilities or frozenset()
        return Capabilities(
            exact_octets=True,
            precise_expunge=commit.is_precise(offered, self._settings.delete),
            partial_fetch=True,
            stable_ids=self._connection.mailbox.sticky,
            delta=True,
        )

    async def snapshot(self) -> Maildrop:
        """Open the INBOX and freeze it."""
        connection = self._connection
        record = self._record = await self._list()
        hide = self._settings.delete == "flag"
        hidden = await snapshot.deleted(connection) if hide else set()
        self._drop_prefetched()
        self._shown = snapshot.visible(record, hidden)
        return snapshot.freeze(self._shown)

    def body(self, ref: Ref, top: int | None = None) -> Body:
        """One message of the snapshot."""
        uid, index = int(ref), self._index(ref)
        if top is not None or not self._settings.prefetch:
            return self._direct(index, uid, top)
        return AheadBody(
            self._reading_ahead(),
            index,
            fetch=lambda: self._direct(index, uid, None),
            delivered=lambda octets: self._delivered(index, uid, octets),
        )

    def at_hand(self, ref: Ref) -> list[bytes] | None:
        """See `gateway.backend.port.ReadsAhead.at_hand`."""
        prefetch = self._prefetch
        chunks = None if prefetch is None else prefetch.at_hand(int(ref))
        if prefetch is not None and chunks is not None:
            self._delivered(prefetch.latest, int(ref), sum(map(len, chunks)))
        return chunks

    async def commit(self, plan: CommitPlan) -> Outcome:
        """Remove exactly the messages of the plan."""
        self._drop_prefetched()
        # Of servers without UIDPLUS some tell others of marks only when a session ends (GNU
        # imap4d): of ours, and of others' that we took away for a moment.
        self._lingers = b"UIDPLUS" in (self._connection.capabilities or ())
        outcome = await commit.Update(self._connection, self._settings, self._emit).run(plan)
        self._forget(outcome)
        return outcome

    def rest(self) -> None:
        """See `gateway.backend.port.ReusableSession.rest`."""
        self._drop_prefetched()
        self._shown = None

    @property
    def reusable(self) -> bool:
        """Whether the connection lives and no message is on its way."""
        mailbox = self._connection.mailbox
        fit = self._connection.quiet and not self._closing and not mailbox.moved
        return fit and self._lingers

    async def revive(self) -> None:
        """See `gateway.backend.port.ReusableSession.revive`.

        By SELECT: a NOOP would cost as much time, and not every server tells of new mail
        in its answer (GNU imap4d does not).
        """
        connection = self._connection
        connection.forget_ahead()
        dead = Unavailable("the kept connection is dead")
        too_late = self._shared.reactor.callLater(_PATIENCE, connection.fail, dead)
        try:
            await snapshot.select(connection)
        finally:
            if too_late.active():
                too_late.cancel()
        self._selected = True

    async def close(self) -> None:
        """LOGOUT if the server answers quickly; then hang up."""
        self._drop_prefetched()
        self._keepalive.stop()
        connection = self._connection
        if not self._closing:
            self._closing = True
            connection.expect_end()
            # Marks may wait behind messages asked for ahead, and would be lost with them.
            if (connection.quiet or self._marking) and self._settings.logout_timeout:
                answer = connection.command(b"LOGOUT")
                answer.addTimeout(self._settings.logout_timeout, self._shared.reactor)
                await answer.addErrback(_nothing)
            connection.fail(Unavailable("the session is closed"))
        gone: Deferred[None] = Deferred()
        connection.when_lost(lambda: gone.callback(None))
        await gone

    async def _list(self) -> Record:
        """Select the INBOX, and bring up to date what is known of it."""
        index = self._shared.index
        if not self._selected:
            await snapshot.select(self._connection)
        self._selected = False
        known = self._record or index.load(self._account)
        record = await snapshot.take(self._connection, self._emit, known)
        if record is not known:
            record = _packed(record)
            index.save(self._account, record)
        return record

    # Messages.

    def _index(self, ref: Ref) -> int:
        uids = self._listed().refs
        index = bisect_left(uids, int(ref))
        if index == len(uids) or uids[index] != ref:
            raise KeyError(ref)
        return index

    def _listed(self) -> Record:
        if self._shown is None:
            raise AssertionError("no snapshot was taken")
        return self._shown

    def _announced(self, index: int) -> int:
        return self._listed().octets[index]

    def _direct(self, index: int, uid: int, top: int | None) -> ImapBody:
        return ImapBody(
            self._connection,
            uid=uid,
            announced=self._announced(index),
            top=top,
            emit=self._emit,
            delivered=self._mark_seen,
        )

    def _delivered(self, index: int, uid: int, octets: int) -> None:
        if octets != self._announced(index):
            self._emit(OctetsDiffer(uid, self._announced(index), octets))
        if self._settings.mark_seen:
            self._mark_seen(uid)

    def _reading_ahead(self) -> Prefetch:
        """Begins with the first message: a session that only polls needs none of it."""
        if self._prefetch is None:
            record = self._listed()
            self._prefetch = Prefetch(
                self._connection, record.refs, record.octets, self._shared.budget
            )
        return self._prefetch

    def _drop_prefetched(self) -> None:
        """Forget it, and where the messages stand."""
        if self._prefetch is not None:
            self._prefetch.drop()
            self._prefetch = None

    # What is known of the mailbox.

    def _forget(self, outcome: Outcome) -> None:
        """What UPDATE removed needs not be found missing at the next login."""
        removed = {int(ref) for ref in outcome.removed}
        if self._record is None or not removed or self._settings.delete == "flag":
            return
        self._drop_prefetched()  # the messages stand elsewhere now
        self._record = self._shown = snapshot.forget(self._record, removed)
        self._shared.index.save(self._account, self._record)

    # Marks.

    def _mark_seen(self, uid: int) -> None:
        """Nobody waits for this: the message is delivered whatever becomes of the mark."""
        if not self._settings.mark_seen:
            return
        connection = self._connection
        stored = connection.command(
            b"UID", b"STORE", b"%d" % uid, rb"+FLAGS.SILENT", rb"(\Seen)"
        )

        def check(status: Status) -> None:
            self._marking -= 1
            if not status.ok:
                self._emit(SeenNotStored(uid, connection.shown(status.shown)))

        def failed(reason: Reason) -> None:
            self._marking -= 1
            self._emit(SeenNotStored(uid, reason.getErrorMessage()))

        self._marking += 1
        stored.addCallbacks(check, failed)


def _packed(record: Record) -> Record:
    """The record with sizes of 32 bits, if they are so small; a session keeps them long."""
    octets = record.octets
    if octets.itemsize == 4 or max(octets, default=0) >> 32:
        return record
    return Record(record.epoch, record.state, record.refs, array("I", octets))


def _nothing(_: object) -> None:
    """Do nothing."""
