"""The index: what was learned of an account's mailbox, so that a login costs O(changes)."""

from gateway.index.store import Index, IndexUnusable, NoIndex, Record, SqliteIndex
from gateway.index.texts import TextRecord

__all__ = ["Index", "IndexUnusable", "NoIndex", "Record", "SqliteIndex", "TextRecord"]
