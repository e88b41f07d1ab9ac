"""The list of messages, page by page, and whether it has to be read at all."""

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import TimeoutError as TookTooLong

from gateway.backend.http.api import Row
from gateway.backend.http.client import Caller
from gateway.backend.http.response import Answer
from gateway.backend.profile import rows
from gateway.backend.profile.call import below, path
from gateway.backend.profile.rows import BadList, Item, Reader
from gateway.backend.profile.schema import Profile
from gateway.backend.profile.template import Url, Values
from gateway.errors import Unavailable

_MOST = 500_000
_JSON: Mapping[str, str] = {"Accept": "application/json"}


class Listed:
    """A mailbox as it was listed.

    Attributes:
        rows: Oldest first.
        total: How many there are by the upstream's own count, if it tells.
        etag: Of the list, if it has one.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.total: int | None = None
        self.etag = ""
        self._seen: set[Row] = set()

    def add(self, items: Sequence[Item]) -> bool:
        """Add a page; whether anything in it is new. A page that moved brings some twice."""
        before = len(self.rows)
        for item in items:
            locator = "" if item.id == item.key else item.id
            row = Row(item.key, item.octets, item.received, locator)
            if row not in self._seen:
                self._seen.add(row)
                self.rows.append(row)
        return len(self.rows) > before


class Lister:
    """Lists one mailbox.

    Args:
        profile: Says how.
        caller: Of this login.
        values: The names known after login.
    """

    def __init__(self, profile: Profile, caller: Caller, values: Values) -> None:
        self._profile = profile
        self._page = profile.list.page
        self._caller = caller
        self._values = values
        self._url = Url.parse(profile.list.url)
        self._reader = Reader(profile)

    async def state(self) -> str:
        """The values by which the server tells whether anything changed; empty without.

        Raises:
            Failure: They cannot be had.
        """
        check = self._profile.unchanged
        if check is None or check.url is None:
            return ""
        target = below(self._caller, path(Url.parse(check.url), self._values))
        answer = await self._caller.json("GET", target)
        return rows.state(check.values, answer)

    async def everything(self, etag: str = "") -> Listed | None:
        """The whole list, or None if it still is the one with this ETag.

        Raises:
            Unavailable: The answer is no list, or one without an end.
        """
        listing: Any = Deferred.fromCoroutine(self._everything(etag))
        listing.addTimeout(self._caller.settings.answer_timeout, self._caller.reactor)
        try:
            found: Listed | None = await listing
        except BadList as error:
            raise Unavailable(f"the upstream's list: {error}") from None
        except TookTooLong:
            raise Unavailable("the upstream's list takes too long (answer_timeout)") from None
        return found

    async def prove(self) -> None:
        """Ask for the first page and throw it away."""
        first = {"offset": "0", "page": str(self._page.first), "limit": "1"}
        answer = await self._ask(first, "")
        answer.json()

    async def _everything(self, etag: str) -> Listed | None:
        found = Listed()
        place, number, cursor = 0, self._page.first, ""
        seen: set[str] = set()
        while True:
            counters = {"offset": str(place), "page": str(number), "cursor": cursor}
            response = await self._ask(counters | {"limit": str(self._page.limit)}, etag)
            if response.status == 304:
                return None
            answer = response.json()
            items = self._reader.items(answer)
            new = found.add(items)
            found.total = self._reader.total(answer)
            found.etag = response.headers.get("etag", "")
            cursor = self._next(answer, seen)
            place, number = place + len(items), number + 1
            if self._is_last(items, cursor, place, found.total):
                return self._ordered(found)
            self._check_growing(found, new=new)

    def _check_growing(self, found: Listed, *, new: bool) -> None:
        if len(found.rows) > _MOST:
            raise BadList(f"it has more than {_MOST} messages")
        if not (new or self._page.style == "cursor"):
            raise BadList("it has no end: pages repeat")

    async def _ask(self, counters: Mapping[str, str], etag: str) -> Answer:
        values = {**self._values, "cursor": "", **counters}
        target = below(self._caller, path(self._url, values))
        if not etag:
            return await self._caller.answer("GET", target, headers=_JSON)
        headers = {**_JSON, "If-None-Match": etag}
        return await self._caller.answer("GET", target, headers=headers, expect={200, 304})

    def _next(self, answer: Any, seen: set[str]) -> str:
        if self._page.cursor is None:
            return ""
        cursor = rows.next_cursor(self._page.cursor, answer)
        if cursor in seen:
            raise BadList("it has no end: a cursor comes again")
        if cursor:
            seen.add(cursor)
        return cursor

    def _is_last(
        self, items: Sequence[Item], cursor: str, place: int, total: int | None
    ) -> bool:
        if self._page.style == "none":
            return True
        if self._page.style == "cursor":
            return not cursor
        # A server may give less than was asked for: only an empty page is surely the last.
        return not items or (total is not None and place >= total)

    def _ordered(self, found: Listed) -> Listed:
        if self._profile.list.order == "reversed":
            found.rows.reverse()
        elif self._profile.list.order == "received":
            found.rows.sort(key=_age)
        return found


def _age(row: Row) -> tuple[int, int, str]:
    """By time, and within one second by number, if ids are numbers: 9 comes before 10."""
    identity = row.locator or row.id
    short = identity.isascii() and identity.isdigit() and len(identity) < 30
    number = int(identity) if short else 0
    return row.received, number, identity
