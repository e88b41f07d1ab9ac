"""The record of a mailbox whose messages have texts for names, and how it is packed.

Five columns in one blob: two arrays of numbers and one octet a message, and the texts as
JSON, which is read and written at C speed and has a form for every text, lone surrogates too.
"""

import json
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

UNKNOWN = -1
"""In the column of octets: nobody has told or counted them."""
LEARNED = 1
"""A flag: the octets were counted while the message passed; nothing else overrides them."""
DOUBTFUL = 2
"""A flag: two messages have this id; it is shown, and never removed."""
TROUBLED = 4
"""A flag: reading it to count its octets failed, so that it is not waited for again."""
# The first octet tells the kind and version; IMAP's columns begin with 4 or 8.
_KIND = b"T"
_CELL = 8


@dataclass(frozen=True, slots=True, repr=False)
class TextRecord:
    """What is known of one mailbox, in message-number order.

    `octets` and `flags` change in place while sizes are learned; all else is replaced whole.

    Attributes:
        epoch: The upstream's generation.
        state: By which the driver asks for changes.
        ids: The messages; each once.
        locators: What else finds each of them; as many, or none at all if all are empty.
        received: What they are ordered by.
        octets: Their sizes, UNKNOWN where not known. What the upstream said, unless LEARNED.
        flags: LEARNED, DOUBTFUL, TROUBLED.
    """

    epoch: str
    state: Mapping[str, str]
    ids: Sequence[str]
    locators: Sequence[str]
    received: "array[int]"
    octets: "array[int]"
    flags: bytearray

    def __len__(self) -> int:
        return len(self.ids)

    def locator(self, index: int) -> str:
        """The locator of one message; empty if it has none."""
        return self.locators[index] if self.locators else ""


def pack_texts(record: TextRecord) -> bytes:
    """All columns."""
    received, octets = array("q", record.received), array("q", record.octets)
    if sys.byteorder == "big":
        received.byteswap()
        octets.byteswap()
    texts = json.dumps([list(record.ids), list(record.locators)], separators=(",", ":"))
    count = len(record).to_bytes(4, "little")
    return b"".join(
        (_KIND, count, received.tobytes(), octets.tobytes(), record.flags, texts.encode())
    )


def unpack_texts(epoch: str, state: str, columns: bytes) -> TextRecord:
    """The record that was packed.

    Raises:
        ValueError, TypeError: It was not packed here.
    """
    if columns[:1] != _KIND:
        raise ValueError("another kind of record")
    count, start = int.from_bytes(columns[1:5], "little"), 5
    middle, end = start + _CELL * count, start + 2 * _CELL * count
    received, octets = array("q"), array("q")
    received.frombytes(columns[start:middle])
    octets.frombytes(columns[middle:end])
    if sys.byteorder == "big":
        received.byteswap()
        octets.byteswap()
    flags = bytearray(columns[end : end + count])
    ids, locators = json.loads(columns[end + count :])
    if not len(ids) == len(octets) == len(flags) == count or len(locators) not in {0, count}:
        raise ValueError("damaged columns")
    return TextRecord(epoch, json.loads(state), ids, locators, received, octets, flags)
