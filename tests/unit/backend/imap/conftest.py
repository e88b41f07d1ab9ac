"""The driver before a scripted server, and a sink that records."""

from functools import partial

import pytest
import pytest_twisted
from pydantic import SecretBytes
from twisted.internet.task import deferLater

from gateway.backend.imap import prefetch
from gateway.backend.imap.driver import ImapBackend
from gateway.backend.imap.settings import ImapSettings, Upstream
from gateway.maildrop import Login
from gateway.telemetry import Emitter
from gateway.tls import client_options
from tests.unit.backend.imap.reader import TOTAL, Reader, Sink

SECRET = b"s3cret pass-word"


class Gateway:
    """What app would make: backends, the events they emit, and the sessions to close."""

    def __init__(self, reactor):
        self.reactor = reactor
        self.events = []
        self.sessions = []
        self.emit = Emitter(lambda event, context: self.events.append(event))

    def backend(self, server, *, security="none", host=None, ca=None, index=None, **settings):
        # Off unless asked for: scripted replies count commands. Each has tests of its own,
        # and tests/faults and tests/integration have them on.
        alone = {"pipeline_login": False, "prefetch": False}
        settings = {"command_timeout": 5, "connect_timeout": 5, **alone, **settings}
        return ImapBackend(
            Upstream(host or server.host, server.port, security),
            ImapSettings(**settings),
            partial(client_options, ca_file=ca),
            self.reactor,
            self.emit,
            index=index,
        )

    def login(self, user=b"user", password=SECRET, peer="192.0.2.1"):
        return Login(user, SecretBytes(password), peer)

    async def open(self, server, user=b"user", password=SECRET, peer="192.0.2.1", **options):
        login = self.login(user, password, peer)
        session = await self.backend(server, **options).open(login)
        self.sessions.append(session)
        return session

    async def opened(self, server, **options):
        session = await self.open(server, **options)
        return session, await session.snapshot()

    async def until(self, condition, seconds=5):
        """Wait without holding the reactor up."""
        for _ in range(int(seconds / 0.005)):
            if condition():
                return
            await deferLater(self.reactor, 0.005)
        raise TimeoutError

    def names(self):
        return [event.name() for event in self.events]


@pytest.fixture
def sink():
    return Sink()


@pytest_twisted.async_yield_fixture
async def gateway():
    from twisted.internet import reactor

    made = Gateway(reactor)
    yield made
    for session in made.sessions:
        await session.close()
    assert not any(SECRET.decode() in repr(event) for event in made.events)


@pytest.fixture(params=[False, True], ids=["body", "at-hand"])
def short_way(request):
    return request.param


@pytest_twisted.async_yield_fixture
async def reader(gateway, near, short_way):
    """Makes readers, and looks at the end whether the budget is whole again."""
    made = []

    async def open_(server, **settings):
        settings = {"prefetch": True, "prefetch_total": TOTAL, **settings}
        backend = gateway.backend(server, **settings)
        session = await backend.open(gateway.login())
        gateway.sessions.append(session)
        maildrop = await session.snapshot()
        budget = backend._shared.budget
        made.append(Reader(gateway, server, session, maildrop, budget, short_way=short_way))
        return made[-1]

    yield open_
    for each in made:
        await each.session.close()
        assert each.taken == 0, "octets of the budget are lost"


@pytest.fixture
def near(monkeypatch):
    """A loopback that is busy with tests must not look like a far server."""
    monkeypatch.setattr(prefetch, "_FAR_SECONDS", 1000)
