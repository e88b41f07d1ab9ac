"""Opens the INBOX and lists it: what is there, how large, under which UIDs.

What the index knows is used as far as the server's own numbers prove it: UIDVALIDITY says
that UIDs mean what they meant, UIDNEXT which ones are new, EXISTS how many there are
(RFC 3501 §2.3.1.1). Equal numbers are the same set of messages, and sizes never change.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import compress, islice
from operator import lt
from typing import ClassVar, cast

from twisted.python.failure import Failure as Reason

from gateway.backend.imap.collaborators import Receiver
from gateway.backend.imap.connection import Connection
from gateway.backend.imap.mailbox import Mailbox
from gateway.backend.imap.reader import Rows
from gateway.backend.imap.responses import Fetch, Status
from gateway.errors import Misconfigured, Unavailable
from gateway.index import Record
from gateway.maildrop import Maildrop
from gateway.maildrop.uidl import ImapUniqueIds
from gateway.telemetry import Emitter, Event, Level

_SELECT = (b"SELECT", b"INBOX")
_TRIES = 3
_RESYNC = frozenset({b"UNSELECT", b"ENABLE", b"QRESYNC"})
_MANY = 5000
# NO with one of these will not go away by itself (RFC 5530 §3).
_LASTING = frozenset({b"NOPERM", b"NONEXISTENT", b"CANNOT"})


@dataclass(frozen=True, slots=True)
class ListingShort(Event):
    """The server listed fewer messages than it says it has."""

    level: ClassVar[Level] = "warning"
    listed: int
    expected: int


class _Listing(Receiver):
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


async def select(connection: Connection) -> int:
    """Select the INBOX; return its UIDVALIDITY.

    Raises:
        Unavailable, Misconfigured
    """
    if connection.was_sent_ahead(*_SELECT):
        status = await connection.ask(*_SELECT)
        if status.ok:
            return _check(connection)
        if status.kind != "BAD":
            raise _refused(connection, status)
        # Perhaps it came before the login was through.
    connection.mailbox = Mailbox()  # what was told of it before does not count any more
    status = await connection.ask(*_SELECT)
    if not status.ok:
        raise _refused(connection, status)
    return _check(connection)


async def take(connection: Connection, emit: Emitter, known: Record | None) -> Record:
    """List the INBOX that was just selected.

    Args:
        connection: With the INBOX selected.
        emit: Where events go.
        known: What the index has, if anything.

    Returns:
        All messages. The same object as `known` if nothing has changed.

    Raises:
        Unavailable: Never a record that lacks messages instead.
    """
    mailbox = connection.mailbox
    epoch = str(mailbox.uidvalidity)
    record = None
    if known is not None and known.epoch == epoch:
        record = await _update(connection, known)
    if record is None:
        mailbox = connection.mailbox
        uids, octets = await _list(connection, emit)
        record = Record(str(mailbox.uidvalidity), _state(mailbox, uids), uids, octets)
    if connection.mailbox.moved:
        raise Unavailable("the upstream changed its UIDVALIDITY during the listing")
    return record


async def deleted(connection: Connection) -> set[int]:
    r"""The UIDs of what is marked as \Deleted."""
    marked: set[int] = set()
    if connection.mailbox.exists:
        await search(connection, b"DELETED", marked)
    return marked


def visible(record: Record, hidden: set[int]) -> Record:
    r"""The record of what a client is shown.

    A message that somebody else marked as \Deleted is shown like any other: it is still
    there, its owner may take the mark back, and hiding it would withhold mail that nobody
    removed. Only where the mark is our own way of removing is it `hidden`.
    """
    if not hidden or hidden.isdisjoint(record.refs):
        return record
    columns = _without(record.refs, record.octets, hidden)
    return Record(record.epoch, record.state, *columns)


def freeze(record: Record) -> Maildrop:
    """The maildrop of a record."""
    ids = ImapUniqueIds(int(record.epoch), record.refs)
    return Maildrop(record.epoch, record.refs, record.octets, ids)


def forget(record: Record, removed: set[int]) -> Record:
    """The record without what UPDATE removed."""
    return Record(record.epoch, record.state, *_without(record.refs, record.octets, removed))


def _state(mailbox: Mailbox, uids: "array[int]") -> dict[str, int]:
    """New mail may have been listed that came after UIDNEXT was told."""
    if mailbox.uidnext is None:
        return {}
    last = uids[-1] + 1 if uids else 0
    state = {"uidnext": max(mailbox.uidnext, last)}
    # What was told at SELECT: whatever is listed later is at least as new.
    return state if mailbox.modseq is None else {**state, "modseq": mailbox.modseq}


async def _update(connection: Connection, known: Record) -> Record | None:
    """What is known, brought up to date; None if it does not fit what the server says.

    SELECT told how many messages there were below UIDNEXT. Only those are counted: what
    comes while we ask raises EXISTS, and would stand in for a message that is gone.
    """
    mailbox, first = connection.mailbox, known.state.get("uidnext")
    uidnext = mailbox.uidnext
    if not first or uidnext is None or uidnext < first:
        return None
    if known.refs and known.refs[-1] >= first:
        return None
    exists, expunged = mailbox.exists or 0, mailbox.expunged
    uids, octets = known.refs, known.octets
    if uidnext > first:
        new = await _ask(connection, b"%d:*" % first)
        fresh_uids, fresh_octets = _in_order(new)
        start = bisect_left(fresh_uids, first)  # n:* names the last message, however old
        uids = uids + fresh_uids[start:]
        octets = _joined(octets, fresh_octets[start:])
    counted, quiet = bisect_left(uids, uidnext), mailbox.expunged == expunged
    if counted < exists and quiet:
        return None
    if counted != exists or not quiet:
        return await _without_the_gone(connection, known, Record(known.epoch, {}, uids, octets))
    if uids is known.refs and uidnext == first:
        return known
    return Record(known.epoch, _state(mailbox, uids), uids, octets)


async def _without_the_gone(
    connection: Connection, known: Record, listed: Record
) -> Record | None:
    """Others have removed messages: `listed` has all that are there, and more."""
    resynced = await _resynced(connection, known)
    if resynced is not None:
        return await _update(connection, resynced)
    if str(connection.mailbox.uidvalidity) != known.epoch:
        return None
    uidnext = connection.mailbox.uidnext or 0
    present = await _present(connection)
    if any(uid < uidnext for uid in present.difference(listed.refs)):
        return None
    uids, octets = _without(listed.refs, listed.octets, set(listed.refs) - present)
    return Record(known.epoch, _state(connection.mailbox, uids), uids, octets)


async def _resynced(connection: Connection, known: Record) -> Record | None:
    """What is known without what the server says has gone since (RFC 7162 §3.2.5).

    A search costs as much as there are gaps between UIDs, this as much as has changed. It
    takes a new SELECT, since QRESYNC cannot be enabled while a mailbox is selected, and so
    it is done only where a search would be long. Without the number of the latest change
    in the result, it is not done twice.
    """
    modseq = known.state.get("modseq")
    able = connection.capabilities or frozenset()
    if modseq is None or len(known.refs) < _MANY or not able >= _RESYNC:
        return None
    connection.mailbox = mailbox = Mailbox()
    parameter = b"(QRESYNC (%b %d))" % (known.epoch.encode(), modseq)
    commands = [(b"UNSELECT",), (b"ENABLE", b"QRESYNC"), (*_SELECT, parameter)]
    selected = await _last(connection, commands)
    if not selected.ok:
        await select(connection)
        return None
    if str(_check(connection)) != known.epoch:
        return None
    columns = _without_spans(known.refs, known.octets, mailbox.vanished)
    return Record(known.epoch, {"uidnext": known.state["uidnext"]}, *columns)


async def _last(connection: Connection, commands: Iterable[tuple[bytes, ...]]) -> Status:
    """All of them in one write; how the last one ended."""
    answers = [connection.command(*words).addErrback(_value) for words in commands]
    ends: list[Status | BaseException] = [await answer for answer in answers]
    end = ends[-1]
    if isinstance(end, BaseException):
        raise end
    return end


def _value(reason: Reason) -> BaseException:
    """A failure as a value, or that of a command nobody looks at would go unhandled."""
    return cast(BaseException, reason.value)


def _without_spans(
    uids: "array[int]", octets: "array[int]", spans: Iterable[tuple[int, int]]
) -> "tuple[array[int], array[int]]":
    """The columns without ranges of UIDs, which may be in any order and name anything.

    What stays is copied: to delete each range moves all behind it, half a second for 50,000.
    """
    stay, sizes, start = array("I"), array(octets.typecode), 0
    for first, last in sorted(spans):
        end = max(start, bisect_left(uids, first))
        stay += uids[start:end]
        sizes += octets[start:end]
        start = max(end, bisect_right(uids, last))
    return stay + uids[start:], sizes + octets[start:]


async def _present(connection: Connection) -> set[int]:
    """The UIDs of all that is there now."""
    esearch = b"ESEARCH" in (connection.capabilities or ())
    there: set[int] = set()
    if connection.mailbox.exists:
        await search(connection, b"RETURN (ALL) ALL" if esearch else b"ALL", there)
    return there


def _joined(octets: "array[int]", more: "array[int]") -> "array[int]":
    """Columns may differ in width."""
    return array("Q", octets) + array("Q", more)


def _without(
    uids: "array[int]", octets: "array[int]", gone: set[int]
) -> "tuple[array[int], array[int]]":
    if len(gone) * 8 < len(uids):
        return _without_spans(uids, octets, ((uid, uid) for uid in gone))
    stays = [uid not in gone for uid in uids]
    return (
        array("I", compress(uids, stays)),
        array(octets.typecode, compress(octets, stays)),
    )


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


async def _list(connection: Connection, emit: Emitter) -> "tuple[array[int], array[int]]":
    """The UIDs and sizes of all messages, as many as there are said to be."""
    mailbox = connection.mailbox
    for _ in range(_TRIES):
        expected, gone = mailbox.exists or 0, mailbox.expunged
        if not expected:
            return array("I"), array("Q")
        columns = _in_order(await _ask(connection, b"1:*"))
        # Whatever was removed meanwhile may or may not be listed; new mail likewise.
        expected -= mailbox.expunged - gone
        listed = len(columns[0])
        if listed >= expected:
            return columns
        emit(ListingShort(listed, expected))
        await connection.command(b"NOOP")  # lets the server correct its count
    raise Unavailable("the upstream lists fewer messages than it says the INBOX has")


async def _ask(connection: Connection, uid_set: bytes) -> Rows:
    listing = _Listing()
    connection.collect_rows(listing.rows)
    try:
        status = await connection.command(
            b"UID", b"FETCH", uid_set, b"(UID RFC822.SIZE)", receiver=listing
        )
    finally:
        connection.collect_rows(None)
    # Messages removed meanwhile make it NO; the count tells whether all others are here.
    if not status.ok and status.code != b"EXPUNGEISSUED":
        shown = connection.shown(status.shown)
        raise Unavailable(f"the upstream does not list the INBOX: {shown}")
    return listing.rows


def _in_order(rows: Rows) -> tuple["array[int]", "array[int]"]:
    """The columns by ascending UID, each UID once; nearly always they come like that."""
    uids = rows.uids
    if all(map(lt, uids, islice(uids, 1, None))) and not (uids and uids[0] == 0):
        return uids, rows.octets
    octets = dict(zip(uids, rows.octets, strict=True))
    octets.pop(0, None)  # no message has UID 0 (RFC 3501 §2.3.1.1)
    ascending = array("I", sorted(octets))
    return ascending, array("Q", (octets[uid] for uid in ascending))
