"""JMAP mailboxes of a real server, Cyrus, drained by real POP3 clients."""

import contextlib
import itertools
import re

import imapclient
import pytest
import pytest_twisted
from pydantic import SecretBytes

from gateway.backend.http.driver import make_room
from gateway.backend.http.settings import HttpSettings
from gateway.backend.jmap import driver
from gateway.backend.jmap.settings import JmapSettings
from gateway.maildrop import CommitPlan, Login
from gateway.telemetry import Emitter
from gateway.tls import client_options
from tests.integration.test_clients import ODD, written
from tests.support.gateway import RunningGateway
from tests.support.mail import awkward, crlf_form
from tests.support.readers import READERS, Account
from tests.unit.backend.http.shelf import MemoryIndex, read

pytestmark = pytest.mark.servers
PASSWORD = "password of kim"
READING = ["poplib", "curl", "fetchmail", "mpop", "getmail"]
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def gateway(cyrus):
    with RunningGateway(f"jmap+{cyrus.url}") as running:
        yield running
        log = running.log_text()
    assert "internal_error" not in log, log
    assert PASSWORD not in log


@pytest.fixture
def user(cyrus):
    name = f"jmap{next(_numbers)}"
    cyrus.add_user(name, PASSWORD)
    return name


@pytest.fixture(autouse=True)
def poplib_takes_long_lines(monkeypatch):
    monkeypatch.setattr("poplib._MAXLINE", 200_000)


def deliver_corpus(cyrus, user):
    """What Cyrus takes of the corpus."""
    for message in awkward().values():
        with contextlib.suppress(imapclient.exceptions.IMAPClientError):
            cyrus.deliver(user, crlf_form(message))


def shown_by_imap(cyrus, user, folder="INBOX"):
    """By another protocol and another client: every message, each once, as JMAP has them."""
    with cyrus.imap(user) as client:
        client.select_folder(folder, readonly=True)
        uids = client.search("ALL")
        rows = client.fetch(uids, ["BODY.PEEK[]"]) if uids else {}
        return sorted({row[b"BODY[]"] for row in rows.values()})


def names_of(octets):
    """Which messages of the corpus they may be, by their subject."""
    shown = {}
    for name, message in awkward().items():
        shown.setdefault(re.sub(rb"[\r\n]+", b"\n", message)[:60], set()).add(name)
    return shown.get(re.sub(rb"[\r\n]+", b"\n", octets)[:60], set())


def is_odd(reader, octets):
    return bool(names_of(octets) & ODD[reader])


def ended(octets):
    return octets if not octets or octets.endswith(b"\r\n") else octets + b"\r\n"


@pytest.mark.parametrize("reader", READING)
def test_a_client_drains_the_inbox_octet_for_octet(cyrus, gateway, user, reader, tmp_path):
    deliver_corpus(cyrus, user)
    there = shown_by_imap(cyrus, user)
    assert len(there) > 20
    account = Account(gateway.host, gateway.port, user, PASSWORD)

    delivered = READERS[reader](account, tmp_path, delete=True)

    assert len(delivered) == len(there)
    expected = {
        written(reader, ended(octets)) for octets in there if not is_odd(reader, octets)
    }
    assert len(expected) > 15
    assert expected <= set(delivered)
    assert shown_by_imap(cyrus, user) == []


def test_only_what_was_marked_is_removed(cyrus, gateway, user):
    letters = [b"Subject: %d\r\n\r\ntext %d\r\n" % (n, n) for n in range(6)]
    cyrus.deliver_many(user, letters)
    with gateway.client() as client:
        client.login(user, PASSWORD)
        assert client.stat() == (6, sum(map(len, letters)))
        assert sorted(client.retr(n) for n in range(1, 7)) == letters
        second, fifth = client.retr(2), client.retr(5)
        client.ok("DELE 2")
        client.ok("DELE 5")
        assert client.quit().startswith(b"+OK")
    assert shown_by_imap(cyrus, user) == sorted(set(letters) - {second, fifth})


def test_what_is_in_another_mailbox_too_stays_there(cyrus, gateway, user):
    cyrus.deliver_many(user, [b"Subject: 1\r\n\r\none\r\n", b"Subject: 2\r\n\r\ntwo\r\n"])
    with cyrus.imap(user) as client:
        client.create_folder("Archive")
        client.select_folder("INBOX")
        client.copy(client.search("ALL")[:1], "Archive")
    with gateway.client() as client:
        client.login(user, PASSWORD)
        client.ok("DELE 1")
        client.ok("DELE 2")
        assert client.quit().startswith(b"+OK")
    assert shown_by_imap(cyrus, user) == []
    assert shown_by_imap(cyrus, user, "Archive") == [b"Subject: 1\r\n\r\none\r\n"]


def test_a_wrong_password(gateway, user):
    with gateway.client() as client:
        client.ok(f"USER {user}")
        assert client.command("PASS wrong").startswith(b"-ERR [AUTH]")


# The driver by itself.


class Counted:
    """A backend in front of Cyrus that counts its requests."""

    def __init__(self, cyrus, index, monkeypatch, **settings):
        from twisted.internet import reactor

        room = make_room(
            "jmap",
            f"{cyrus.url}/",
            HttpSettings(),
            tls_options=client_options,
            reactor=reactor,
            emit=Emitter(lambda event, context: None),
            index=index,
        )
        self.requests = []
        send = room.client.send

        async def counting(method, url, *rest):
            self.requests.append((method, url))
            return await send(method, url, *rest)

        monkeypatch.setattr(room.client, "send", counting)
        self.backend = driver.backend(room, "", JmapSettings(**settings))

    async def opened(self, user):
        session = await self.backend.open(Login(user.encode(), SecretBytes(PASSWORD.encode())))
        return session, await session.snapshot()


@pytest_twisted.ensureDeferred
async def test_unchanged_mail_is_told_by_few_requests(cyrus, user, monkeypatch):
    cyrus.deliver_many(user, [b"Subject: %d\r\n\r\ntext\r\n" % n for n in range(60)])
    counted = Counted(cyrus, MemoryIndex(), monkeypatch, page=25)
    session, maildrop = await counted.opened(user)
    assert len(maildrop) == 60
    assert session.capabilities.exact_octets
    counted.requests.clear()
    session, again = await counted.opened(user)
    assert list(again.unique_ids) == list(maildrop.unique_ids)
    assert len(counted.requests) <= 3
    await counted.backend.close()


@pytest_twisted.ensureDeferred
async def test_changes_of_every_kind_are_followed(cyrus, user, monkeypatch):
    letters = [b"Subject: %d\r\n\r\ntext\r\n" % n for n in range(30)]
    cyrus.deliver_many(user, letters[:20])
    counted = Counted(cyrus, MemoryIndex(), monkeypatch)
    await counted.opened(user)
    cyrus.deliver_many(user, letters[20:])
    with cyrus.imap(user) as client:
        client.create_folder("Elsewhere")
        client.select_folder("INBOX")
        client.add_flags([1, 2], [b"\\Seen"])
        client.move([3], "Elsewhere")
        client.delete_messages([4])
        client.expunge()
    counted.requests.clear()
    session, maildrop = await counted.opened(user)
    assert len(counted.requests) <= 3
    assert sorted([await read(session, ref) for ref in maildrop.refs]) == shown_by_imap(
        cyrus, user
    )
    outcome = await session.commit(CommitPlan(maildrop.epoch, tuple(maildrop.refs[:10])))
    assert len(outcome.removed) == 10
    session, rest = await counted.opened(user)
    assert list(rest.refs) == list(maildrop.refs[10:])
    await counted.backend.close()


@pytest_twisted.ensureDeferred
async def test_the_trash_of_a_real_server(cyrus, user, monkeypatch):
    with cyrus.imap(user) as client:  # RFC 6154 §3
        client._imap._simple_command("CREATE", "Trash", r"(USE (\Trash))")
    cyrus.deliver_many(user, [b"Subject: 1\r\n\r\none\r\n"])
    counted = Counted(cyrus, MemoryIndex(), monkeypatch, delete="trash")
    session, maildrop = await counted.opened(user)
    outcome = await session.commit(CommitPlan(maildrop.epoch, tuple(maildrop.refs)))
    assert len(outcome.removed) == 1
    assert shown_by_imap(cyrus, user) == []
    assert shown_by_imap(cyrus, user, "Trash") == [b"Subject: 1\r\n\r\none\r\n"]
    await counted.backend.close()
