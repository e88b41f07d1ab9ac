"""The driver of our own REST contract, over the room of all HTTP mailboxes."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar
from urllib.parse import quote, urlencode

from gateway.backend.http.api import MESSAGE_ACCEPT, Listing, Message, Raw, Traits
from gateway.backend.http.client import Caller
from gateway.backend.http.driver import HttpBackend, Room
from gateway.backend.rest.listing import changes_since, whole_list
from gateway.backend.rest.lock import Lock
from gateway.backend.rest.settings import RestSettings
from gateway.backend.rest.shapes import Deletion, Session
from gateway.backend.rest.talk import Talk, shaped
from gateway.errors import EpochChanged, Misconfigured, Unavailable
from gateway.index import TextRecord
from gateway.telemetry import Emitter, Event, Level, printable

_NOT_OURS = frozenset({".", ".."})


@dataclass(frozen=True, slots=True)
class RestMessageKept(Event):
    """The server did not remove a message, and says why."""

    level: ClassVar[Level] = "warning"
    id: str
    reason: str


def backend(room: Room, base: str, settings: RestSettings) -> HttpBackend:
    """The driver of one server; arguments as of `connect`."""
    return HttpBackend(room, lambda caller: connect(caller, base, settings, room.emit))


async def connect(
    caller: Caller, base: str, settings: RestSettings, emit: Emitter
) -> "RestApi":
    """Begin a login: ask for the session, and take the lock if there is one.

    Args:
        caller: Sends requests for this login.
        base: Of the endpoints, with a slash at its end.
        settings: What to do.
        emit: Where events go.

    Raises:
        BadCredentials, ConsentMissing, Throttled, MaildropBusy, Unavailable, Misconfigured
    """
    talk = Talk(caller, base)
    session = (await talk.get(Session, "session"))[1]
    if settings.delete == "trash" and "trash" not in session.features:
        raise Misconfigured("the server has no trash, and upstream.rest.delete wants one")
    lock = None
    if "lock" in session.features:
        lock = await Lock.take(talk, settings.lock_seconds, caller.reactor, emit)
    return RestApi(talk, session, settings, lock, emit)


class RestApi:
    """Implements `gateway.backend.http.api.Api`.

    Args:
        talk: The way to the server.
        session: As just asked for.
        settings: What to do.
        lock: Held, or None.
        emit: Where events go.
    """

    def __init__(
        self,
        talk: Talk,
        session: Session,
        settings: RestSettings,
        lock: Lock | None,
        emit: Emitter,
    ) -> None:
        self._talk = talk
        self._session = session
        self._fresh = True
        self._settings = settings
        self._lock = lock
        self._emit = emit
        self._nonce = secrets.token_urlsafe(16)

    @property
    def traits(self) -> Traits:
        """What the contract promises, and what this server adds."""
        limits = self._session.limits
        return Traits(
            exact_octets=True,
            delta="changes" in self._session.features,
            order="listed",
            remove_at_once=limits.bulkDelete,
            concurrency=limits.concurrency,
            prefix=self._session.generation,
            keep=self._lock is None,
        )

    async def list(self, known: TextRecord | None) -> Listing:
        """The state alone if it is the same, changes if they are offered, or all pages."""
        # A key for each deletion of this login: the same again if it is sent again. The next
        # login of a kept session has others, as what it asks for is another deletion.
        self._nonce = secrets.token_urlsafe(16)
        if not self._fresh:
            await self.prove()
        self._fresh = False
        session = self._session
        if known is None or known.epoch != session.generation:
            return await whole_list(self._talk, session, None)
        # Before there was a lock others could still change the list.
        if self._lock is None and known.state.get("state") == session.state:
            return Listing(session.generation, (), dict(known.state), changes=True)
        if "changes" in session.features and known.state.get("state"):
            listing = await changes_since(self._talk, session, known.state["state"])
            return listing or await whole_list(self._talk, session, None)
        return await whole_list(self._talk, session, known.state)

    def raw(self, message: Message) -> Raw:
        """By GET; of another generation there is no such message."""
        if message.id in _NOT_OURS:
            raise Unavailable(f"a message cannot have the id {message.id!r}")
        name = quote(message.id.encode("utf-8", "surrogatepass"), safe="")
        query = urlencode({"generation": self._session.generation})
        return Raw(
            self._talk.url(f"messages/{name}/raw?{query}"),
            {"Accept": MESSAGE_ACCEPT},
            gone=(404, 409, 410),
        )

    async def remove(self, messages: Sequence[Message]) -> Collection[str]:
        """One bulk deletion."""
        if "bulk-delete" not in self._session.features:
            for message in messages:
                none = "the server offers no deletion"
                self._emit(RestMessageKept(_shown(message.id), none))
            return ()
        ids = [message.id for message in messages]
        answer = await self._talk.send(
            "POST",
            "messages/delete",
            {"generation": self._session.generation, "ids": ids, "mode": self._settings.delete},
            {"Idempotency-Key": self._key(ids)},
            expect=(200, 409),
        )
        if answer.status == 409:
            raise EpochChanged("the server has given all messages other ids")
        deletion = shaped(answer, Deletion, "messages/delete")
        for each, reason in deletion.failed.items():
            self._emit(RestMessageKept(_shown(each), _shown(reason.type)))
        gone = {*deletion.destroyed, *deletion.notFound} - set(deletion.failed)
        return gone.intersection(ids)

    def _key(self, ids: Sequence[str]) -> str:
        text = "\0".join(ids).encode("utf-8", "surrogatepass")
        return f"{self._nonce}-{sha256(text).hexdigest()[:32]}"

    def explain(self) -> Sequence[str]:
        """See `gateway.backend.http.api.explained`."""
        limits, features = self._session.limits, self._session.features
        fate = "moved to the trash" if self._settings.delete == "trash" else "gone for good"
        deletion = f"deletion is exact: what a client deleted is {fate} at QUIT"
        if "bulk-delete" not in features:
            deletion = "the server offers no deletion: DELE is refused at QUIT"
        account = (
            f"REST mailbox {_shown(self._session.account)}, "
            f"generation {_shown(self._session.generation)}: "
            f"{limits.page} messages a page,\n{limits.bulkDelete} ids a deletion, "
            f"{limits.concurrency} requests at a time"
        )
        return (
            account,
            f"it offers {_shown(', '.join(features)) or 'the list and the messages alone'}",
            deletion,
            "whether the server keeps the contract: pop3-gateway check-mailbox",
        )

    async def prove(self) -> None:
        """Ask for the session anew."""
        session = (await self._talk.get(Session, "session"))[1]
        if session.generation != self._session.generation:
            # Refs and unique-ids of this login have its name in them: a new login is clean.
            raise Unavailable("the server has given all messages other ids")
        self._session, self._fresh = session, True

    async def close(self) -> None:
        """Give the lock back."""
        if self._lock is not None:
            await self._lock.release()


def _shown(text: str) -> str:
    return printable(text.encode("utf-8", "surrogatepass"))
