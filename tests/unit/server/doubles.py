"""A gateway in memory: a clock that a test turns, a mailbox it can hold up, a client's wire."""

from collections import Counter

from pydantic import SecretBytes
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from gateway.access.delay import LoginDelays
from gateway.access.journal import SqliteJournal
from gateway.access.lease import ProcessLeases
from gateway.access.open import Opener
from gateway.accounts.passing import PassThrough
from gateway.backend.port import Capabilities
from gateway.errors import BadCredentials
from gateway.maildrop import Attempt, Maildrop, Outcome
from gateway.pop3.offer import Offer
from gateway.pop3.settings import Pop3Settings
from gateway.server.deeds import Deeds
from gateway.server.entrance import Listener, Surroundings
from gateway.server.listener import Server
from gateway.server.settings import LimitSettings
from gateway.telemetry import Emitter
from tests.unit.server.wire import Wire

HEAD = b"Subject: %s\r\n\r\n"
ONE, TWO, THREE = (
    HEAD % name + text
    for name, text in [
        (b"one", b"first\r\n.\r\n..dots\r\n"),
        (b"two", b"second\r\n"),
        (b"three", b"no line end"),
    ]
)
PASSWORD = b"correct horse"


def login(user=b"ann", password=PASSWORD):
    return Attempt(user, SecretBytes(password), "192.0.2.1")


class FakeUpstream:
    """A backend with one mailbox for everybody.

    `trouble[step]` is what happens at a step (open, snapshot, body, start, commit, close):
    an exception to raise, or a Deferred to wait for. `manual` bodies send nothing by
    themselves. `calls` are the steps in order, `plans` what commit was asked for.
    """

    checks_name = True

    def __init__(self, messages=(ONE, TWO, THREE)):
        self.mail = dict(enumerate(messages, 11))
        self.epoch = "7"
        self.trouble = {}
        self.manual = False
        self.chunk = 1 << 16
        self.calls = []
        self.plans = []
        self.bodies = []
        self.sessions = []
        self.keep = set()

    async def step(self, name):
        self.calls.append(name)
        trouble = self.trouble.get(name)
        if isinstance(trouble, Deferred):
            await trouble
        elif trouble is not None:
            raise trouble

    def hold(self, name):
        self.trouble[name] = Deferred()
        return self.trouble[name]

    async def open(self, given):
        await self.step("open")
        if given.password.get_secret_value() != PASSWORD:
            raise BadCredentials("wrong")
        session = FakeSession(self)
        self.sessions.append(session)
        return session

    @property
    def open_sessions(self):
        return sum(not session.closed for session in self.sessions)


class FakeSession:
    capabilities = Capabilities(
        exact_octets=True,
        precise_expunge=True,
        partial_fetch=True,
        stable_ids=True,
        delta=False,
    )

    def __init__(self, upstream):
        self.upstream = upstream
        self.closed = 0

    async def snapshot(self):
        await self.upstream.step("snapshot")
        mail = self.upstream.mail
        ids = [b"id-%d" % ref for ref in mail]
        return Maildrop(self.upstream.epoch, list(mail), [len(mail[r]) for r in mail], ids)

    def body(self, ref, top=None):
        trouble = self.upstream.trouble.get("body")
        if trouble is not None:
            raise trouble
        body = FakeBody(self.upstream, self.upstream.mail.get(ref))
        self.upstream.bodies.append(body)
        return body

    async def commit(self, plan):
        self.upstream.plans.append(plan)
        await self.upstream.step("commit")
        removed = tuple(ref for ref in plan.remove if ref not in self.upstream.keep)
        for ref in removed:
            self.upstream.mail.pop(ref, None)
        return Outcome(removed, tuple(ref for ref in plan.remove if ref not in removed))

    async def close(self):
        self.closed += 1
        await self.upstream.step("close")


class FakeBody:
    """Push producer; like the real ones it ends in the very moment when it is stopped."""

    def __init__(self, upstream, octets):
        self.upstream = upstream
        self.octets = octets
        self.sink = None
        self.paused = self.stopped = False
        self.position = 0
        self.done = Deferred(lambda _: None)

    def start(self, sink):
        trouble = self.upstream.trouble.get("start")
        if trouble is not None:
            raise trouble
        self.sink = sink
        if not self.upstream.manual:
            sink.begin(len(self.octets))
            self.flow()
        return self.done

    def flow(self):
        while not self.paused and not self.done.called:
            chunk = self.octets[self.position : self.position + self.upstream.chunk]
            if not chunk:
                self.finish()
                return
            self.send(chunk)

    def send(self, chunk):
        self.position += len(chunk)
        self.sink.write(chunk)

    def finish(self):
        if not self.done.called:
            self.done.callback(self.position)

    def fail(self, failure):
        if not self.done.called:
            self.done.errback(failure)

    def pause(self):
        self.paused = True

    def resume(self):
        self.paused = False
        if self.sink is not None and not self.upstream.manual:
            self.flow()

    def stop(self):
        self.stopped = True
        self.finish()


class CountingLeases(ProcessLeases):
    """Knows how often each lease was taken and given back."""

    def __init__(self):
        super().__init__()
        self.taken = self.released = 0

    async def acquire(self, account):
        lease = await super().acquire(account)
        self.taken += 1
        return _Counted(self, lease)


class _Counted:
    def __init__(self, store, lease):
        self._store = store
        self._lease = lease

    def release(self):
        self._store.released += 1
        self._lease.release()


class Client:
    """One connection to the world's server."""

    def __init__(self, world, host="192.0.2.1", room=None, secure=False):
        self.world = world
        self.wire = Wire(world.clock, room)
        stls = world.certificate
        listener = Listener("here", None, object() if secure else None, stls, offer=world.offer)
        self.connection = world.server.accept(IPv4Address("TCP", host, 4000), listener)
        self._seen = 0
        self.wire.connect(self.connection)

    def send(self, *lines):
        """All lines as one packet; returns what came back at once."""
        self.push(b"".join(line + b"\r\n" for line in lines))
        return self.new()

    def push(self, octets):
        if not self.wire.lost:
            self.connection.dataReceived(octets)

    def new(self):
        """What was sent since the last look."""
        new, self._seen = bytes(self.wire.sent[self._seen :]), len(self.wire.sent)
        return new

    def log_in(self, user=b"ann"):
        self.new()
        return self.send(b"USER " + user, b"PASS " + PASSWORD)

    def half_close(self):
        self.connection.readConnectionLost()
        return self.new()

    def lose(self):
        self.wire.lose()

    @property
    def closed(self):
        """Whether it is closed, or will be in the next moment."""
        self.world.clock.advance(0)
        return self.wire.lost


class World:
    """Everything of a gateway but sockets and a real upstream."""

    def __init__(
        self, directory, messages=(ONE, TWO, THREE), rules=None, upstream=None, **limits
    ):
        self.clock = Clock()
        self.events = []
        self.contexts = []
        self.upstream = upstream or FakeUpstream(messages)
        self.door = PassThrough()
        self.leases = CountingLeases()
        self.journal = SqliteJournal(directory / "journal.sqlite")
        self.rules = Pop3Settings(**{"failed_login_delay": 0, **(rules or {})})
        emit = Emitter(self._note)
        self.opener = Opener(
            door=self.door,
            backends=lambda _: self.upstream,
            upstream="fake://",
            leases=self.leases,
            journal=self.journal,
            delays=LoginDelays(self.rules.login_delay, self.clock.seconds),
            emit=emit,
        )
        self.deeds = Deeds(self.opener, self.journal)
        self.certificate = None
        self.offer = Offer()
        self.limits = LimitSettings(**limits)
        self.emit = emit
        self._server = None

    def _note(self, event, context):
        self.events.append(event)
        self.contexts.append(dict(context))

    @property
    def server(self):
        if self._server is None:
            shared = Surroundings(
                self.rules, self.limits, self.deeds, self.clock, lambda: b"fresh"
            )
            self._server = Server(shared, self.emit)
        return self._server

    def client(self, **options):
        return Client(self, **options)

    def named(self, name):
        return [event for event in self.events if event.name() == name]

    def names(self):
        return Counter(event.name() for event in self.events)

    def everything_is_given_back(self):
        """No lease, upstream session, deed or timer is left over."""
        assert len(self.leases) == 0
        assert self.leases.taken == self.leases.released
        assert all(session.closed for session in self.upstream.sessions)
        assert not self.deeds._running
        assert [str(call) for call in self.clock.getDelayedCalls()] == []
        return True


def unstuffed(wire):
    """The message in a complete answer to RETR or TOP, by the slow and obvious way."""
    status, _, rest = wire.partition(b"\r\n")
    assert status.startswith(b"+OK"), status
    lines = []
    for line in rest.split(b"\r\n"):
        if line == b".":
            return b"".join(one + b"\r\n" for one in lines)
        lines.append(line[1:] if line.startswith(b".") else line)
    raise AssertionError("no terminator")
