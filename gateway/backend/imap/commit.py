r"""UPDATE: removes the messages of a plan, and no others.

What the server answers to STORE, MOVE and EXPUNGE decides nothing about the outcome: a
search afterwards does. A message of which nobody knows is reported as neither.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from imapclient.imap_utf7 import encode as encode_folder

from gateway.backend.imap.connection import Connection
from gateway.backend.imap.encoder import Text, uid_sets
from gateway.backend.imap.responses import Status
from gateway.backend.imap.settings import ImapSettings
from gateway.backend.imap.snapshot import search
from gateway.errors import EpochChanged, Failure, Unavailable
from gateway.maildrop import CommitPlan, Outcome
from gateway.telemetry import Emitter, Event, Level

_DELETED = rb"(\Deleted)"
_TRIES = 3


@dataclass(frozen=True, slots=True)
class UpdateRefused(Event):
    """The server refused a part of an UPDATE; what stays is found out afterwards."""

    level: ClassVar[Level] = "warning"
    deed: str
    text: str


@dataclass(frozen=True, slots=True)
class ForeignMarksLost(Event):
    r"""Messages that others had marked as \Deleted have lost that mark. They are there."""

    level: ClassVar[Level] = "warning"
    messages: int


def is_precise(capabilities: frozenset[bytes], delete: str) -> bool:
    r"""Whether others' \Deleted messages are safe without further ado."""
    if delete == "flag" or b"UIDPLUS" in capabilities:
        return True
    return delete == "move" and b"MOVE" in capabilities


def _asks_for_folder(status: Status) -> bool:
    """RFC 3501 §7.1 TRYCREATE; GNU mailutils puts the code in the middle of its words."""
    return status.code == b"TRYCREATE" or b"[TRYCREATE]" in status.text


class Update:
    """Carries out one plan.

    Args:
        connection: With the mailbox selected.
        settings: What removing means.
        emit: Where events go.
    """

    def __init__(self, connection: Connection, settings: ImapSettings, emit: Emitter) -> None:
        self._connection = connection
        self._settings = settings
        self._emit = emit
        self._capabilities = connection.capabilities or frozenset()

    async def run(self, plan: CommitPlan) -> Outcome:
        """See `gateway.backend.port.BackendSession.commit`."""
        mailbox = self._connection.mailbox
        if mailbox.moved or plan.epoch != str(mailbox.uidvalidity):
            raise EpochChanged(f"planned in {plan.epoch}, now {mailbox.uidvalidity}")
        uids = {int(ref) for ref in plan.remove}
        if not uids:
            return Outcome((), ())
        if mailbox.read_only:
            return Outcome((), plan.remove)
        ways = {"expunge": self._delete, "move": self._move, "flag": self._flag}
        kept = await ways[self._settings.delete](uids)
        return Outcome(
            tuple(ref for ref in plan.remove if ref not in kept),
            tuple(ref for ref in plan.remove if ref in kept),
        )

    # The three ways. Each returns the UIDs that are still there.

    async def _delete(self, uids: set[int]) -> set[int]:
        """Mark and expunge; what stays loses our mark again."""
        if b"UIDPLUS" in self._capabilities:
            marked = await self._find(uids, b" DELETED")
            await self._store(uids, b"+")
            await self._each(uids, "UID EXPUNGE", b"UID", b"EXPUNGE")
        else:
            marked = await self._expunge_all(uids)
        kept = await self._find(uids)
        await self._try_store(kept - marked, b"-")
        return kept

    async def _move(self, uids: set[int]) -> set[int]:
        """Put the messages into another folder; what was not copied is not deleted."""
        if b"MOVE" in self._capabilities:
            await self._transfer(b"MOVE", uids)
            return await self._find(uids)
        copied = await self._transfer(b"COPY", uids)
        kept = await self._delete(copied) if copied else set()
        # Asked anew: what could not be copied may be gone all the same.
        return kept | (await self._find(uids - copied) if uids - copied else set())

    async def _flag(self, uids: set[int]) -> set[int]:
        """Mark only."""
        await self._store(uids, b"+")
        return await self._find(uids, b" UNDELETED")

    # Without UIDPLUS: RFC 4549 §4.2.4.

    async def _expunge_all(self, uids: set[int]) -> set[int]:
        r"""EXPUNGE takes all that is \Deleted, so that nothing else may be so meanwhile.

        Returns:
            Those of ours that were marked before.
        """
        marked: set[int] = set()
        await search(self._connection, b"DELETED", marked)
        foreign = marked - uids
        try:
            if await self._only_ours_marked(uids, foreign):
                status = await self._connection.command(b"EXPUNGE")
                self._report("EXPUNGE", status)
        finally:
            await self._restore(foreign)
        return marked & uids

    async def _only_ours_marked(self, uids: set[int], foreign: set[int]) -> bool:
        r"""Make it so; `foreign` grows by what others mark while we do."""
        await self._store(uids, b"+")
        new = set(foreign)
        for _ in range(_TRIES):
            await self._store(new, b"-")
            marked: set[int] = set()
            await search(self._connection, b"DELETED", marked)
            if marked <= uids:
                return True
            new = marked - uids
            foreign |= new
        return False

    async def _restore(self, foreign: set[int]) -> None:
        if not await self._try_store(foreign, b"+"):
            self._emit(ForeignMarksLost(len(foreign)))

    # The commands.

    async def _store(self, uids: Iterable[int], sign: bytes) -> bool:
        r"""Set or clear \Deleted; whether all of it was accepted."""
        item = sign + b"FLAGS.SILENT"
        return await self._each(uids, "STORE", b"UID", b"STORE", after=(item, _DELETED))

    async def _try_store(self, uids: Iterable[int], sign: bytes) -> bool:
        """The same where a failure changes nothing any more."""
        try:
            return await self._store(uids, sign)
        except Failure:
            return False

    async def _each(
        self, uids: Iterable[int], deed: str, *words: bytes, after: tuple[bytes, ...] = ()
    ) -> bool:
        """A command for all of these UIDs, in as many pieces as needed."""
        accepted = True
        for uid_set, _ in uid_sets(uids):
            status = await self._connection.command(*words, uid_set, *after)
            self._report(deed, status)
            accepted = accepted and status.ok
        return accepted

    async def _transfer(self, verb: bytes, uids: set[int]) -> set[int]:
        """Move or copy; returns the UIDs for which the server said OK."""
        folder = Text(encode_folder(self._settings.move_to))
        done: set[int] = set()
        for uid_set, named in uid_sets(uids):
            status = await self._connection.command(b"UID", verb, uid_set, folder)
            if not status.ok and _asks_for_folder(status):
                self._report("CREATE", await self._connection.command(b"CREATE", folder))
                status = await self._connection.command(b"UID", verb, uid_set, folder)
            self._report(verb.decode(), status)
            if status.ok:
                done.update(named)
        return done

    async def _find(self, uids: Iterable[int], also: bytes = b"") -> set[int]:
        """Which of these are there.

        Raises:
            Unavailable: The server does not say, and so nobody knows.
        """
        wanted = set(uids)
        found: set[int] = set()
        for uid_set, _ in uid_sets(wanted):
            await search(self._connection, b"UID " + uid_set + also, found)
        if self._connection.mailbox.moved:
            raise Unavailable("the upstream changed its UIDVALIDITY during UPDATE")
        return found & wanted

    def _report(self, deed: str, status: Status) -> None:
        if not status.ok:
            self._emit(UpdateRefused(deed, self._connection.shown(status.shown)))
