"""What the list was, state by state: pages of one state, and changes since another.

Pure: it is told the list, and remembers. Rules 5 to 8 are kept here.
"""

import re
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from gateway.mailbox_server.problems import Problem
from gateway.mailbox_server.store import Message

_CURSOR = re.compile(r"(?P<state>[0-9a-f]+\.[0-9]{1,18}):(?P<offset>[0-9]{1,9})")
_LISTS_KEPT = 8


@dataclass(frozen=True, slots=True)
class Page:
    """Some messages of the list in one state."""

    state: str
    total: int
    total_size: int
    messages: Sequence[Message]
    next: str | None


@dataclass(frozen=True, slots=True)
class Changes:
    """From one state to another; an id is in one of the two lists at the most."""

    start: str
    end: str
    created: Sequence[Message]
    destroyed: Sequence[str]
    more: bool
    total: int


@dataclass(frozen=True, slots=True)
class _List:
    state: str
    messages: Sequence[Message]
    total_size: int


class History:
    """The list now, the last few lists that have a cursor, and the last events.

    A state is `EPOCH.NUMBER`: how many events there were. It is not kept on disk: after a
    restart every state is unknown, and clients list again. A server with a database would keep
    the events there.

    Args:
        epoch: Random hex digits, others at each start.
        length: How many events are kept; states before them are unknown.
    """

    def __init__(self, epoch: str, length: int) -> None:
        self._epoch = epoch
        self._number = 0
        self._told: Sequence[Message] = ()
        self._now: dict[str, Message] = {}
        self._list = _List(self.state, (), 0)
        self._frozen: OrderedDict[str, _List] = OrderedDict()
        self._events: deque[tuple[str, Message | None]] = deque(maxlen=length)

    @property
    def state(self) -> str:
        """The state now."""
        return f"{self._epoch}.{self._number}"

    @property
    def messages(self) -> dict[str, Message]:
        """The list now, by id."""
        return self._now

    def update(self, messages: Sequence[Message]) -> None:
        """The list is this now. What is new goes to the end, whatever its date (rule 5)."""
        if messages is self._told:
            return
        there = {message.id: message for message in messages}
        for gone in [each for each in self._now if each not in there]:
            del self._now[gone]
            self._note(gone, None)
        for message in messages:
            if message.id not in self._now:
                self._now[message.id] = message
                self._note(message.id, message)
        self._told = messages
        listed = tuple(self._now.values())
        self._list = _List(self.state, listed, sum(message.size for message in listed))

    def _note(self, message_id: str, message: Message | None) -> None:
        self._events.append((message_id, message))
        self._number += 1

    def was_there(self, message_id: str) -> bool:
        """Whether a message that is not there now is known to have been."""
        return any(each == message_id for each, _ in self._events)

    def page(self, cursor: str | None, limit: int) -> Page:
        """A page of the list: the first, or that of the cursor.

        Raises:
            Problem: The cursor is none, or its list is not kept any more.
        """
        found, offset = (self._list, 0) if cursor is None else self._find(cursor)
        end = offset + limit
        following = None
        if end < len(found.messages):
            following = f"{found.state}:{end}"
            self._keep(found)
        return Page(
            found.state,
            len(found.messages),
            found.total_size,
            found.messages[offset:end],
            following,
        )

    def _keep(self, listed: _List) -> None:
        self._frozen[listed.state] = listed
        self._frozen.move_to_end(listed.state)
        while len(self._frozen) > _LISTS_KEPT:
            self._frozen.popitem(last=False)

    def _find(self, cursor: str) -> tuple[_List, int]:
        match = _CURSOR.fullmatch(cursor)
        found = self._frozen.get(match["state"]) if match else None
        if match is None or found is None or int(match["offset"]) >= len(found.messages):
            raise Problem(410, "cursor-expired", "That list is not kept: begin anew.")
        return found, int(match["offset"])

    def changes(self, since: str, limit: int) -> Changes:
        """What happened after a state, `limit` events at the most.

        Raises:
            Problem: The state is unknown.
        """
        epoch, _, digits = since.partition(".")
        number = int(digits) if re.fullmatch(r"[0-9]{1,18}", digits) else -1
        start = number - (self._number - len(self._events))
        if epoch != self._epoch or start < 0 or number > self._number:
            raise Problem(
                410, "state-unknown", "It is too old, or of another time: list again."
            )
        created: dict[str, Message] = {}
        destroyed: dict[str, None] = {}
        for message_id, message in islice(self._events, start, start + limit):
            if message is None:
                if created.pop(message_id, None) is None:
                    destroyed[message_id] = None
            elif message_id in destroyed:  # put back as it was
                del destroyed[message_id]
            else:
                created[message_id] = message
        end = min(number + limit, self._number)
        return Changes(
            since,
            f"{self._epoch}.{end}",
            list(created.values()),
            list(destroyed),
            more=end < self._number,
            total=len(self._now),
        )
