"""Opens the INBOX and freezes it: what is there, how large, under which UIDs."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from operator import lt
from typing import ClassVar

from gateway.backend.imap.connection import Connection
from gateway.backend.imap.reader import Rows
from gateway.backend.imap.responses import Fetch, Status
from gateway.errors import Misconfigured, Unavailable
from gateway.maildrop import Maildrop
from gateway.maildrop.uidl import ImapUniqueIds
from gateway.telemetry import Emitter, Event, Level

_TRIES = 3
_ZERO = array("I", [0])
# NO with one of these will not go away by itself (RFC 5530 §3).
_LASTING = frozenset({b"NOPERM", b"NONEXISTENT", b"CANNOT"})


@dataclass(frozen=True, slots=True)
class ListingShort(Event):
    """The server listed fewer messages than it says it has."""

    level: ClassVar[Level] = "warning"
    listed: int
    expected: int


class _Listing:
    """Takes the rows that the reader did not read in bulk."""

    def __init__(self) -> None:
        self.rows = Rows()

    def accepts(self, fetch: Fetch) -> bool:
        """Only rows with both columns count."""
        return fetch.uid is not None and fetch.octets is not None and not fetch.body

    def fetched(self, fetch: Fetch, streamed: int | None) -> None:
        """One row."""
        if fetch.uid is not None and fetch.octets is not None and streamed is None:
            self.rows.add(fetch.uid, fetch.octets)

    def literal(self, fetch: Fetch, size: int) -> None:
        """Nobody asked for a message."""

    def data(self, chunk: bytes) -> None:
        """Nobody asked for a message."""


async def take(connection: Connection, emit: Emitter, *, hide_deleted: bool) -> Maildrop:
    r"""Select the INBOX and list it.

    A message that somebody else marked as \Deleted is shown like any other: it is still
    there, its owner may take the mark back, and hiding it would withhold mail that nobody
    removed. Only where the mark is our own way of removing (`hide_deleted`) is it left out.

    Raises:
        Unavailable, Misconfigured: Never a maildrop that lacks messages instead.
    """
    status = await connection.command(b"SELECT", b"INBOX")
    if not status.ok:
        raise _refused(connection, status)
    uidvalidity = _check(connection)
    rows = await _list(connection, emit)
    if connection.mailbox.moved:
        raise Unavailable("the upstream changed its UIDVALIDITY during the listing")
    hidden: set[int] = set()
    if hide_deleted and rows.uids:
        await search(connection, b"DELETED", hidden)
    return _freeze(uidvalidity, rows, hidden)


def _refused(connection: Connection, status: Status) -> Misconfigured | Unavailable:
    detail = f"the upstream does not open the INBOX: {connection.shown(status.shown)}"
    lasting = status.kind == "NO" and status.code in _LASTING
    return Misconfigured(detail) if lasting else Unavailable(detail)


def _check(connection: Connection) -> int:
    """The UIDVALIDITY of the mailbox that was just selected."""
    mailbox = connection.mailbox
    if mailbox.exists is None:
        raise Unavailable("the upstream does not say how many messages the INBOX has")
    if not mailbox.uidvalidity or mailbox.moved:
        raise Misconfigured(
            "the upstream gives the INBOX no UIDVALIDITY: its messages cannot be told apart "
            "from one session to the next, and no unique-ids can be made"
        )
    return mailbox.uidvalidity


async def search(connection: Connection, criteria: bytes, found: set[int]) -> None:
    """Fill `found` with the UIDs of all messages that match.

    Raises:
        Unavailable: The server did not say.
    """
    status = await connection.command(b"UID", b"SEARCH", criteria, found=found)
    if not status.ok:
        raise Unavailable(f"the upstream does not search: {connection.shown(status.shown)}")


async def _list(connection: Connection, emit: Emitter) -> Rows:
    """The UIDs and sizes of all messages, as many as there are said to be."""
    mailbox = connection.mailbox
    for _ in range(_TRIES):
        expected, gone = mailbox.exists or 0, mailbox.expunged
        if not expected:
            return Rows()
        rows = _in_order(await _ask(connection))
        # Whatever was removed meanwhile may or may not be listed; new mail likewise.
        expected -= mailbox.expunged - gone
        listed = len(rows.uids)
        if listed >= expected:
            return rows
        emit(ListingShort(listed, expected))
        await connection.command(b"NOOP")  # lets the server correct its count
    raise Unavailable("the upstream lists fewer messages than it says the INBOX has")


async def _ask(connection: Connection) -> Rows:
    listing = _Listing()
    connection.collect_rows(listing.rows)
    try:
        status = await connection.command(
            b"UID", b"FETCH", b"1:*", b"(UID RFC822.SIZE)", receiver=listing
        )
    finally:
        connection.collect_rows(None)
    # Messages removed meanwhile make it NO; the count tells whether all others are here.
    if not status.ok and status.code != b"EXPUNGEISSUED":
        shown = connection.shown(status.shown)
        raise Unavailable(f"the upstream does not list the INBOX: {shown}")
    return listing.rows


def _in_order(rows: Rows) -> Rows:
    """The rows by ascending UID, each UID once; nearly always they come like that."""
    uids = rows.uids
    if all(map(lt, uids, islice(uids, 1, None))) and uids[:1] != _ZERO:
        return rows
    return _only(rows, lambda uid: uid > 0)  # no message has UID 0 (RFC 3501 §2.3.1.1)


def _only(rows: Rows, wanted: Callable[[int], bool]) -> Rows:
    octets = dict(zip(rows.uids, rows.octets, strict=True))
    chosen = Rows()
    for uid in sorted(filter(wanted, octets)):
        chosen.add(uid, octets[uid])
    return chosen


def _freeze(uidvalidity: int, rows: Rows, hidden: set[int]) -> Maildrop:
    if hidden:
        rows = _only(rows, lambda uid: uid not in hidden)
    unique_ids = ImapUniqueIds(uidvalidity, rows.uids)
    return Maildrop(str(uidvalidity), rows.uids, rows.octets, unique_ids)
