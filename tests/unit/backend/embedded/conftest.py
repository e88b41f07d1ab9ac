"""A Maildir, the driver over it, and a sink that records."""

import os

import pytest
from pydantic import SecretBytes

from gateway.backend.embedded import MaildirBackend, MaildirSettings
from gateway.maildrop import Login
from gateway.telemetry import Emitter

DEMO = Login(b"demo", SecretBytes(b"demo"))


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


class Box:
    """A Maildir on disk, the events, and the way to a session."""

    def __init__(self, directory):
        self.directory = directory
        self.events = []
        for name in ("cur", "new", "tmp"):
            (directory / name).mkdir(parents=True)

    def put(self, name, content=b"Subject: x\n\nhello\n", place="new"):
        path = self.directory / place / os.fsdecode(name)
        path.write_bytes(content)
        return path

    def backend(self, **settings):
        from twisted.internet import reactor

        return MaildirBackend(
            self.directory,
            MaildirSettings(**settings),
            reactor,
            Emitter(lambda event, _: self.events.append(event)),
        )

    async def session(self, backend=None):
        return await (backend or self.backend()).open(DEMO)

    async def snapshot(self, backend=None):
        session = await self.session(backend)
        return session, await session.snapshot()


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path / "Maildir")


@pytest.fixture
def sink():
    return Sink()
