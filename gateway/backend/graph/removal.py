"""Removing messages by Graph: batches of twenty, and the truth about each message.

An immutable id finds its message in every folder. So what left the INBOX since the
listing is not touched, and what was refused is looked for: only what is certainly not in the
INBOX any more counts as removed.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from gateway.backend.graph import batch
from gateway.backend.graph.batch import Part
from gateway.backend.graph.delta import Round
from gateway.backend.graph.settings import GraphSettings
from gateway.backend.http.client import Caller
from gateway.backend.http.origin import segment
from gateway.telemetry import Emitter, Event, Level, printable

_BATCH: Final = "v1.0/$batch"
_HEADERS: Final = {"Prefer": 'IdType="ImmutableId"'}
_MOST_WAITS: Final = 5
_DEFAULT_WAIT: Final = 1.0
# The well-known name: /graph/api/resources/mailfolder.
_TRASH: Final = {"destinationId": "deleteditems"}


@dataclass(frozen=True, slots=True)
class RemovalRefused(Event):
    """Graph would not remove a message, which is still in the INBOX."""

    level: ClassVar[Level] = "warning"
    status: int
    code: str


@dataclass(frozen=True, slots=True)
class Inbox:
    """The INBOX as it was listed.

    Attributes:
        owner: The path of whose it is.
        id: Of the folder.
        link: Where the changes since then can be asked for.
    """

    owner: str
    id: str
    link: str


class Removal:
    """What was listed once, and what is removed of it.

    Args:
        caller: Sends requests.
        settings: What removing does.
        emit: Where events go.
        inbox: What was listed.
    """

    def __init__(
        self, caller: Caller, settings: GraphSettings, emit: Emitter, inbox: Inbox
    ) -> None:
        self._caller = caller
        self._settings = settings
        self._emit = emit
        self._inbox = inbox
        self._suspects: set[str] | None = None
        self._looked = False

    async def remove(
        self, ids: Sequence[str], changes: Callable[[Inbox], Awaitable[Round | None]]
    ) -> Collection[str]:
        """Remove messages; those that are certainly not in the INBOX any more.

        Args:
            ids: At most as many as a batch holds.
            changes: Asks what changed since the listing.

        Raises:
            EpochChanged, Unavailable, and whatever a request may raise.
        """
        if not self._looked:
            found = await changes(self._inbox)
            self._suspects, self._looked = (None if found is None else found.removed), True
        # None: nobody knows what left, so each is asked where it is.
        doubted = [each for each in ids if self._suspects is None or each in self._suspects]
        places = await self._places(doubted)
        absent = {each for each in doubted if places[each] is False}
        wanted = [each for each in ids if each not in places or places[each]]
        if self._suspects is not None:
            self._suspects.update(wanted)  # asked again, it may have been done
        return absent | await self._carry_out(wanted)

    async def _carry_out(self, ids: Sequence[str]) -> set[str]:
        permanent = self._settings.delete == "permanent"
        deed, body = ("permanentDelete", None) if permanent else ("move", _TRASH)
        parts = await self._all("POST", ids, f"/{deed}", body, folder="mailFolders/inbox/")
        removed = {each for each, part in parts.items() if part.done or part.gone}
        refused = [each for each in ids if each not in removed]
        places = await self._places(refused)
        for each in refused:
            if places[each] is False:
                removed.add(each)
            else:
                part = parts[each]
                code = printable(part.code.encode("utf-8", "surrogatepass"))
                self._emit(RemovalRefused(part.status, code))
        return removed

    async def _places(self, ids: Sequence[str]) -> dict[str, bool | None]:
        """Whether each is in the INBOX; None if nobody knows."""
        parts = await self._all("GET", ids, "?$select=parentFolderId")
        return {each: self._is_here(part) for each, part in parts.items()}

    def _is_here(self, part: Part) -> bool | None:
        if part.gone:
            return False
        folder = part.body.get("parentFolderId") if part.done else None
        return folder == self._inbox.id if isinstance(folder, str) else None

    async def _all(
        self, method: str, ids: Sequence[str], tail: str, body: Any = None, folder: str = ""
    ) -> dict[str, Part]:
        """The same for each message; what is too much at once is tried again, but not long."""
        parts: dict[str, Part] = {}
        waited, left = 0.0, list(ids)
        for _ in range(_MOST_WAITS):
            parts |= await self._batch(method, left, tail, body, folder)
            left = [each for each in left if parts[each].busy]
            told = [parts[each].retry_after for each in left]
            pause = max((_DEFAULT_WAIT if each is None else each for each in told), default=0)
            if not left or waited + pause > self._caller.settings.retry_after:
                break
            waited += pause
            over: Deferred[None] = deferLater(self._caller.reactor, pause)
            await over
        return parts

    async def _batch(
        self, method: str, ids: Sequence[str], tail: str, body: Any, folder: str
    ) -> dict[str, Part]:
        if not ids:
            return {}
        start = f"/{self._inbox.owner}/{folder}messages/"
        urls = [f"{start}{segment(each)}{tail}" for each in ids]
        sent = batch.request(method, urls, _HEADERS, body)
        answer = await self._alone(sent)
        return dict(zip(ids, batch.outcomes(answer, len(ids)), strict=True))

    async def _alone(self, sent: Any) -> Any:
        """A batch runs four of its requests at a time, all that a mailbox may have."""
        slots, taken = self._caller.slots, 0
        try:
            while taken < slots.limit - 1:
                await slots.take()
                taken += 1
            return await self._caller.json("POST", _BATCH, send=sent)
        finally:
            for _ in range(taken):
                slots.give()
