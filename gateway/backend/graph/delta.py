"""What delta queries tell: pages of changes, put together. Knows no I/O.

https://learn.microsoft.com/graph/delta-query-messages. A message may be told of more than once
in a round, in any order, and of a changed one perhaps only what changed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from gateway.errors import Unavailable

NO_TIME: Final = -1
_MOST = 5_000_000


@dataclass(slots=True)
class Round:
    """All pages of one round so far.

    Attributes:
        received: Of each message that is there: seconds since the epoch, NO_TIME if not told.
        removed: Ids that are gone, by what is told; see `GraphApi` for how far that is true.
        link: Where the next round begins; empty until the last page.
    """

    received: dict[str, int] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    link: str = ""

    def add(self, page: Any) -> str:
        """Take a page in.

        Returns:
            Where the next page is; empty after the last one.

        Raises:
            Unavailable: It is none.
        """
        for row in _rows(page):
            self._take(row)
        if len(self.received) + len(self.removed) > _MOST:
            raise Unavailable(f"Graph lists more than {_MOST} messages")
        self.link = _link(page, "@odata.deltaLink")
        following = "" if self.link else _link(page, "@odata.nextLink")
        if not self.link and not following:
            raise Unavailable("Graph's answer to a delta query has no link to go on")
        return following

    def _take(self, row: Mapping[str, Any]) -> None:
        name = row.get("id")
        if not isinstance(name, str) or not name:
            raise Unavailable("Graph lists a message without an id")
        if "@removed" in row:
            # Where it is told of as both, it is looked for: the count decides (`GraphApi`).
            self.removed.add(name)
            return
        time = _seconds(row.get("receivedDateTime"))
        if time != NO_TIME or name not in self.received:
            self.received[name] = time


def _rows(page: Any) -> Iterator[Mapping[str, Any]]:
    rows = page.get("value") if isinstance(page, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unavailable("Graph's answer is no list of messages")
    yield from rows


def _link(page: Mapping[str, Any], name: str) -> str:
    link = page.get(name)
    return link if isinstance(link, str) else ""


def _seconds(text: Any) -> int:
    """A time as OData writes it; what cannot be read only loses its place in the order."""
    if not isinstance(text, str):
        return NO_TIME
    try:
        return max(0, int(datetime.fromisoformat(text).timestamp()))
    except (ValueError, OverflowError):
        return NO_TIME
