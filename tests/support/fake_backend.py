"""A driver over a list of messages in memory, with faults on demand.

It keeps the contract of `gateway.backend.port` in everything, so what a test sees with it
is what any driver may do: a failure at each step, a wait at each step that a test ends, chunks
cut anywhere. Nothing waits unless told to, and no reactor is needed.
"""

import itertools
from collections import defaultdict
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred

from gateway.backend.port import Capabilities
from gateway.errors import (
    BadCredentials,
    BodyBroken,
    EpochChanged,
    Failure,
    MessageGone,
)
from gateway.maildrop import Maildrop, Outcome


@dataclass
class Faults:
    """What shall go wrong from now on; each field may be set at any time.

    Attributes:
        open, snapshot, body, commit: The failure that this step ends with.
        body_after: How many octets of a message go out before it fails; None fails before
            `begin`.
        hang: The steps that wait for `FakeBackend.go_on`: open, snapshot, body, commit, close.
        commit_keeps: Refs that `commit` leaves where they are.
        announces_more: How many octets `begin` announces over those that come; a driver that
            breaks its contract.
        chunks: The sizes of the chunks of a body, one after the other, again and again.
    """

    open: Failure | None = None
    snapshot: Failure | None = None
    body: Failure | None = None
    commit: Failure | None = None
    body_after: int | None = None
    hang: set = field(default_factory=set)
    commit_keeps: frozenset = frozenset()
    announces_more: int = 0
    chunks: tuple[int, ...] = (65_536,)


class FakeBackend:
    """Implements `gateway.backend.port.Backend`.

    Args:
        messages: Octets of each, in CRLF form; the ref of the first one is 1.
        user, password: Who may log in.
        announce: False announces estimates (octets + 1) and leaves `begin` without a number.
    """

    checks_name = True

    def __init__(self, messages=(), user=b"user", password=b"password", *, announce=True):
        self.messages = dict(enumerate(messages, 1))
        self.user, self.password, self.announce = user, password, announce
        self.epoch = "1700000000"
        self.faults = Faults()
        self.sessions = []
        self.logins = []
        self.commits = []
        self.counts = defaultdict(int)
        self._waiting = []

    async def open(self, login):
        self.logins.append(login)
        await self.step("open")
        if (login.user, login.password.get_secret_value()) != (self.user, self.password):
            raise BadCredentials("[AUTHENTICATIONFAILED] upstream says no")
        self.sessions.append(FakeSession(self))
        return self.sessions[-1]

    async def step(self, name):
        """One step that may wait and may fail."""
        self.counts[name] += 1
        await self.wait(name)
        failure = getattr(self.faults, name)
        if failure is not None:
            raise failure

    async def wait(self, name):
        if name in self.faults.hang:
            deferred = Deferred()
            self._waiting.append((name, deferred))
            await deferred

    @property
    def waiting(self):
        """The steps that wait for `go_on`."""
        return [name for name, _ in self._waiting]

    def go_on(self):
        """Let everything that waits go on, and nothing wait any more."""
        self.faults.hang.clear()
        waiting, self._waiting = self._waiting, []
        for _, deferred in waiting:
            deferred.callback(None)

    @property
    def left_open(self):
        return [session for session in self.sessions if not session.closes]

    def remove(self, *refs):
        """Take messages away as another client would."""
        for ref in refs:
            del self.messages[ref]

    def change_epoch(self):
        """Replace the mailbox: refs of the old one mean nothing any more."""
        self.epoch = str(int(self.epoch) + 1)


class FakeSession:
    """Implements `gateway.backend.port.BackendSession`."""

    def __init__(self, backend):
        self._backend = backend
        self._epoch = None
        self.closes = 0
        self.bodies = []
        self.capabilities = Capabilities(
            exact_octets=backend.announce,
            precise_expunge=True,
            partial_fetch=False,
            stable_ids=True,
            delta=False,
        )

    async def snapshot(self):
        backend = self._backend
        await backend.step("snapshot")
        self._epoch = backend.epoch
        refs = sorted(backend.messages)
        extra = 0 if backend.announce else 1
        return Maildrop(
            self._epoch,
            refs,
            [len(backend.messages[ref]) + extra for ref in refs],
            [b"%b.%d" % (self._epoch.encode(), ref) for ref in refs],
        )

    def body(self, ref, top=None):
        self.bodies.append(FakeBody(self._backend, self, ref))
        return self.bodies[-1]

    async def commit(self, plan):
        backend = self._backend
        assert not self.closes
        backend.commits.append(plan)
        await backend.step("commit")
        self.check_epoch()
        kept = tuple(ref for ref in plan.remove if ref in backend.faults.commit_keeps)
        removed = tuple(ref for ref in plan.remove if ref not in kept)
        for ref in removed:
            backend.messages.pop(ref, None)
        return Outcome(removed, kept)

    async def close(self):
        self.closes += 1
        self._backend.counts["close"] += 1
        await self._backend.wait("close")

    def check_epoch(self):
        if self._epoch != self._backend.epoch:
            raise EpochChanged("UIDVALIDITY moved")


class FakeBody:
    """Implements `gateway.backend.port.Body`."""

    def __init__(self, backend, session, ref):
        self._backend, self._session, self._ref = backend, session, ref
        self._room = None
        self.stopped = False
        self.written = 0
        self.pauses = 0

    async def start(self, sink):
        backend, after = self._backend, self._backend.faults.body_after
        if after is None:
            await backend.step("body")
        self._session.check_epoch()
        if self._ref not in backend.messages:
            raise MessageGone("no such UID")
        message = backend.messages[self._ref]
        backend.counts["begin"] += 1
        announced = len(message) + backend.faults.announces_more
        sink.begin(announced if backend.announce else None)
        await self._write(message[:after], sink)
        if after is not None and not self.stopped:
            await backend.wait("body")
            raise backend.faults.body or BodyBroken("connection lost")
        return self.written

    async def _write(self, message, sink):
        sizes = itertools.cycle(self._backend.faults.chunks)
        position = 0
        while position < len(message) and await self._may_write():
            chunk = message[position : position + next(sizes)]
            position += len(chunk)
            self.written += len(chunk)
            sink.write(chunk)

    async def _may_write(self):
        while self._room is not None and not self.stopped:
            await self._room
        return not self.stopped

    def pause(self):
        self.pauses += 1
        if self._room is None:
            self._room = Deferred()

    def resume(self):
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)

    def stop(self):
        self.stopped = True
        self.resume()
