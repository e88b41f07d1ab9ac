"""From a driver's listing to the record that is kept. Knows no I/O."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import replace

from gateway.backend.http.api import Listing, Row, Traits
from gateway.index import TextRecord
from gateway.index.texts import DOUBTFUL, LEARNED, UNKNOWN

_LARGEST = (1 << 62) - 1
_USUAL = 4096


def whole(
    listing: Listing, known: TextRecord | None, traits: Traits, *, twice: bool = False
) -> TextRecord | None:
    """The record of a listing of everything.

    Args:
        listing: Of everything.
        known: What was there before: octets that were learned stay learned.
        traits: Of the API.
        twice: Whether a row that came twice may count twice. If not, it is taken for one that
            came instead of another, as from a page that moved.

    Returns:
        The record; None if messages are missing by the upstream's own count.
    """
    listed = len(listing.rows if twice else {*listing.rows})
    if listing.total is not None and listed < listing.total:
        return None
    learned = _learned(known) if known is not None and known.epoch == listing.epoch else {}
    return _record(listing, *_once(listing.rows, traits), learned)


def changed(listing: Listing, known: TextRecord, traits: Traits) -> TextRecord | None:
    """The record of what was known with the changes in it.

    Returns:
        The record, None if it does not fit what the upstream says now. Nothing but the state
        is new in it if there were no changes.
    """
    if listing.epoch != known.epoch:
        return None
    positions = {id_: index for index, id_ in enumerate(known.ids)}
    gone = {*listing.removed, *(row.id for row in listing.rows)} & positions.keys()
    if not gone and not listing.rows:
        record = replace(known, state=dict(listing.state))
    else:
        rows = [_row(known, index) for id_, index in positions.items() if id_ not in gone]
        merged, doubtful = _once([*rows, *listing.rows], traits)
        doubtful |= {id_ for id_, index in positions.items() if known.flags[index] & DOUBTFUL}
        record = _record(listing, merged, doubtful, _learned(known))
    fits = listing.total is None or len(record) == listing.total
    return record if fits else None


def without(record: TextRecord, removed: Iterable[str], traits: Traits) -> TextRecord:
    """The record less some messages.

    Its state is that of the list with them. From there an upstream can tell changes; but one
    that only says "the same as then" would say so of a list that still has them.
    """
    gone = frozenset(removed)
    stays = [index for index, id_ in enumerate(record.ids) if id_ not in gone]
    return TextRecord(
        record.epoch,
        record.state if traits.delta else {},
        [record.ids[i] for i in stays],
        [record.locators[i] for i in stays] if record.locators else (),
        array("q", (record.received[i] for i in stays)),
        array("q", (record.octets[i] for i in stays)),
        bytearray(record.flags[i] for i in stays),
    )


def is_text(epoch: str) -> bool:
    """Whether index and journal can keep it: JSON can carry half a character."""
    try:
        epoch.encode()
    except UnicodeEncodeError:
        return False
    return True


def unlearned(record: TextRecord, traits: Traits) -> Sequence[int]:
    """The messages of which nobody knows how many octets they have."""
    if traits.exact_octets:
        return [i for i, octets in enumerate(record.octets) if octets == UNKNOWN]
    return [i for i, flags in enumerate(record.flags) if not flags & LEARNED]


def announced(record: TextRecord) -> "array[int]":
    """What to tell a client of each message: what is known, else as much as usual."""
    known = [octets for octets in record.octets if octets != UNKNOWN]
    usual = sum(known) // len(known) if known else _USUAL
    return array("q", (usual if each == UNKNOWN else each for each in record.octets))


def _once(rows: Sequence[Row], traits: Traits) -> tuple[list[Row], set[str]]:
    """Each id once, in order; and those under which two different messages were listed.

    The same twice is a page that moved while it was read.
    """
    found: dict[str, Row] = {}
    doubtful: set[str] = set()
    for row in rows:
        if found.setdefault(row.id, row) != row:
            doubtful.add(row.id)
    ordered = list(found.values())
    if traits.order == "received":
        ordered.sort(key=lambda row: (row.received, row.id))
    return ordered, doubtful


def _record(
    listing: Listing, rows: Sequence[Row], doubtful: set[str], learned: dict[str, int]
) -> TextRecord:
    octets = (learned.get(row.id, _octets(row.octets)) for row in rows)
    flags = (
        (LEARNED if row.id in learned else 0) | (DOUBTFUL if row.id in doubtful else 0)
        for row in rows
    )
    return TextRecord(
        listing.epoch,
        dict(listing.state),
        [row.id for row in rows],
        [row.locator for row in rows] if any(row.locator for row in rows) else (),
        array("q", (max(-_LARGEST, min(row.received, _LARGEST)) for row in rows)),
        array("q", octets),
        bytearray(flags),
    )


def _octets(told: int | None) -> int:
    """A size that can be one."""
    return told if told is not None and 0 <= told <= _LARGEST else UNKNOWN


def _row(record: TextRecord, index: int) -> Row:
    octets = record.octets[index]
    return Row(
        record.ids[index],
        None if octets == UNKNOWN else octets,
        record.received[index],
        record.locator(index),
    )


def _learned(record: TextRecord) -> dict[str, int]:
    return {
        id_: octets
        for id_, octets, flags in zip(record.ids, record.octets, record.flags, strict=True)
        if flags & LEARNED
    }
