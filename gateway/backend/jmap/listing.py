"""Lists the INBOX, or what changed in it (RFC 8621 §4).

Email/changes tells of the whole account; which messages are in the INBOX now is asked of each.
Email/queryChanges is not used: a real server was seen to leave out removals.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.backend.http.api import Listing, Row
from gateway.backend.jmap.calls import MethodError, Methods, good, not_jmap, table, text, texts
from gateway.errors import Misconfigured, Unavailable
from gateway.index import TextRecord

_PROPERTIES = ("id", "size", "blobId", "receivedAt")
_SORT = ({"property": "receivedAt", "isAscending": True},)
_TRIES = 3
# Beyond so many rounds of changes a full listing costs less.
_MOST_ROUNDS = 10
_MOST = 2_000_000
# RFC 8620 §5.5 and 5.6: errors after which the listing begins anew.
_ANEW = frozenset({"anchorNotFound", "cannotCalculateChanges", "requestTooLarge"})


class Lister:
    """Lists for one session.

    Args:
        methods: Calls methods.
        page: Messages to list by one request.
        trash: Whether the mailbox for deleted mail is needed.

    Attributes:
        inbox: The INBOX's id, known after a listing.
        bin: The id of the mailbox for deleted mail, if it is needed.
    """

    def __init__(self, methods: Methods, page: int, *, trash: bool) -> None:
        self.inbox = ""
        self.bin = ""
        self._methods = methods
        self._page = min(page, methods.session.limits.get)
        self._trash = trash

    async def whole(self) -> Listing:
        """Everything.

        Raises:
            Failure: Of the request.
        """
        asked = await self._methods.call(*self._mailboxes())
        self._note_mailboxes(asked)
        for _ in range(_TRIES):
            try:
                return await self._pages()
            except MethodError as error:
                if error.kind not in _ANEW:
                    raise
                if error.kind == "requestTooLarge":
                    self._page = max(1, self._page // 2)  # whatever the session object says
        raise Unavailable("the upstream's INBOX changes faster than it can be listed")

    async def changes(self, known: TextRecord) -> Listing | None:
        """What changed since; None if the server cannot say, or would take too long."""
        state, inbox = known.state.get("email"), known.state.get("mailbox")
        if not state or not inbox:
            return None
        mailboxes = self._mailboxes()
        *asked, changes, counted = await self._methods.call(
            *mailboxes, self._changes(state), _count(inbox)
        )
        self._note_mailboxes(asked)
        if self.inbox != inbox or isinstance(changes, MethodError):
            return None
        delta = _Delta(changes)
        for _ in range(_MOST_ROUNDS):
            if not delta.more:
                break
            (changes,) = await self._methods.call(self._changes(delta.state))
            if isinstance(changes, MethodError):
                return None
            delta.add(changes)
        if delta.more:
            return None
        rows, elsewhere = await self._look_at(sorted(delta.alive))
        return Listing(
            self._epoch(),
            rows,
            self._state(delta.state),
            changes=True,
            removed=delta.destroyed | elsewhere,
            total=_total(good(counted)),
        )

    # The mailboxes.

    def _mailboxes(self) -> list[tuple[str, Mapping[str, Any]]]:
        roles = ["inbox", "trash"] if self._trash else ["inbox"]
        return [("Mailbox/query", {"filter": {"role": role}}) for role in roles]

    def _note_mailboxes(self, answers: Sequence[Any]) -> None:
        found = [texts(good(answer).get("ids")) for answer in answers]
        if not found[0]:
            raise Misconfigured("the upstream's account has no mailbox with the role inbox")
        self.inbox = found[0][0]
        if self._trash:
            if not found[1]:
                raise Misconfigured(
                    "the upstream's account has no mailbox with the role trash: make one, or "
                    'use delete = "destroy"'
                )
            self.bin = found[1][0]

    # Everything.

    async def _pages(self) -> Listing:
        """Each page begins behind the last message of the one before, wherever that is now."""
        rows: list[Row] = []
        seen: set[str] = set()
        state, total, anchor = "", 0, None
        while anchor is None or len(rows) < total:
            query, got = await self._ask_page(anchor)
            ids = texts(query.get("ids"))
            rows += _rows(got)
            state = state or text(got.get("state"))
            total = _total(query)
            if not ids:
                break
            if seen.issuperset(ids) or len(seen) > _MOST:
                raise Unavailable("the upstream's pages do not end")
            seen.update(ids)
            anchor = ids[-1]
        return Listing(self._epoch(), rows, self._state(state), total=total)

    async def _ask_page(self, anchor: str | None) -> tuple[Any, Any]:
        place = {} if anchor is None else {"anchor": anchor, "anchorOffset": 1}
        query = (
            "Email/query",
            {
                "filter": {"inMailbox": self.inbox},
                "sort": _SORT,
                "collapseThreads": False,
                "calculateTotal": True,
                "limit": self._page,
                **place,
            },
        )
        get = {"properties": _PROPERTIES}
        if self._methods.session.limits.calls > 1:
            reference = {"resultOf": "0", "name": "Email/query", "path": "/ids"}
            asked, got = await self._methods.together(
                query, ("Email/get", {**get, "#ids": reference})
            )
            return good(asked), good(got)
        (asked,) = await self._methods.call(query)
        (got,) = await self._methods.call(("Email/get", {**get, "ids": good(asked).get("ids")}))
        return good(asked), good(got)

    # Changes.

    def _changes(self, since: str) -> tuple[str, Mapping[str, Any]]:
        return "Email/changes", {
            "sinceState": since,
            "maxChanges": self._methods.session.limits.get,
        }

    async def _look_at(self, ids: Sequence[str]) -> tuple[list[Row], set[str]]:
        """Those of them that are in the INBOX, and those that are not."""
        rows: list[Row] = []
        limits = self._methods.session.limits
        for portion in self._methods.portions(ids, limits.get, lambda id_: len(id_) + 8):
            (answer,) = await self._methods.call(
                ("Email/get", {"ids": portion, "properties": [*_PROPERTIES, "mailboxIds"]})
            )
            got = good(answer)
            rows += _rows(got, self.inbox)
        return rows, set(ids) - {row.id for row in rows}

    def _epoch(self) -> str:
        return f"{self._methods.session.account}/{self.inbox}"

    def _state(self, email: str) -> Mapping[str, str]:
        return {"email": email, "mailbox": self.inbox}


class _Delta:
    """What Email/changes tells in several rounds; the last word on an id counts."""

    def __init__(self, changes: Mapping[str, Any]) -> None:
        self.alive: set[str] = set()
        self.destroyed: set[str] = set()
        self.add(changes)

    def add(self, changes: Mapping[str, Any]) -> None:
        """The next round."""
        alive = {*texts(changes.get("created")), *texts(changes.get("updated"))}
        gone = set(texts(changes.get("destroyed")))
        self.alive = (self.alive | alive) - gone
        self.destroyed = (self.destroyed - alive) | gone
        self.state = text(changes.get("newState"))
        self.more = bool(changes.get("hasMoreChanges"))


def _count(mailbox: str) -> tuple[str, Mapping[str, Any]]:
    """Asks only how many there are; a limit of 0 is too odd to be relied on."""
    return "Email/query", {
        "filter": {"inMailbox": mailbox},
        "sort": _SORT,
        "collapseThreads": False,
        "calculateTotal": True,
        "limit": 1,
    }


def _total(query: Mapping[str, Any]) -> int:
    total = query.get("total")
    if not isinstance(total, int) or isinstance(total, bool):
        raise Unavailable("the upstream's JMAP does not say how many messages there are")
    return total


def _rows(got: Mapping[str, Any], mailbox: str | None = None) -> Iterable[Row]:
    """The messages of an Email/get, with `mailbox` only those in it."""
    listed = got.get("list")
    if not isinstance(listed, list):
        raise not_jmap()
    rows = []
    for each in listed:
        email = table(each)
        if mailbox is None or table(email.get("mailboxIds")).get(mailbox) is True:
            rows.append(_row(email))
    return rows


def _row(email: Mapping[str, Any]) -> Row:
    size = email.get("size")
    if not isinstance(size, int) or isinstance(size, bool):
        raise not_jmap()
    received = _seconds(text(email.get("receivedAt")))
    return Row(text(email.get("id")), size, received, text(email.get("blobId")))


def _seconds(date: str) -> int:
    """Of a UTCDate (RFC 8620 §1.4)."""
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        raise not_jmap() from None
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
