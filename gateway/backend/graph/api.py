"""One login's INBOX by Microsoft Graph (v1.0), for the shared HTTP room.

Every request asks for immutable ids (/graph/outlook-immutable-id): the usual ones change
when a message is moved. With immutable ids, delta queries tell of a message that left the
folder and came back as removed and nothing more, and perhaps nothing of one that was moved
in (microsoft-graph-docs-contrib issue 72). So the folder's own count goes with every list of
changes, and if the two do not agree everything is listed anew; and before a message is taken
for gone at QUIT, it is asked where it is.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from gateway.backend.graph import batch, explain
from gateway.backend.graph.delta import NO_TIME, Round
from gateway.backend.graph.faults import refused
from gateway.backend.graph.removal import Inbox, Removal
from gateway.backend.graph.settings import GraphSettings
from gateway.backend.http import count
from gateway.backend.http.api import Listing, Message, Raw, Row, Traits
from gateway.backend.http.client import Caller
from gateway.backend.http.decode import LineFeeds
from gateway.backend.http.origin import segment
from gateway.errors import BadCredentials, EpochChanged, Misconfigured, Unavailable
from gateway.index import TextRecord
from gateway.telemetry import Emitter, Event, Level

AT_ONCE: Final = 4
"""Requests that one mailbox may have under way (/graph/throttling-limits, Outlook)."""
IMMUTABLE: Final = 'IdType="ImmutableId"'
_TRAITS = Traits(
    exact_octets=False,
    delta=True,
    order="received",
    remove_at_once=batch.MOST,
    concurrency=AT_ONCE,
)
_MOST_PAGES: Final = 100_000
# Of a token: forgotten by the server, or not one of its own.
_STALE: Final = frozenset({400, 410})


@dataclass(frozen=True, slots=True)
class DeltaForgotten(Event):
    """Graph did not know any more what was listed last; everything was listed anew."""

    level: ClassVar[Level] = "debug"
    status: int


@dataclass(frozen=True, slots=True)
class Folder:
    """The INBOX by its own account: its id, and how many messages are in it."""

    id: str
    total: int


class GraphApi:
    """See `gateway.backend.http.api.Api`.

    Args:
        caller: Sends requests for this login.
        settings: Whose mailbox, what removing does.
        emit: Where events go.
    """

    def __init__(self, caller: Caller, settings: GraphSettings, emit: Emitter) -> None:
        self._caller = caller
        self._settings = settings
        self._emit = emit
        self._owner = _owner(caller, settings)
        self._inbox = f"v1.0/{self._owner}/mailFolders/inbox"
        self._paged = {"Prefer": f"{IMMUTABLE}, odata.maxpagesize={settings.page}"}
        self._before: TextRecord | None = None
        self._removal: Removal | None = None

    @property
    def traits(self) -> Traits:
        """See `Api`."""
        return _TRAITS

    async def list(self, known: TextRecord | None) -> Listing:
        """See `Api`."""
        self._before = known or self._before
        changes = None if known is None else await self._changes(known.state.get("link", ""))
        if changes is None:
            changes, known = await self._everything(), None
        folder = await self._folder()
        if known is not None and folder.id != known.epoch:
            # Another folder has the name: what changed in the old one is of no use.
            changes, known = await self._everything(), None
        inbox = Inbox(self._owner, folder.id, changes.link)
        self._removal = Removal(self._caller, self._settings, self._emit, inbox)
        if known is None:
            return self._complete(changes, folder)
        return _changed(known, changes, folder)

    def raw(self, message: Message) -> Raw:
        """See `Api`. It is found wherever it was moved to."""
        return Raw(
            f"v1.0/{self._owner}/messages/{segment(message.id)}/$value",
            {"Prefer": IMMUTABLE, "Accept": "*/*"},
            LineFeeds,
        )

    async def remove(self, messages: Sequence[Message]) -> Collection[str]:
        """See `Api`."""
        if self._removal is None:
            raise Unavailable("nothing was listed yet")
        return await self._removal.remove([message.id for message in messages], self._news)

    async def prove(self) -> None:
        """See `Api`."""
        await self._folder()

    async def close(self) -> None:
        """See `Api`."""

    def explain(self) -> Sequence[str]:
        """See `gateway.backend.http.api.explained`."""
        return explain.lines(self._settings, self._caller.settings)

    async def _changes(self, link: str) -> Round | None:
        """What changed since a delta link; None if Graph does not know it any more."""
        if not link:
            return None
        try:
            self._caller.resolve(link)
        except Misconfigured:
            return None  # the settings have another Graph now
        return await self._round(link, stale=_STALE)

    async def _news(self, inbox: Inbox) -> Round | None:
        """What changed since the INBOX was listed; None if Graph does not know.

        Raises:
            EpochChanged: The token opens another mailbox by now.
        """
        found = await self._changes(inbox.link)
        if found is None and (await self._folder()).id != inbox.id:
            raise EpochChanged("the token opens another mailbox than the one that was listed")
        return found

    async def _everything(self) -> Round:
        first = f"{self._inbox}/messages/delta?$select=receivedDateTime"
        found = await self._round(first)
        if found is None:
            raise Unavailable("Graph forgot a delta query while it was answering it")
        return found

    async def _round(self, target: str, stale: Collection[int] = ()) -> Round | None:
        found, seen = Round(), set[str]()
        for _ in range(_MOST_PAGES):
            if target in seen:
                break
            seen.add(target)
            answer = await self._caller.answer(
                "GET", target, headers=self._paged, expect=_ANSWERED
            )
            if answer.status in stale or (answer.status == 410 and len(seen) > 1):
                self._emit(DeltaForgotten(answer.status))
                return None
            if answer.status != 200:
                raise refused(answer, self._caller.login, self._settings)
            target = found.add(answer.json())
            if not target:
                return found
        raise Unavailable("Graph's pages go round in a circle")

    async def _folder(self) -> Folder:
        target = f"{self._inbox}?$select=totalItemCount"
        answer = await self._caller.answer(
            "GET", target, headers={"Prefer": IMMUTABLE}, expect=_ANSWERED
        )
        if answer.status != 200:
            raise refused(answer, self._caller.login, self._settings)
        told = answer.json()
        name, total = (
            (told.get("id"), told.get("totalItemCount")) if isinstance(told, dict) else (0, 0)
        )
        if not isinstance(name, str) or not name or type(total) is not int:
            raise Unavailable("Graph does not describe the inbox")
        return Folder(name, total)

    def _complete(self, found: Round, folder: Folder) -> Listing:
        """Everything, with what the next login needs."""
        rows = [Row(name, received=max(0, time)) for name, time in found.received.items()]
        before = {} if self._before is None else self._before.state
        state = {"link": found.link, **count.after_all(len(rows), folder.total, before)}
        return Listing(folder.id, rows, state)


def _changed(known: TextRecord, found: Round, folder: Folder) -> Listing:
    untold = {name for name, time in found.received.items() if time == NO_TIME}
    places = {name: place for place, name in enumerate(known.ids) if name in untold}
    rows = [
        Row(name, received=known.received[places[name]] if name in places else max(0, time))
        for name, time in found.received.items()
    ]
    state = {"link": found.link, **count.kept(known.state)}
    removed = found.removed - found.received.keys()
    total = count.expected(folder.total, known.state)
    return Listing(folder.id, rows, state, changes=True, removed=removed, total=total)


def _owner(caller: Caller, settings: GraphSettings) -> str:
    """The path of whose mailbox it is.

    Raises:
        BadCredentials: The name is not one that may log in.
    """
    try:
        name = caller.login.user.decode()
    except UnicodeDecodeError:
        raise BadCredentials("the name is not UTF-8") from None
    if settings.user and name.casefold() != settings.user.casefold():
        raise BadCredentials("the name is not the one in upstream.graph.user")
    return "me" if settings.mailbox == "me" else f"users/{segment(name)}"


_ANSWERED: Final = frozenset({200, 400, 403, 404, 410})


async def connect(caller: Caller, settings: GraphSettings, emit: Emitter) -> GraphApi:
    """Begin a login; what `Api.list` asks first proves the token.

    Raises:
        BadCredentials: The name is not one that may log in.
    """
    caller.slots.limit = min(caller.slots.limit, AT_ONCE)
    return GraphApi(caller, settings, emit)
