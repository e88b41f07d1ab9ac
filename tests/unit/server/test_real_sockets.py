"""What only real sockets and real TLS can show of a connection: closing, waiting, refusing."""

import socket
import time

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from gateway.app.gateway import Gateway
from gateway.app.sockets import open_all
from gateway.config import load
from gateway.pop3 import replies
from gateway.telemetry import Emitter
from tests.support.pop3_client import Pop3Client

BIG = b"Subject: big\r\n\r\n" + b"%s\r\n" % (b"x" * 76) * 200_000  # more than the kernel takes


@pytest.fixture
def place(tmp_path, certificates):
    """A gateway over a Maildir with one big message; the test starts and stops it."""
    return Place(tmp_path, certificates)


class Place:
    def __init__(self, directory, certificates):
        self.directory = directory
        self.certificates = certificates
        self.context = certificates.client_context()
        self.events = []

    async def start(self, **limits):
        from twisted.internet import reactor

        maildir = self.directory / "Maildir"
        for name in ("cur", "new", "tmp"):
            (maildir / name).mkdir(parents=True)
        (maildir / "new" / "1.a.b").write_bytes(BIG)
        given = {
            "upstream.url": f"maildir://{maildir}",
            "state.dir": str(self.directory / "state"),
            "listen.plain": ["127.0.0.1:0"],
            "listen.tls": ["127.0.0.1:0"],
            "listen.cert": str(self.certificates.server.certificate),
            "listen.key": str(self.certificates.server.key),
            **{f"limits.{name}": value for name, value in limits.items()},
        }
        emit = Emitter(lambda event, _: self.events.append(event))
        settings = load(None, given)
        self.gateway = Gateway(settings, reactor, emit)
        sockets = open_all(settings.listen)
        line = await self.gateway.start(sockets)
        for each in sockets:
            each.opened.close()
        self.ports = [int(text.split(",")[0]) for text in line.split("127.0.0.1:")[1:]]

    def client(self, how):
        if how == "tls":
            return Pop3Client("127.0.0.1", self.ports[1], tls=self.context)
        client = Pop3Client("127.0.0.1", self.ports[0])
        if how == "stls":
            client.start_tls(self.context)
        return client

    def named(self, name):
        return [event for event in self.events if event.name() == name]


WAYS = ["plain", "tls", "stls"]


@pytest.mark.parametrize("how", WAYS)
@pytest_twisted.ensureDeferred
async def test_all_arrives_before_the_close_although_the_client_is_slow(place, how):
    await place.start()

    def talk():
        with place.client(how) as client:
            client.login("demo", "demo")
            client.send(b"RETR 1\r\nSTAT\r\nQUIT\r\n")
            time.sleep(0.3)
            return client.rest()

    said = await deferToThread(talk)
    status = b"+OK %d octets\r\n" % len(BIG)
    assert said == status + BIG + b".\r\n" + replies.stat(1, len(BIG)) + replies.GOODBYE
    await place.gateway.stop()


@pytest.mark.parametrize("how", WAYS)
@pytest_twisted.ensureDeferred
async def test_a_reader_that_stops_is_cut_off(place, how):
    await place.start(stalled_timeout=0.2)

    def talk():
        with place.client(how) as client:
            client.login("demo", "demo")
            client.send(b"RETR 1\r\nDELE 1\r\nQUIT\r\n" * 5)
            deadline = time.monotonic() + 10
            while not place.named("closed") and time.monotonic() < deadline:
                time.sleep(0.02)

    await deferToThread(talk)
    assert [event.reason for event in place.named("closed")] == ["stalled"]
    assert not place.named("updated")
    await place.gateway.stop()


@pytest_twisted.ensureDeferred
async def test_commands_before_a_half_close_are_carried_out(place):
    await place.start()

    def talk():
        with place.client("plain") as client:
            client.send(b"USER demo\r\nPASS demo\r\nDELE 1\r\nQUIT\r\n")
            client.socket.shutdown(socket.SHUT_WR)
            return client.rest()

    assert (await deferToThread(talk)).endswith(replies.removed(1))
    await place.gateway.stop()


@pytest_twisted.ensureDeferred
async def test_half_closed_without_quit_the_session_ends_and_removes_nothing(place):
    await place.start()

    def talk():
        with place.client("plain") as client:
            client.send(b"USER demo\r\nPASS demo\r\nDELE 1\r\n")
            client.socket.shutdown(socket.SHUT_WR)
            return client.rest()

    assert (await deferToThread(talk)).endswith(replies.marked(1))
    assert not place.named("updated")
    await place.gateway.stop()


@pytest_twisted.ensureDeferred
async def test_tls_clients_that_never_shake_hands_do_not_stay(place):
    """Neither the one that was let in nor the one that was refused."""
    await place.start(connections=1, login_timeout=0.2)

    def talk():
        address = ("127.0.0.1", place.ports[1])
        one, two = socket.create_connection(address, 10), socket.create_connection(address, 10)
        with one, two:
            return [end(two), end(one)]

    def end(client):
        try:
            return client.recv(100)
        except ConnectionResetError:
            return b""

    assert await deferToThread(talk) == [b"", b""]
    assert len(place.named("connection_refused")) == 1
    await place.gateway.stop()


@pytest.mark.parametrize("how", WAYS)
@pytest_twisted.ensureDeferred
async def test_a_client_that_sends_without_reading_is_stopped(place, how):
    await place.start()

    def talk():
        with place.client(how) as client:
            client.login("demo", "demo")
            client.socket.settimeout(0.5)
            sent = 0
            try:
                while sent < 64 << 20:
                    client.send(b"CAPA\r\n" * 10_000)
                    sent += 60_000
            except TimeoutError:
                return "stopped"
            return "not stopped"

    assert await deferToThread(talk) == "stopped"
    await place.gateway.stop()


@pytest.mark.parametrize("how", WAYS)
@pytest_twisted.ensureDeferred
async def test_twenty_thousand_commands_at_once_are_all_answered(place, how):
    await place.start()

    def talk():
        with place.client(how) as client:
            client.login("demo", "demo")
            client.send(b"NOOP\r\n" * 20_000 + b"QUIT\r\n")
            return client.rest()

    assert await deferToThread(talk) == replies.DONE * 20_000 + replies.GOODBYE
    await place.gateway.stop()
