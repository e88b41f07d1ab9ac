"""Runner (b): the Twisted protocol on a transport in memory, whole or octet by octet."""

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from gateway.access.delay import LoginDelays
from gateway.access.lease import ProcessLeases
from gateway.access.open import Opener, account_of
from gateway.maildrop import Login
from gateway.server.connection import Pop3Connection
from gateway.server.deeds import Deeds
from gateway.server.entrance import Listener, Surroundings
from gateway.server.events import InternalError
from gateway.server.record import Record
from gateway.server.settings import LimitSettings
from gateway.telemetry import Emitter
from tests.protocol.pure_runner import FakeRunner


class MemoryJournal:
    def __init__(self):
        self.plans = {}

    def record(self, account, plan):
        self.plans[account] = plan

    def clear(self, account):
        self.plans.pop(account, None)

    def interrupted(self, account):
        return self.plans.get(account)


class MemoryTransport:
    """A socket's two directions; the client reads when `client_reads` is called.

    Args:
        protocol: The server's side.
        high_water: How many octets may be unread before the producer is paused.
    """

    def __init__(self, protocol, high_water):
        self.protocol, self.high_water = protocol, high_water
        self.written, self.waiting = b"", []
        self.producer = None
        self.full = self.reading_paused = False
        self.closing = self.aborted = self.lost = self.tls = False

    def write(self, data):
        assert isinstance(data, bytes)
        if self.lost:
            return
        assert not self.closing, "written after loseConnection"
        self.written += data
        if len(self.written) > self.high_water and not self.full and self.producer is not None:
            self.full = True
            self.producer.pauseProducing()

    def registerProducer(self, producer, streaming):
        assert streaming
        assert self.producer is None
        self.producer = producer

    def unregisterProducer(self):
        self.producer = None

    def pauseProducing(self):
        self.reading_paused = True

    def resumeProducing(self):
        assert not self.lost, "a socket that is gone cannot be read"
        self.reading_paused = False

    def loseConnection(self):
        self.closing = True

    def abortConnection(self):
        self.aborted = True
        self.written = b""
        self.lose(ConnectionAborted())

    def startTLS(self, _):
        assert self.written == b"" or self.written.endswith(b"\r\n")
        self.tls = True

    def getHandle(self):
        return self

    def get_cipher_name(self):
        return "TLS_OF_TESTS"

    def get_protocol_version_name(self):
        return "TLSv1.3"

    def setTcpNoDelay(self, _):
        pass

    def setTcpKeepAlive(self, _):
        pass

    # ---- the other end

    def client_reads(self):
        data, self.written = self.written, b""
        if self.full:
            self.full = False
            if self.producer is not None:
                self.producer.resumeProducing()
        return data

    def client_writes(self):
        while self.waiting and not self.reading_paused and not self.lost and not self.closing:
            self.protocol.dataReceived(self.waiting.pop(0))

    def lose(self, reason):
        if not self.lost:
            self.lost = True
            self.protocol.connectionLost(Failure(reason))


class MemoryRunner(FakeRunner):
    """Feeds packets as they are given."""

    high_water = 65_536

    def __init__(self, dialog):
        super().__init__(dialog)
        self.clock, self.journal, self.leases = Clock(), MemoryJournal(), ProcessLeases()
        self.limits = LimitSettings()
        self.events, self.lost, self.other_lease = [], 0, None
        emit = Emitter(lambda event, _: self.events.append(event))
        opener = Opener(
            door=self.door,
            backends=lambda _: self.backend,
            upstream="fake",
            leases=self.leases,
            journal=self.journal,
            delays=LoginDelays(0, self.clock.seconds),
            emit=emit,
        )
        stls = None if dialog.tls == "none" else object()
        deeds = Deeds(opener, self.journal)
        shared = Surroundings(self.rules, self.limits, deeds, self.clock, lambda: b"fresh")
        tls = stls if dialog.tls == "active" else None
        listener = Listener("here", None, tls, stls, offer=self.offer)
        record = Record("192.0.2.1", listener.name, self.clock.seconds())
        self.connection = Pop3Connection(
            shared, emit, listener, record=record, on_lost=self.on_lost
        )
        self.transport = MemoryTransport(self.connection, self.high_water)
        self.connection.makeConnection(self.transport)

    def on_lost(self, _):
        self.lost += 1

    def packets(self, data):
        return [data]

    def send(self, data):
        self.transport.waiting += self.packets(data)
        self.pump()

    def pump(self):
        transport = self.transport
        while True:
            transport.client_writes()
            self.received += (found := transport.client_reads())
            self.clock.advance(0)
            stuck = transport.reading_paused or transport.lost or transport.closing
            if not found and not transport.written and (stuck or not transport.waiting):
                break
        if transport.closing:
            transport.lose(ConnectionDone())

    def has_closed(self):
        self.pump()
        assert self.transport.closing
        assert not self.transport.aborted

    def has_reset(self):
        assert self.transport.aborted

    def still_open(self):
        self.pump()
        assert not self.transport.lost
        assert not self.transport.closing

    def drop(self):
        self.transport.lose(ConnectionDone())

    def half_close(self):
        self.connection.readConnectionLost()
        self.pump()

    def do_elsewhere(self, text):
        if text == "login":
            account = account_of(Login(self.user, self.password), "fake")
            acquiring = self.leases.acquire(account)
            try:
                acquiring.send(None)
            except StopIteration as stop:
                self.other_lease = stop.value
        else:
            self.other_lease.release()
            self.other_lease = None

    def do_starttls(self, _):
        assert self.transport.tls

    def do_timeout(self, _):
        self.clock.advance(self.limits.idle_timeout + 1)
        self.pump()

    def do_drain(self, _):
        self.connection.drain()
        self.pump()

    def finish(self, *, may_commit):
        super().finish(may_commit=may_commit)
        if self.other_lease is not None:
            self.other_lease.release()
        assert len(self.leases) == 0
        assert self.journal.plans == {}
        assert self.lost == 1
        assert self.clock.getDelayedCalls() == []
        assert not [event for event in self.events if isinstance(event, InternalError)]
        assert self.password.decode("latin-1") not in repr(self.events)


class OctetRunner(MemoryRunner):
    """Feeds every octet as a packet of its own; bodies come in the smallest chunks."""

    def __init__(self, dialog):
        super().__init__(dialog)
        small = max(map(len, self.backend.messages.values()), default=0) < 10_000
        self.backend.faults.chunks = (1,) if small else (1, 4096, 2, 997)

    def packets(self, data):
        return [data[n : n + 1] for n in range(len(data))]


class TrickleRunner(OctetRunner):
    """As above, to a client whose buffer is full after every write."""

    high_water = 0
