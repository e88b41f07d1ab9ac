"""Unique-ids: 1-70 octets of 0x21-0x7E (RFC 1939 §7), made from what the upstream has."""

import re
from array import array
from collections.abc import Sequence
from hashlib import sha256
from typing import overload

_VALID = re.compile(rb"[\x21-\x7e]{1,70}\Z")
_HASHED = b"sha256-"


def is_valid(unique_id: bytes) -> bool:
    """Whether a client may be shown this unique-id."""
    return _VALID.match(unique_id) is not None


def from_imap(uidvalidity: int, uid: int) -> bytes:
    """The unique-id of an IMAP message.

    The dot keeps (11, 1) and (1, 11) apart; both numbers are 32 bits wide, so the
    result is at most 21 octets.
    """
    return b"%d.%d" % (uidvalidity, uid)


def from_opaque(upstream_id: str) -> bytes:
    """The unique-id of a message whose upstream names it by any text.

    An id that is a valid unique-id stays as it is. Any other is hashed whole: cutting
    it would make two messages of one. JSON can carry lone surrogates: they are encoded
    in the one way that fails for none and maps no two texts to the same octets.
    """
    raw = upstream_id.encode("utf-8", "surrogatepass")
    if is_valid(raw) and not raw.startswith(_HASHED):
        return raw
    return _HASHED + sha256(raw).hexdigest()[:56].encode()


class ImapUniqueIds(Sequence[bytes]):
    """The unique-ids of a mailbox, made when asked for: 4 octets a message are kept."""

    __slots__ = ("_uids", "_uidvalidity")

    def __init__(self, uidvalidity: int, uids: "array[int]") -> None:
        self._uidvalidity = uidvalidity
        self._uids = uids

    def __len__(self) -> int:
        return len(self._uids)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            prefix = b"%d." % self._uidvalidity
            return [b"%b%d" % (prefix, uid) for uid in self._uids[index]]
        return from_imap(self._uidvalidity, self._uids[index])


class OpaqueUniqueIds(Sequence[bytes]):
    """The unique-ids of a mailbox whose ids are texts, made when asked for.

    Args:
        ids: All different.
        prefix: Put before each with a dot; empty for none.
    """

    __slots__ = ("_ids", "_prefix")

    def __init__(self, ids: Sequence[str], prefix: str = "") -> None:
        self._ids = ids
        self._prefix = f"{prefix}." if prefix else ""

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [from_opaque(self._prefix + each) for each in self._ids[index]]
        return from_opaque(self._prefix + self._ids[index])
