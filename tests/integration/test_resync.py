"""After removals by others, real servers say what has gone: QRESYNC, or a search."""

from functools import partial

import pytest
import pytest_twisted
from pydantic import SecretBytes

from gateway.backend.imap import snapshot
from gateway.backend.imap.connection import Connection
from gateway.backend.imap.driver import ImapBackend
from gateway.backend.imap.settings import ImapSettings, Upstream
from gateway.index import NoIndex
from gateway.maildrop import Login
from gateway.telemetry import Emitter
from gateway.tls import client_options

pytestmark = pytest.mark.servers


class Memory(NoIndex):
    def __init__(self):
        self.record = None

    def load(self, account):
        return self.record

    def save(self, account, record):
        self.record = record


class Place:
    """A mailbox that is looked at, changed by another, and looked at again."""

    def __init__(self, server, user, heard):
        self.server, self.user, self.heard = server, user, heard
        self.index = Memory()
        server.add_user(user, "secret")
        self.deliver(*range(30))
        # Dovecot numbers changes from the first client on that asks for it.
        with server.imap(user) as other:
            other.enable("CONDSTORE")
            other.select_folder("INBOX")

    def deliver(self, *numbers):
        self.server.deliver_many(self.user, [b"Subject: %d\r\n\r\nx\r\n" % n for n in numbers])

    async def look(self):
        from twisted.internet import reactor

        self.heard.clear()
        backend = ImapBackend(
            Upstream(self.server.host, self.server.port, "none"),
            ImapSettings(),
            partial(client_options, ca_file=None),
            reactor,
            Emitter(lambda event, _: None),
            index=self.index,
        )
        session = await backend.open(Login(self.user.encode(), SecretBytes(b"secret")))
        maildrop = await session.snapshot()
        await session.close()
        return dict(zip(maildrop.refs, maildrop.octets, strict=True))

    def truth(self):
        with self.server.imap(self.user) as other:
            other.select_folder("INBOX", readonly=True)
            found = other.fetch(other.search(), ["RFC822.SIZE"])
        return {uid: items[b"RFC822.SIZE"] for uid, items in found.items()}

    def remove(self, *uids):
        with self.server.imap(self.user) as other:
            other.select_folder("INBOX")
            other.delete_messages(uids)
            other.uid_expunge(uids)


@pytest.fixture
def heard(monkeypatch):
    commands = []
    command = Connection.command

    def noted(self, *words, **options):
        commands.append(words[0])
        return command(self, *words, **options)

    monkeypatch.setattr(Connection, "command", noted)
    return commands


@pytest.mark.parametrize("name", ["dovecot", "cyrus"])
@pytest.mark.parametrize("many", [0, 1000])
@pytest_twisted.ensureDeferred
async def test_others_removed_and_added(request, monkeypatch, heard, name, many):
    monkeypatch.setattr(snapshot, "_MANY", many)
    server = request.getfixturevalue(name)
    place = Place(server, f"resync{many}", heard)
    assert await place.look() == place.truth()
    place.remove(3, 4, 9, 30)
    place.deliver(31, 32)
    assert await place.look() == place.truth()
    assert (b"ENABLE" in heard) == (many == 0)
    place.remove(31)
    place.deliver(33)
    assert await place.look() == place.truth()
    assert await place.look() == place.truth()
    assert b"UID" not in heard  # nothing has changed, and nothing is asked
