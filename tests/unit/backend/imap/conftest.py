"""The driver before a scripted server, and a sink that records."""

from functools import partial

import pytest
import pytest_twisted
from pydantic import SecretBytes
from twisted.internet.task import deferLater

from gateway.backend.imap.driver import ImapBackend
from gateway.backend.imap.settings import ImapSettings, Upstream
from gateway.maildrop import Login
from gateway.telemetry import Emitter
from gateway.tls import client_options

SECRET = b"s3cret pass-word"


class Sink:
    """Takes a body; `on_write` lets a test interfere after each chunk."""

    def __init__(self, on_write=lambda chunk: None):
        self.announced = "never"
        self.chunks = []
        self.on_write = on_write

    def begin(self, octets):
        assert self.announced == "never"
        self.announced = octets

    def write(self, chunk):
        assert self.announced != "never"
        self.chunks.append(chunk)
        self.on_write(chunk)

    @property
    def octets(self):
        return b"".join(self.chunks)


class Gateway:
    """What app would make: backends, the events they emit, and the sessions to close."""

    def __init__(self, reactor):
        self.reactor = reactor
        self.events = []
        self.sessions = []
        self.emit = Emitter(lambda event, context: self.events.append(event))

    def backend(self, server, *, security="none", host=None, ca=None, **settings):
        settings = {"command_timeout": 5, "connect_timeout": 5, **settings}
        return ImapBackend(
            Upstream(host or server.host, server.port, security),
            ImapSettings(**settings),
            partial(client_options, ca_file=ca),
            self.reactor,
            self.emit,
        )

    async def open(self, server, user=b"user", password=SECRET, peer="192.0.2.1", **options):
        login = Login(user, SecretBytes(password), peer)
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
