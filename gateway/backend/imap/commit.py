r"""UPDATE: removes the messages of a plan, and no others.

What the server answers to STORE, MOVE and EXPUNGE decides nothing about the outcome: a
search afterwards does. A message of which nobody knows is reported as neither.

Where every command names its UIDs, all commands for them go out in one write and cost one
round trip. RFC 3501 §5.5 has a server carry out commands that affect each other in the
order given (its own example is STORE + COPY + EXPUNGE), and no message sequence number is
among ours. Where a server does not keep to that, two things hold all the same: what a
search finds gone is gone, whenever it was made; and UID EXPUNGE takes nothing that it does
not name. What it finds still there is asked for once more, when all else is done.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias, cast

from imapclient.imap_utf7 import encode as encode_folder
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure as Reason

from gateway.backend.imap.connection import Connection
from gateway.backend.imap.encoder import Text, uid_sets
from gateway.backend.imap.responses import Status
from gateway.backend.imap.settings import ImapSettings
from gateway.backend.imap.snapshot import search
from gateway.backend.imap.steps import (
    Step,
    Wave,
    Words,
    commands,
    expunge,
    look,
    named,
    store,
    waves,
)
from gateway.errors import EpochChanged, Failure, Unavailable
from gateway.maildrop import CommitPlan, Outcome
from gateway.telemetry import Emitter, Event, Level

_TRIES = 3

_End: TypeAlias = Status | BaseException
_Answer: TypeAlias = "Deferred[_End]"


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
        self._in_order = True

    async def run(self, plan: CommitPlan) -> Outcome:
        """See `gateway.backend.port.BackendSession.commit`."""
        mailbox = self._connection.mailbox
        if mailbox.moved or plan.epoch != str(mailbox.uidvalidity):
            raise EpochChanged(f"planned in {plan.epoch}, now {mailbox.uidvalidity}")
        uids = set(map(int, plan.remove))
        if not uids:
            return Outcome((), ())
        if mailbox.read_only:
            return Outcome((), plan.remove)
        ways = {"expunge": self._delete, "move": self._move, "flag": self._flag}
        kept = await ways[self._settings.delete](uids)
        if not kept:
            return Outcome(plan.remove, ())
        return Outcome(
            tuple(ref for ref in plan.remove if ref not in kept),
            tuple(ref for ref in plan.remove if ref in kept),
        )

    # The three ways. Each returns the UIDs that are still there.

    async def _delete(self, uids: set[int]) -> set[int]:
        """Mark and expunge; what stays loses our mark again."""
        if b"UIDPLUS" in self._capabilities:
            return await self._in_waves(uids, self._delete_wave)
        marked = await self._expunge_all(uids)
        kept = await self._find(uids)
        await self._try_store(kept - marked, b"-")
        return kept

    async def _move(self, uids: set[int]) -> set[int]:
        """Put the messages into another folder; what was not copied is not deleted."""
        if b"MOVE" in self._capabilities:
            return await self._in_waves(uids, self._move_wave)
        copied = await self._copy(uids)
        kept = await self._delete(copied) if copied else set()
        # Asked anew: what could not be copied may be gone all the same.
        return kept | (await self._find(uids - copied) if uids - copied else set())

    async def _flag(self, uids: set[int]) -> set[int]:
        """Mark only."""
        return await self._in_waves(uids, self._flag_wave)

    async def _in_waves(
        self, uids: set[int], way: Callable[[Wave], Awaitable[set[int]]]
    ) -> set[int]:
        kept: set[int] = set()
        for wave in waves(uids):
            kept |= await way(wave)
        return kept

    async def _delete_wave(self, wave: Wave) -> set[int]:
        marked: set[int] = set()
        found: set[int] = set()
        steps = look(marked, b"DELETED"), store(b"+"), expunge(), look(found)
        try:
            if not await self._carry_out(wave, *steps):
                marked.clear()  # our own marks are among them
        except Unavailable:
            # Whatever of them is still there, if the server still listens: a mark that
            # stays would let the next EXPUNGE of anybody take what was reported as unknown.
            await self._try_store(named(wave) - (marked if self._in_order else set()), b"-")
            raise
        kept = await self._confirmed(found, wave)
        await self._try_store(kept - marked, b"-")
        return kept

    async def _move_wave(self, wave: Wave) -> set[int]:
        found: set[int] = set()
        move, seek = self._into_folder(b"MOVE", excused=True), look(found)
        await self._carry_out(wave, move, seek)
        again = [
            each
            for each, status in zip(wave, move.statuses, strict=True)
            if _asks_for_folder(status)
        ]
        if again:
            await self._create()
            await self._carry_out(again, self._into_folder(b"MOVE"))
            await self._carry_out(wave, seek)
        return await self._confirmed(found, wave)

    async def _flag_wave(self, wave: Wave) -> set[int]:
        found: set[int] = set()
        await self._carry_out(wave, store(b"+"), look(found, b"UNDELETED"))
        return await self._confirmed(found, wave, b"UNDELETED")

    async def _confirmed(self, found: set[int], wave: Wave, *also: bytes) -> set[int]:
        """What was found, if it is found again now that nothing else is under way."""
        return await self._find(found & named(wave), *also) if found else found

    # Without UIDPLUS: RFC 4549 §4.2.4.

    async def _expunge_all(self, uids: set[int]) -> set[int]:
        r"""EXPUNGE takes all that is \Deleted, so that nothing else may be so meanwhile.

        Returns:
            Those of ours that were marked before.
        """
        marked = await self._all_marked()
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
            marked = await self._all_marked()
            if marked <= uids:
                return True
            new = marked - uids
            foreign |= new
        return False

    async def _all_marked(self) -> set[int]:
        marked: set[int] = set()
        await search(self._connection, b"DELETED", marked)
        self._check_epoch()
        return marked

    async def _restore(self, foreign: set[int]) -> None:
        if not await self._try_store(foreign, b"+"):
            self._emit(ForeignMarksLost(len(foreign)))

    # The commands.

    async def _store(self, uids: Iterable[int], sign: bytes) -> None:
        r"""Set or clear \Deleted."""
        for wave in waves(uids):
            await self._carry_out(wave, store(sign))

    async def _try_store(self, uids: Iterable[int], sign: bytes) -> bool:
        """The same where a failure changes nothing any more; whether all was accepted."""
        accepted = True
        try:
            for wave in waves(uids):
                step = store(sign)
                await self._carry_out(wave, step)
                accepted = accepted and all(status.ok for status in step.statuses)
        except Failure:
            return False
        return accepted

    async def _copy(self, uids: set[int]) -> set[int]:
        """Returns the UIDs for which the server said OK; nothing else may be deleted."""
        done: set[int] = set()
        for each in uid_sets(uids):
            copy = self._into_folder(b"COPY", excused=True)
            await self._carry_out([each], copy)
            if _asks_for_folder(copy.statuses[0]):
                await self._create()
                copy = self._into_folder(b"COPY")
                await self._carry_out([each], copy)
            if copy.statuses[0].ok:
                done.update(each[1])
        return done

    def _into_folder(self, verb: bytes, excused: bool = False) -> Step:
        folder = Text(encode_folder(self._settings.move_to))
        return Step(verb.decode(), (b"UID", verb), (folder,), excused=excused)

    async def _create(self) -> None:
        folder = Text(encode_folder(self._settings.move_to))
        self._report("CREATE", await self._connection.command(b"CREATE", folder))

    async def _find(self, uids: set[int], *also: bytes) -> set[int]:
        """Which of these are there.

        Raises:
            Unavailable: The server does not say, and so nobody knows.
        """
        found: set[int] = set()
        for wave in waves(uids):
            more: set[int] = set()
            await self._carry_out(wave, look(more, *also))
            found |= more
        return found & uids

    # How they go out.

    async def _carry_out(self, wave: Wave, *steps: Step) -> bool:
        """Each step for each set: all in one write, then wait for all answers.

        A server that answers in another order has not kept to the order of the commands
        either, or may not have. It is told all of it again, one command at a time: none of
        these does harm when it is done twice. (COPY would. It comes alone.)

        Returns:
            Whether all was done in this order, and once.

        Raises:
            Unavailable: The connection is lost, or a search was refused.
        """
        # Checked before and after. In between EXPUNGE may be out already, and may be: UIDs
        # of a selected mailbox do not change their meaning, since another UIDVALIDITY takes
        # another SELECT (RFC 3501 §2.3.1.1, §6.3.1). Where a server tells of one all the
        # same, nothing more is sent, and what was is an unknown outcome.
        self._check_epoch()
        once = True
        if self._in_order:
            _forget(steps)
            once = self._in_order = await self._at_once(wave, steps)
        if not self._in_order:
            _forget(steps)
            await self._one_by_one(wave, steps)
        self._judge(steps)
        return once

    async def _at_once(self, wave: Wave, steps: tuple[Step, ...]) -> bool:
        """Whether the answers came in order; if they did not, they are of no use."""
        arrived: list[int] = []
        sent = [(step, self._send(step, words)) for step, words in commands(wave, steps)]
        for number, (_, answer) in enumerate(sent):
            answer.addBoth(_note, arrived, number)
        # All of them, also when one fails: nothing may be under way when this ends.
        ends = [(step, await answer) for step, answer in sent]
        if arrived != sorted(arrived):
            return False
        for step, end in ends:
            _take(step, end)
        return True

    async def _one_by_one(self, wave: Wave, steps: tuple[Step, ...]) -> None:
        for step, words in commands(wave, steps):
            if step is not None:
                self._check_epoch()
                _take(step, await self._send(step, words))

    def _send(self, step: Step | None, words: Words) -> _Answer:
        """The answer to come. A failure comes as a value, or it would go unhandled."""
        found = None if step is None else step.found
        return self._connection.command(*words, found=found).addErrback(_value)

    def _judge(self, steps: Iterable[Step]) -> None:
        """Report what was refused. Of a search nobody may guess what it would have found."""
        refused = None
        for step in steps:
            for status in step.statuses:
                if step.found is not None and not status.ok:
                    refused = self._connection.shown(status.shown)
                elif not (step.excused and _asks_for_folder(status)):
                    self._report(step.deed, status)
        if refused is not None:
            raise Unavailable(f"the upstream does not search: {refused}")
        self._check_epoch()

    def _check_epoch(self) -> None:
        if self._connection.mailbox.moved:
            raise Unavailable("the upstream changed its UIDVALIDITY during UPDATE")

    def _report(self, deed: str, status: Status) -> None:
        if not status.ok:
            self._emit(UpdateRefused(deed, self._connection.shown(status.shown)))


def _forget(steps: Iterable[Step]) -> None:
    """The steps are about to be taken, perhaps for the second time."""
    for step in steps:
        step.statuses = []
        if step.found is not None:
            step.found.clear()


def _take(step: Step | None, end: _End) -> None:
    if isinstance(end, BaseException):
        raise end
    if step is not None:
        step.statuses.append(end)


def _value(reason: Reason) -> BaseException:
    return cast(BaseException, reason.value)


def _note(result: _End, arrived: list[int], number: int) -> _End:
    arrived.append(number)
    return result
