"""The requests of one login to the Gmail API (v1), and what is read of their answers."""

import json
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from gateway.backend.gmail.faults import is_not_found
from gateway.backend.gmail.history import Changes, Unclear, text
from gateway.backend.http.client import Caller
from gateway.backend.http.origin import segment
from gateway.errors import MessageGone, Misconfigured, Unavailable
from gateway.telemetry import Emitter, Event, Level

_PAGE: Final = 500
"""The most that a page of messages or history can have."""
_MOST_PAGES: Final = 100_000
_OK: Final = frozenset({200, 204})


@dataclass(frozen=True, slots=True)
class HistoryForgotten(Event):
    """Gmail did not know the history since the last login; everything was listed anew."""

    level: ClassVar[Level] = "debug"


@dataclass(frozen=True, slots=True)
class Profile:
    """Whose mailbox it is, and where its history has come to; empty if that is not told."""

    address: str
    history: str


class Requests:
    """See the module.

    Args:
        caller: Sends requests for this login.
        user: Whose mailbox: an address as a segment of a path, or `me`.
        emit: Where events go.
    """

    def __init__(self, caller: Caller, user: str, emit: Emitter) -> None:
        self._caller = caller
        self._emit = emit
        self.base = f"gmail/v1/users/{user}"
        self.http = caller.settings

    async def done(
        self, method: str, target: str, send: Any = None, refusals: Container[int] = ()
    ) -> bool:
        """Do something that can be repeated; whether it is done.

        Args:
            method: Of HTTP.
            target: Below the user.
            send: Sent as JSON.
            refusals: Statuses, of 400 and 404, that only mean that it is not done.

        Raises:
            MessageGone: Gmail says that there is no such message.
            Misconfigured, Unavailable: See `Caller.request`.
        """
        headers: dict[str, str] = {}
        body = None
        if send is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(send, separators=(",", ":")).encode()
        answer = await self._caller.answer(
            method,
            f"{self.base}/{target}",
            headers=headers,
            body=body,
            expect=_OK | {400, 404},
            repeatable=True,
        )
        if answer.status in _OK:
            answer.refuse_page()
            return True
        if answer.status in refusals:
            return False
        if answer.status == 404 and is_not_found(answer.octets):
            raise MessageGone("Gmail has no such message any more")
        raise Misconfigured(f"Gmail answers {answer.status} to {method} {target}"[:200])

    async def profile(self) -> Profile:
        """Who it is.

        Raises:
            Failure: Gmail does not say.
        """
        answer = await self._caller.answer("GET", f"{self.base}/profile", expect=_OK | {404})
        if answer.status == 404:
            # Not Gmail itself but an emulator of it. Without a history all is listed.
            return Profile(self.base, "")
        told = answer.json()
        told = told if isinstance(told, dict) else {}
        address, history = text(told, "emailAddress"), text(told, "historyId")
        if not address:
            raise Unavailable("Gmail does not say whose mailbox it is")
        return Profile(address, history)

    async def inbox(self) -> Sequence[str]:
        """The ids of all messages in the inbox, newest first."""
        found: dict[str, None] = {}
        pages = _Pages(f"{self.base}/messages?labelIds=INBOX&maxResults={_PAGE}")
        while not pages.over:
            page = await self._caller.json("GET", pages.target)
            found |= dict.fromkeys(_ids(page))
            pages.turn(text(page, "nextPageToken"))
        return list(found)

    async def total(self) -> int | None:
        """How many messages are in the inbox by Gmail's own count; None if it does not tell."""
        answer = await self._caller.answer(
            "GET", f"{self.base}/labels/INBOX", expect=_OK | {404}
        )
        if answer.status == 404:
            return None
        told = answer.json()
        total = told.get("messagesTotal") if isinstance(told, dict) else None
        return total if type(total) is int else None

    async def changes(self, since: str, until: str) -> Changes | None:
        """What happened between two points of the history.

        Returns:
            None if Gmail does not know any more, or does not say enough.
        """
        changes = Changes()
        if since == until:
            return changes
        start = f"startHistoryId={segment(since)}&maxResults={_PAGE}"
        pages = _Pages(f"{self.base}/history?{start}")
        while not pages.over:
            answer = await self._caller.answer("GET", pages.target, expect=_OK | {400, 404})
            if answer.status in {400, 404}:
                self._emit(HistoryForgotten())
                return None
            try:
                pages.turn(changes.add(answer.json()))
            except Unclear:
                return None
        return changes


class _Pages:
    """Goes from page to page, and not for ever."""

    def __init__(self, first: str) -> None:
        self._first = first
        self._tokens: set[str] = set()
        self.target = first
        self.over = False

    def turn(self, token: str) -> None:
        """On to the page with this token; without one it was the last."""
        if token in self._tokens or len(self._tokens) == _MOST_PAGES:
            raise Unavailable("Gmail's pages go round in a circle")
        self._tokens.add(token)
        self.target = f"{self._first}&pageToken={segment(token)}"
        self.over = not token


def _ids(page: Any) -> Sequence[str]:
    found = page.get("messages", []) if isinstance(page, dict) else None
    if not isinstance(found, list):
        raise Unavailable("Gmail's answer is no list of messages")
    ids = [text(each, "id") if isinstance(each, dict) else "" for each in found]
    if not all(ids):
        raise Unavailable("Gmail lists a message without an id")
    return ids
