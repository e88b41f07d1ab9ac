"""Asks for the next messages while a client reads one, as clients read 1..n in order.

Small messages are asked for in batches behind the current one on the same connection, and
kept until the client asks for them. What is kept is bounded for each session and for all
together; a message that does not fit is fetched when it is asked for.
"""

from collections.abc import Sequence

from twisted.internet.defer import Deferred

from gateway.backend.ahead import AT_ONCE
from gateway.backend.budget import Budget
from gateway.backend.imap.collaborators import Receiver
from gateway.backend.imap.connection import Connection
from gateway.backend.imap.encoder import uid_sets
from gateway.backend.imap.mailbox import Mailbox
from gateway.backend.imap.responses import Fetch, Status

# A window opens with each message that is read on; a command costs as much as a message.
_FIRST_MESSAGES = 16
_NEAR_OCTETS = 1 << 19
# A far server answers a whole window a round trip.
_FAR_SECONDS = 0.002
_FAR_OCTETS = 1 << 20
# A server may send a little more than RFC822.SIZE said; whatever is beyond is not kept.
_SLACK = 1024


class Batch(Receiver):
    """Messages asked for by one command; takes what comes of them.

    Attributes:
        finished: Whether the server has answered, well or not.
    """

    def __init__(self, sizes: dict[int, int], budget: Budget) -> None:
        self.finished = False
        self._sizes = sizes
        self._budget = budget
        self._came: dict[int, list[bytes]] = {}
        self._coming: list[bytes] | None = None
        self._waiting: list[Deferred[None]] = []
        self._seen: set[int] = set()
        self._given_up: set[int] = set()

    def accepts(self, fetch: Fetch) -> bool:
        """Only what names its UID first: else nobody knows yet whose octets come.

        And each message once: servers interleave, and the second is for somebody else.
        """
        ours = fetch.uid in self._sizes and fetch.uid not in self._seen
        return ours and fetch.body and fetch.origin is None

    def literal(self, fetch: Fetch, size: int) -> None:
        """The octets of one message come now."""
        self._coming = None
        uid = fetch.uid
        if uid is None:
            return
        self._seen.add(uid)
        if uid in self._given_up:
            return
        if size <= self._sizes[uid] + _SLACK and (size or not self._sizes[uid]):
            self._coming = self._came[uid] = []

    def data(self, chunk: bytes) -> None:
        """The next of them."""
        if self._coming is not None:
            self._coming.append(chunk)

    def fetched(self, fetch: Fetch, streamed: int | None) -> None:
        """One message is complete. One that came otherwise than streamed is asked for anew."""
        self._coming = None
        if streamed is None and fetch.uid is not None:
            self._seen.add(fetch.uid)

    def parcel(self, uid: int, octets: bytes) -> bool:
        """The same in one step, as most small messages come."""
        size = self._sizes.get(uid)
        if size is None or uid in self._seen:
            return False
        self._seen.add(uid)
        fits = len(octets) <= size + _SLACK and (octets or not size)
        if fits and uid not in self._given_up:
            self._came[uid] = [octets]
        return True

    def answered(self, status: Status) -> None:
        """The server is done. After a NO nobody knows which of them are whole."""
        if not status.ok:
            self._came.clear()
        self._end()

    def failed(self, _: object) -> None:
        """The connection is gone, and whoever asks for a message will hear of it."""
        self._came.clear()
        self._end()

    def when_finished(self) -> "Deferred[None]":
        """Fires when the server has answered."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def take(self, uid: int) -> list[bytes] | None:
        """The message's octets, once; None if they did not come."""
        self._settle(uid)
        return self._came.pop(uid, None)

    def lend(self, uid: int) -> list[bytes] | None:
        """As `take`, but it counts as kept until it is given up."""
        return self._came.pop(uid, None)

    def give_up(self, uid: int) -> None:
        """Nobody wants this message any more."""
        if self._came.pop(uid, None) is self._coming:
            self._coming = None
        self._settle(uid)

    def _settle(self, uid: int) -> None:
        if uid not in self._given_up:
            self._given_up.add(uid)
            self._budget.give(self._sizes[uid])

    def _end(self) -> None:
        self.finished = True
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)


class Parcel:
    """One message of a batch; see `gateway.backend.ahead.Claim`.

    Args:
        batch: That has it or will have it.
        uid: The message.
        mailbox: As the connection has it selected.
    """

    __slots__ = ("_batch", "_mailbox", "_uid", "when_finished")

    def __init__(self, batch: Batch, uid: int, mailbox: Mailbox) -> None:
        self._batch = batch
        self._uid = uid
        self._mailbox = mailbox
        self.when_finished = batch.when_finished

    @property
    def finished(self) -> bool:
        """Whether the server has answered, well or not."""
        return self._batch.finished

    def lend(self) -> list[bytes] | None:
        """Its octets; none if UIDs do not mean any more what they meant."""
        chunks = self._batch.lend(self._uid)
        return None if self._mailbox.moved else chunks

    def give_up(self) -> None:
        """Nobody wants it any more."""
        self._batch.give_up(self._uid)


class Prefetch:
    """What one session has asked for ahead of its client.

    Args:
        connection: With the mailbox selected.
        uids: Of all messages, in message-number order.
        octets: Their sizes.
        budget: Shared by all sessions.

    Attributes:
        latest: Where the message stands that `at_hand` gave last.
    """

    def __init__(
        self,
        connection: Connection,
        uids: Sequence[int],
        octets: Sequence[int],
        budget: Budget,
    ) -> None:
        self._connection = connection
        self._uids = uids
        self._octets = octets
        self._budget = budget
        self._ahead: dict[int, Batch] = {}
        self._held = 0
        self._expected = 0
        self._next = 0
        self._run = 0
        self.latest = 0

    def claim(self, index: int) -> Parcel | None:
        """The message that stands here, if it was asked for ahead.

        A client that reads in another order ends what was asked for.
        """
        if index != self._expected:
            self._run = 0
            self.drop()
        batch = self._ahead.pop(index, None)
        if batch is None:
            return None
        self._held -= self._octets[index]
        return Parcel(batch, self._uids[index], self._connection.mailbox)

    def at_hand(self, uid: int) -> list[bytes] | None:
        """The octets of the message that is next in order, if it has come; once.

        `latest` is then where it stands in the maildrop.
        """
        index = self._expected
        batch = self._ahead.get(index)
        if batch is None or not batch.finished or self._uids[index] != uid:
            return None
        if self._connection.mailbox.moved or self._octets[index] > AT_ONCE:
            return None
        chunks = batch.take(uid)
        if chunks is not None:
            del self._ahead[index]
            self.latest = index
            self._held -= self._octets[index]
            self.go_on(index)
        return chunks

    def go_on(self, index: int) -> None:
        """The client reads this message: see to the ones behind it."""
        self._expected = index + 1
        self._run += 1
        self._next = max(self._next, self._expected)
        # One message alone, somewhere in the middle, is not yet a client that reads on.
        if self._run == 1 and index:
            return
        messages, octets = self._window()
        # Not before half of it is used up: a command costs as much as a small message.
        if len(self._ahead) <= messages // 2 and self._held <= octets // 2:
            self._ask(messages - len(self._ahead), octets)

    def drop(self) -> None:
        """Forget all that was asked for; what still comes of it is thrown away."""
        ahead, self._ahead = self._ahead, {}
        for index, batch in ahead.items():
            batch.give_up(self._uids[index])
        self._held = 0
        self._next = 0

    def _window(self) -> tuple[int, int]:
        """Messages and octets to be ahead; it opens while the client keeps reading on."""
        near = self._connection.round_trip < _FAR_SECONDS
        messages = _FIRST_MESSAGES << min(self._run - 1, 2)
        return messages, _NEAR_OCTETS if near else _FAR_OCTETS

    def _ask(self, messages: int, octets: int) -> None:
        last = min(self._next + messages, len(self._uids))
        indexes: list[int] = []
        while self._next < last and self._fits(self._next, octets):
            self._held += self._octets[self._next]
            indexes.append(self._next)
            self._next += 1
        if indexes:
            self._send(indexes)

    def _fits(self, index: int, octets: int) -> bool:
        size = self._octets[index]
        return self._held + size <= octets and self._budget.take(size)

    def _send(self, indexes: list[int]) -> None:
        batch = Batch({self._uids[i]: self._octets[i] for i in indexes}, self._budget)
        self._ahead |= dict.fromkeys(indexes, batch)
        ((uid_set, _),) = uid_sets(self._uids[i] for i in indexes)
        answer = self._connection.command(
            b"UID", b"FETCH", uid_set, b"(UID BODY.PEEK[])", receiver=batch
        )
        answer.addCallbacks(batch.answered, batch.failed)
