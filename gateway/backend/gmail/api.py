"""One login's inbox by the Gmail API, for the shared HTTP room.

`messages.list` gives ids only, newest first; `sizeEstimate` is never a message's size, and each
costs a request. So sizes are learned from the messages themselves.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from gateway.backend.gmail import explain
from gateway.backend.gmail.decode import RawMessage
from gateway.backend.gmail.faults import explained
from gateway.backend.gmail.quota import Quota
from gateway.backend.gmail.requests import Profile, Requests
from gateway.backend.gmail.settings import GmailSettings
from gateway.backend.http import count
from gateway.backend.http.api import Listing, Message, Raw, Row, Traits
from gateway.backend.http.client import Caller
from gateway.backend.http.origin import segment
from gateway.errors import (
    BadCredentials,
    EpochChanged,
    Failure,
    MessageGone,
    Misconfigured,
    Unavailable,
)
from gateway.index import TextRecord
from gateway.telemetry import Emitter, Event, Level

AT_ONCE: Final = 8
MOST_IDS: Final = 1000
"""How many messages a batchModify or batchDelete may name."""
_TRAITS = Traits(
    exact_octets=False,
    delta=True,
    order="listed",
    remove_at_once=MOST_IDS,
    concurrency=AT_ONCE,
)
_TRASH: Final = {"addLabelIds": ["TRASH"], "removeLabelIds": ["INBOX"]}
_ARCHIVE: Final = {"removeLabelIds": ["INBOX"]}


@dataclass(frozen=True, slots=True)
class RemovalRefused(Event):
    """Gmail would not remove messages, which are still in the inbox."""

    level: ClassVar[Level] = "warning"
    detail: str


class GmailApi:
    """See `gateway.backend.http.api.Api`.

    Args:
        requests: Of this login.
        settings: What removing does.
        emit: Where events go.
    """

    def __init__(self, requests: Requests, settings: GmailSettings, emit: Emitter) -> None:
        self._requests = requests
        self._settings = settings
        self._emit = emit
        self._profile: Profile | None = None
        self._listed: Profile | None = None
        self._left: set[str] | None = None
        self._before: TextRecord | None = None
        self._state: Mapping[str, str] = {}

    @property
    def traits(self) -> Traits:
        """See `Api`."""
        return _TRAITS

    async def prove(self) -> None:
        """See `Api`."""
        self._profile = await self._requests.profile()

    async def list(self, known: TextRecord | None) -> Listing:
        """See `Api`."""
        # Asked before anything is listed, so that what comes meanwhile is told of next time.
        profile, self._profile = self._profile or await self._requests.profile(), None
        self._before = known or self._before
        self._listed, self._left = profile, None
        if known is not None and known.epoch == profile.address:
            listing = await self._changed(known, profile)
            if listing is not None:
                self._state = listing.state
                return listing
        rows = [Row(name) for name in reversed(await self._requests.inbox())]
        before = {} if self._before is None else self._before.state
        state = count.after_all(len(rows), await self._requests.total(), before)
        state |= {"history": profile.history} if profile.history else {}
        self._state = state
        return Listing(profile.address, rows, state)

    async def _changed(self, known: TextRecord, profile: Profile) -> Listing | None:
        """What changed since; None if Gmail does not say."""
        since = known.state.get("history", "")
        if not since or not profile.history:
            return None
        changes = await self._requests.changes(since, profile.history)
        if changes is None:
            return None
        # The history may lag behind the profile, or be ahead of it when its pages are read.
        upto = _earlier(profile.history, changes.history or since)
        state = {"history": upto, **count.kept(known.state)}
        total = None
        if changes.here or not count.is_settled(known.state):
            total = count.expected(await self._requests.total(), known.state)
        rows = [Row(name) for name in changes.came]
        return Listing(
            profile.address, rows, state, changes=True, removed=changes.left, total=total
        )

    def raw(self, message: Message) -> Raw:
        """See `Api`."""
        target = f"{self._requests.base}/messages/{segment(message.id)}?format=raw"
        return Raw(target, {"Accept": "application/json"}, RawMessage)

    async def remove(self, messages: Sequence[Message]) -> Collection[str]:
        """See `Api`. What left the inbox since the listing is not touched."""
        ids = [message.id for message in messages]
        if self._left is None:
            self._left = await self._gone_since(ids)
        wanted = [each for each in ids if each not in self._left]
        gone = {each for each in ids if each in self._left}
        if wanted:
            gone |= await self._carry_out(wanted)
        return gone

    async def close(self) -> None:
        """See `Api`."""

    def explain(self) -> Sequence[str]:
        """See `gateway.backend.http.api.explained`."""
        return explain.lines(self._settings, self._requests.http)

    async def _gone_since(self, ids: Sequence[str]) -> set[str]:
        """Which are not in the inbox any more; they may be wherever the owner put them."""
        listed = self._listed
        if listed is not None and listed.history:
            profile = await self._requests.profile()
            if profile.address != listed.address:
                raise EpochChanged(
                    "the token opens another mailbox than the one that was listed"
                )
            changes = await self._requests.changes(listed.history, profile.history)
            if changes is not None:
                return changes.left
        there = await self._requests.inbox()
        total = count.expected(await self._requests.total(), self._state)
        if total is not None and len(there) < total:
            raise Unavailable("Gmail lists fewer messages than it counts: none is surely gone")
        return set(ids) - set(there)

    async def _carry_out(self, ids: Sequence[str]) -> set[str]:
        target, body = self._bulk(ids)
        try:
            if await self._requests.done("POST", target, body, refusals=(400, 404)):
                return set(ids)
            # One id that Gmail does not like must not keep the others.
            return {each for each in ids if await self._remove_one(each)}
        except Misconfigured as failure:
            self._emit(RemovalRefused(failure.detail))
            return set()

    def _bulk(self, ids: Sequence[str]) -> tuple[str, Any]:
        if self._settings.delete == "permanent":
            return "messages/batchDelete", {"ids": ids}
        labels = _TRASH if self._settings.delete == "trash" else _ARCHIVE
        return "messages/batchModify", {"ids": ids, **labels}

    async def _remove_one(self, name: str) -> bool:
        path = f"messages/{segment(name)}"
        method, target, body = {
            "permanent": ("DELETE", path, None),
            "trash": ("POST", f"{path}/trash", None),
            "archive": ("POST", f"{path}/modify", _ARCHIVE),
        }[self._settings.delete]
        try:
            return await self._requests.done(method, target, body)
        except MessageGone:
            return True
        except Misconfigured as failure:
            self._emit(RemovalRefused(failure.detail))
            return False


def _earlier(one: str, other: str) -> str:
    """Of two points in the history."""
    if not all(each.isascii() and each.isdecimal() for each in (one, other)):
        return one
    return min(one, other, key=_size)


def _size(number: str) -> tuple[int, str]:
    """What orders numbers of any length, which `int` does not take."""
    digits = number.lstrip("0")
    return len(digits), digits


async def connect(
    caller: Caller, settings: GmailSettings, quota: Quota, emit: Emitter
) -> GmailApi:
    """Begin a login: see whose mailbox the token is for.

    Raises:
        BadCredentials, ConsentMissing, Throttled, Unavailable, Misconfigured
    """
    by_name = settings.mailbox == "name"
    login = caller.login.user

    async def pace(method: str, url: str) -> None:
        await quota.spend(login if by_name else b"me", method, url)

    def meaning(status: int, body: bytes) -> Failure | None:
        return explained(status, body, by_name=by_name)

    caller.pace, caller.explain = pace, meaning
    api = GmailApi(Requests(caller, _user(login) if by_name else "me", emit), settings, emit)
    await api.prove()
    return api


def _user(login: bytes) -> str:
    """A name as a segment of a path.

    Raises:
        BadCredentials: It cannot be an address.
    """
    try:
        name = login.decode()
    except UnicodeDecodeError:
        raise BadCredentials("the name is not UTF-8") from None
    if name.casefold() == "me":
        raise BadCredentials("the name must be the mailbox's address")
    return segment(name)
