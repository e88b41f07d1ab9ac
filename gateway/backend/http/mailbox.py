"""The port's session on an HTTP mailbox."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure as Reason

from gateway.backend.ahead import AheadBody
from gateway.backend.budget import Budget
from gateway.backend.http import record as records
from gateway.backend.http.ahead import Ahead
from gateway.backend.http.api import Api, Listing, Message, explained
from gateway.backend.http.body import HttpBody
from gateway.backend.http.client import Caller
from gateway.backend.http.faults import of_the_closed_set
from gateway.backend.http.keep import Keeper
from gateway.backend.http.learn import Lesson
from gateway.backend.port import Body, Capabilities
from gateway.errors import EpochChanged, Failure, Unavailable
from gateway.index import Index, TextRecord
from gateway.index.texts import DOUBTFUL, LEARNED, TROUBLED, UNKNOWN
from gateway.maildrop import CommitPlan, Maildrop, Outcome, Ref
from gateway.maildrop.uidl import OpaqueUniqueIds
from gateway.telemetry import Emitter, Event, Level

_TRIES = 3
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class MailboxListingShort(Event):
    """The upstream listed fewer messages than it says it has."""

    level: ClassVar[Level] = "warning"
    listed: int
    expected: int


@dataclass(frozen=True, slots=True)
class MailboxIdTwice(Event):
    """Different messages were listed under one id: none of them can be removed for certain."""

    level: ClassVar[Level] = "warning"
    ids: int


@dataclass(frozen=True, slots=True)
class SizeDiffers(Event):
    """A message is not as long as the upstream says, which promised exact sizes."""

    level: ClassVar[Level] = "warning"
    id: str
    announced: int
    delivered: int


class HttpSession:
    """One login; see `gateway.backend.port.ReusableSession`. Refs are the upstream's ids.

    Args:
        api: The driver's.
        caller: Sends requests for this login.
        index: Where records are kept.
        budget: Octets asked for ahead, of all sessions.
        account: Names the mailbox in the index.
        emit: Where events go.
        check: Raises what `Authorization.check` does, for a login that is not the first.
    """

    def __init__(
        self,
        api: Api,
        caller: Caller,
        *,
        index: Index,
        budget: Budget,
        account: str,
        emit: Emitter,
        check: Callable[[], None],
    ) -> None:
        self._api = api
        self._check = check
        self._caller = caller
        self._settings = caller.settings
        self._index = index
        self._budget = budget
        self._account = account
        self._emit = emit
        self._record: TextRecord | None = None
        self._positions: dict[str, int] | None = None
        self._announced: array[int] = array("q")
        self._ahead: Ahead | None = None
        self._behind: Lesson | None = None
        self._keeper = Keeper(
            self._settings.prefetch_session if self._settings.prefetch else 0, budget
        )
        self._unsaved = False
        self._failed = False
        self._closed = False

    @property
    def capabilities(self) -> Capabilities:
        """What this upstream promises."""
        traits, record = self._api.traits, self._record
        exact = record is not None and not records.unlearned(record, traits)
        return Capabilities(
            exact_octets=exact,
            precise_expunge=True,
            partial_fetch=False,
            stable_ids=traits.stable_ids,
            delta=traits.delta,
        )

    async def snapshot(self) -> Maildrop:
        """List the mailbox, or what changed; learn sizes as the settings say."""
        return await of_the_closed_set(self._snapshot())

    async def _snapshot(self) -> Maildrop:
        self._drop_ahead()
        self._stop_learning()
        known = self._record or self._index.load_texts(self._account)
        try:
            record = self._record = await self._list(known)
            self._limit_requests()
            self._positions = None
            self._unsaved = self._unsaved or _differ(record, known)
            if self._settings.sizes == "wait":
                await self._learn(record)
            elif self._settings.learn_behind:
                self._learn_behind(record)
        except BaseException:
            self._failed = True
            raise
        finally:
            self._save()
        return self._freeze(record)

    def body(self, ref: Ref, top: int | None = None) -> Body:
        """One message of the snapshot."""
        index = self._position(ref)
        if top is not None or not self._settings.prefetch:
            return self._fetch(index)
        return self._keeper.body(index) or AheadBody(
            self._reading_ahead(), index, lambda: self._fetch(index)
        )

    async def commit(self, plan: CommitPlan) -> Outcome:
        """Remove exactly the messages of the plan."""
        self._drop_ahead()
        self._stop_learning()
        record = self._listed()
        if plan.epoch != record.epoch:
            raise EpochChanged("the plan is for another generation of the mailbox")
        removed: set[str] = set()
        try:
            for chunk in self._chunks(plan):
                gone = await self._remove(chunk)
                removed |= {message.id for message in chunk} & set(gone)
        finally:
            self._forget(removed)
        return Outcome(
            tuple(ref for ref in plan.remove if ref in removed),
            tuple(ref for ref in plan.remove if ref not in removed),
        )

    def explained(self) -> Sequence[str]:
        """What the driver tells an administrator who checks the upstream."""
        return explained(self._api)

    @property
    def reusable(self) -> bool:
        """Whether its credentials were good to the last."""
        return not self._failed and not self._closed and self._api.traits.keep

    def rest(self) -> None:
        """See `gateway.backend.port.ReusableSession.rest`."""
        self._drop_ahead()
        self._save()

    async def revive(self) -> None:
        """See `gateway.backend.port.ReusableSession.revive`."""
        try:
            self._check()
            await of_the_closed_set(self._api.prove())
        except Failure:
            self._failed = True
            raise

    async def close(self) -> None:
        """Let go of everything."""
        if not self._closed:
            self._closed = True
            self._drop_ahead()
            self._stop_learning()
            self._save()
            await self._api.close()

    # The listing.

    async def _list(self, known: TextRecord | None) -> TextRecord:
        """What is known, brought up to date, or everything anew."""
        listing = await self._api.list(known)
        if listing.changes and known is not None:
            record = records.changed(listing, known, self._api.traits)
            if record is not None:
                return record
            listing = await self._api.list(None)
        for _ in range(_TRIES - 1):
            record = self._whole(listing, known)
            if record is not None:
                return record
            listing = await self._api.list(None)
        # What comes twice each time is so in the mailbox, and is counted so there.
        record = self._whole(listing, known, twice=True)
        if record is None:
            raise Unavailable("the upstream lists fewer messages than it says it has")
        return record

    def _whole(
        self, listing: Listing, known: TextRecord | None, *, twice: bool = False
    ) -> TextRecord | None:
        if listing.changes or not listing.epoch:
            raise AssertionError("the driver was asked for everything")
        if not records.is_text(listing.epoch):
            raise Unavailable("the upstream's name for the mailbox is no text")
        record = records.whole(listing, known, self._api.traits, twice=twice)
        if record is None:
            self._emit(MailboxListingShort(len({*listing.rows}), listing.total or 0))
            return None
        doubtful = sum(bool(flags & DOUBTFUL) for flags in record.flags)
        if doubtful:
            self._emit(MailboxIdTwice(doubtful))
        return record

    async def _learn(self, record: TextRecord) -> None:
        unknown = records.unlearned(record, self._api.traits)
        if unknown:
            timeout = self._settings.learn_timeout
            lesson = self._lesson(record, unknown, timeout, self._keeper)
            await lesson.run(self._caller.slots.limit)

    def _learn_behind(self, record: TextRecord) -> None:
        """One message at a time, as long as the session lasts or is kept after QUIT."""
        unknown = records.unlearned(record, self._api.traits)
        if unknown:
            nothing = Keeper(0, self._budget)
            self._behind = self._lesson(record, unknown, _DAY, nothing)
            Deferred.fromCoroutine(self._behind.run(1)).addErrback(_expected)

    def _lesson(
        self, record: TextRecord, unknown: Sequence[int], timeout: float, keeper: Keeper
    ) -> Lesson:
        def troubled(index: int) -> bool:
            again = bool(record.flags[index] & TROUBLED)
            record.flags[index] |= TROUBLED
            self._unsaved = True
            return again

        return Lesson(
            unknown,
            fetch=self._fetch,
            keeper=keeper,
            troubled=troubled,
            save=self._save,
            timeout=timeout,
            reactor=self._caller.reactor,
            emit=self._emit,
        )

    def _stop_learning(self) -> None:
        behind, self._behind = self._behind, None
        if behind is not None:
            behind.stop()

    def _freeze(self, record: TextRecord) -> Maildrop:
        """Sizes that are learned from now on do not move what the client was told."""
        self._announced = records.announced(record)
        ids = OpaqueUniqueIds(record.ids, self._api.traits.prefix)
        return Maildrop(record.epoch, record.ids, self._announced, ids)

    # Messages.

    def _fetch(self, index: int) -> HttpBody:
        record, traits = self._listed(), self._api.traits
        octets = record.octets[index]
        if traits.exact_octets and not record.flags[index] & LEARNED:
            least = max(octets, 0)
        else:
            least = 0 if octets == 0 else 1  # nothing at all is no message
        return HttpBody(
            self._caller,
            self._api.raw(Message(record.ids[index], record.locator(index))),
            least=least,
            delivered=lambda octets: self._delivered(record, index, octets),
        )

    def _delivered(self, record: TextRecord, index: int, octets: int) -> None:
        """Now it is known how many octets the message has."""
        told = record.octets[index]
        learned = record.flags[index] & LEARNED
        if told == octets and (learned or self._api.traits.exact_octets):
            return
        if told != UNKNOWN and (learned or self._api.traits.exact_octets):
            self._emit(SizeDiffers(record.ids[index], told, octets))
        record.octets[index] = octets
        record.flags[index] = record.flags[index] & ~TROUBLED | LEARNED
        self._unsaved = True

    def _reading_ahead(self) -> Ahead:
        """Begins with the first message: a session that only polls needs none of it."""
        if self._ahead is None:
            record, traits, announced = self._listed(), self._api.traits, self._announced

            def certain(index: int) -> bool:
                return traits.exact_octets or bool(record.flags[index] & LEARNED)

            self._ahead = Ahead(
                lambda index: announced[index],
                len(record),
                certain=certain,
                fetch=self._fetch,
                concurrency=self._caller.slots.limit,
                limit=self._settings.prefetch_session,
                budget=self._budget,
            )
        return self._ahead

    def _drop_ahead(self) -> None:
        self._keeper.drop()
        if self._ahead is not None:
            self._ahead.drop()
            self._ahead = None

    def _limit_requests(self) -> None:
        slots, most = self._caller.slots, self._api.traits.concurrency
        slots.limit = min(slots.limit, most or slots.limit)

    # UPDATE.

    def _chunks(self, plan: CommitPlan) -> Sequence[Sequence[Message]]:
        """The plan less what nobody can remove for certain."""
        record, most = self._listed(), self._api.traits.remove_at_once
        indexes = [self._position(ref) for ref in plan.remove]
        messages = [
            Message(record.ids[index], record.locator(index))
            for index in indexes
            if not record.flags[index] & DOUBTFUL
        ]
        return [messages[start : start + most] for start in range(0, len(messages), most)]

    async def _remove(self, messages: Sequence[Message]) -> Sequence[str]:
        """Once more after a failure that may pass: what is gone already does no harm."""
        for again in (True, False):
            try:
                return tuple(await of_the_closed_set(self._api.remove(messages)))
            except EpochChanged:
                raise
            except Failure as failure:
                if not (again and isinstance(failure, Unavailable)):
                    raise Unavailable(failure.detail) from None
        raise AssertionError("two tries, and no end")

    def _forget(self, removed: set[str]) -> None:
        """What UPDATE removed needs not be found missing at the next login."""
        if removed:
            self._record = records.without(self._listed(), removed, self._api.traits)
            self._positions = None
            self._unsaved = True
            self._save()

    # What is known.

    def _listed(self) -> TextRecord:
        if self._record is None:
            raise AssertionError("no snapshot was taken")
        return self._record

    def _position(self, ref: Ref) -> int:
        if self._positions is None:
            self._positions = {id_: i for i, id_ in enumerate(self._listed().ids)}
        return self._positions[str(ref)]

    def _save(self) -> None:
        if self._unsaved and self._record is not None:
            self._unsaved = False
            self._index.save_texts(self._account, self._record)


def _differ(record: TextRecord, known: TextRecord | None) -> bool:
    """Whether there is something to save; a record without news has its columns still."""
    return known is None or record.ids is not known.ids or record.state != known.state


def _expected(reason: Reason) -> Reason | None:
    """Learning behind a session may fail: the sizes are then learned another time."""
    return None if isinstance(reason.value, Failure) else reason
