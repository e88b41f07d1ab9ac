"""The IMAP driver against real servers, with IMAPClient as an independent oracle."""

import contextlib
from functools import partial

import pytest
import pytest_twisted
from pydantic import SecretBytes
from twisted.internet.defer import gatherResults

from gateway.backend.imap.driver import ImapBackend
from gateway.backend.imap.settings import ImapSettings, Upstream
from gateway.errors import BadCredentials, BodyBroken, MessageGone, Misconfigured, Unavailable
from gateway.maildrop import CommitPlan, Login, Outcome
from gateway.telemetry import Emitter
from gateway.tls import client_options
from tests.support.dovecot import Dovecot
from tests.support.oracle import fetch_all

pytestmark = pytest.mark.servers
DELETED = [b"\\Deleted"]
PASSWORD = 'pass "wörd" \\ '
SERVERS = ["dovecot", "imap4d", "cyrus"]
_NUMBERS = iter(range(1, 10_000))
TEXT = b"Subject: number %d\nFrom: a@example.org\nDate: Mon, 1 Jan 2024 00:00:00 +0000\n\n"


def message(number, lines=3):
    return TEXT % number + b"a line of the text\n.\n" * lines


class Sink:
    def __init__(self, on_write=lambda chunk: None):
        self.announced = "never"
        self.chunks = []
        self.on_write = on_write

    def begin(self, octets):
        self.announced = octets

    def write(self, chunk):
        self.chunks.append(chunk)
        self.on_write(chunk)

    @property
    def octets(self):
        return b"".join(self.chunks)


class Side:
    """One server with a fresh user, the driver in front of it, and the oracle."""

    def __init__(self, server, password=PASSWORD):
        self.server = server
        self.name = server.name
        self.user = f"driver{next(_NUMBERS)}"
        # imap4d knows no octets beyond ASCII in a password file.
        self.password = "plain password" if server.name == "imap4d" else password
        server.add_user(self.user, self.password)
        self.sessions = []
        self.events = []

    @property
    def login(self):
        name = self.user.encode()
        if self.name == "imap4d":
            name = self.server.login(self.user)
        return Login(name, SecretBytes(self.password.encode()))

    def deliver(self, *messages):
        crlf = self.name == "cyrus"
        self.server.deliver_many(
            self.user, [m.replace(b"\n", b"\r\n") if crlf else m for m in messages]
        )

    def backend(self, security="none", host=None, port=None, **settings):
        from twisted.internet import reactor

        server = self.server
        authority = getattr(getattr(server, "certificates", None), "authority", None)
        return ImapBackend(
            Upstream(host or server.host, port or server.port, security),
            ImapSettings(**settings),
            partial(client_options, ca_file=authority),
            reactor,
            Emitter(lambda event, _: self.events.append(event)),
        )

    async def open(self, **options):
        session = await self.backend(**options).open(self.login)
        self.sessions.append(session)
        return session, await session.snapshot()

    def oracle(self):
        return self.server.imap(self.user)

    # Messages go by the number in their Subject: mailutils gives a Maildir new UIDs when
    # flags are stored after an EXAMINE.

    def flag(self, *numbers):
        with self.oracle() as client:
            client.select_folder("INBOX")
            client.add_flags(
                [n for n in client.search() if self._in(client, n) in numbers], DELETED
            )

    def left(self, folder="INBOX"):
        """The numbers of all messages, and of those that are marked as deleted."""
        with self.oracle() as client:
            client.select_folder(folder)
            marked = client.search(["DELETED"])
            return (
                [self._in(client, uid) for uid in client.search()],
                [self._in(client, uid) for uid in marked],
            )

    @staticmethod
    def _in(client, uid):
        octets = client.fetch([uid], ["BODY.PEEK[]"])[uid][b"BODY[]"]
        return int(octets.split(b"\n")[0].split()[-1])


@pytest.fixture(params=SERVERS)
def server(request):
    return request.getfixturevalue(request.param)


@pytest_twisted.async_yield_fixture
async def side(server):
    made = Side(server)
    yield made
    for session in made.sessions:
        await session.close()


@pytest_twisted.ensureDeferred
async def test_snapshot_and_bodies_are_what_the_oracle_sees(side):
    side.deliver(message(1), message(2, 20_000), message(3, 0))
    session, maildrop = await side.open()
    with side.oracle() as client:
        expected = fetch_all(client)
        validity = client.folder_status("INBOX", "UIDVALIDITY")[b"UIDVALIDITY"]
    assert list(zip(maildrop.refs, maildrop.octets, strict=True)) == [
        (uid, size) for uid, size, _ in expected
    ]
    assert maildrop.unique_ids[0] == b"%d.%d" % (validity, expected[0][0])
    for uid, _, octets in expected:
        for top in (None, 0, 50, 1_000_000):
            sink = Sink()
            assert await session.body(uid, top).start(sink) == len(octets)
            assert sink.octets == octets
    assert side.events == []
    with side.oracle() as client:
        client.select_folder("INBOX", readonly=True)
        assert client.search(["SEEN"]) == []


@pytest_twisted.ensureDeferred
async def test_empty_inbox(side):
    session, maildrop = await side.open()
    assert len(maildrop) == 0
    assert await session.commit(CommitPlan(maildrop.epoch, ())) == Outcome((), ())


@pytest_twisted.ensureDeferred
async def test_bodies_asked_for_at_once(side):
    side.deliver(*(message(n, n * 100) for n in range(1, 9)))
    session, maildrop = await side.open()
    sinks = [Sink() for _ in maildrop.refs]
    pairs = zip(maildrop.refs, sinks, strict=True)
    await gatherResults([session.body(ref).start(sink) for ref, sink in pairs])
    with side.oracle() as client:
        assert [sink.octets for sink in sinks] == [octets for _, _, octets in fetch_all(client)]


@pytest_twisted.ensureDeferred
async def test_stop_and_go_on(side):
    side.deliver(message(1, 50_000), message(2))
    session, maildrop = await side.open()
    for top in (None, 0):
        sink = Sink(lambda chunk: body.stop())  # noqa: B023 -- called in this round only
        body = session.body(maildrop.refs[0], top)
        await body.start(sink)
        assert len(sink.chunks) == 1
        after = Sink()
        await session.body(maildrop.refs[1]).start(after)
        assert len(after.octets) == maildrop.octets[1]


@pytest_twisted.ensureDeferred
async def test_exactly_the_plan_is_removed_and_foreign_marks_survive(side):
    side.deliver(*map(message, range(1, 7)))
    side.flag(2, 3)
    session, maildrop = await side.open()
    assert session.capabilities.precise_expunge == (side.name != "imap4d")
    assert len(maildrop) == 6
    plan = tuple(maildrop.refs[n - 1] for n in (1, 3, 5))
    assert await session.commit(CommitPlan(maildrop.epoch, plan)) == Outcome(plan, ())
    await session.close()
    assert side.left() == ([2, 4, 6], [2])
    assert side.events == []


@pytest_twisted.ensureDeferred
async def test_removed_by_another_meanwhile(side):
    side.deliver(*map(message, range(1, 4)))
    session, maildrop = await side.open()
    with side.oracle() as client:
        client.select_folder("INBOX")
        client.delete_messages(client.search()[1])
        client.expunge()
    # Some keep what was expunged readable for those who had it selected.
    with contextlib.suppress(MessageGone):
        sink = Sink()
        assert await session.body(maildrop.refs[1]).start(sink) == maildrop.octets[1]
    plan = tuple(maildrop.refs[:2])
    assert await session.commit(CommitPlan(maildrop.epoch, plan)) == Outcome(plan, ())
    await session.close()
    if side.name != "imap4d":  # which forgets what it was told when another expunged first
        assert side.left() == ([3], [])


@pytest_twisted.ensureDeferred
async def test_move(side):
    side.deliver(*map(message, range(1, 4)))
    side.flag(2)
    session, maildrop = await side.open(delete="move", move_to="Gelöscht & weg")
    plan = (maildrop.refs[0],)
    assert await session.commit(CommitPlan(maildrop.epoch, plan)) == Outcome(plan, ())
    await session.close()
    assert side.left() == ([2, 3], [2])
    assert side.left("Gelöscht & weg")[0] == [1]


@pytest_twisted.ensureDeferred
async def test_flag(side):
    side.deliver(*map(message, range(1, 4)))
    session, maildrop = await side.open(delete="flag")
    plan = (maildrop.refs[1],)
    assert await session.commit(CommitPlan(maildrop.epoch, plan)) == Outcome(plan, ())
    await session.close()
    assert side.left() == ([1, 2, 3], [2])
    session, maildrop = await side.open(delete="flag")
    assert len(maildrop) == 2


@pytest_twisted.ensureDeferred
async def test_seen_if_wanted(side):
    side.deliver(message(1), message(2))
    session, maildrop = await side.open(mark_seen=True)
    await session.body(maildrop.refs[0]).start(Sink())
    await session.close()
    with side.oracle() as client:
        client.select_folder("INBOX", readonly=True)
        assert client.search(["SEEN"]) == [maildrop.refs[0]]


@pytest_twisted.ensureDeferred
async def test_wrong_password(side):
    wrong = Login(side.login.user, SecretBytes(b"wrong"))
    with pytest.raises(BadCredentials):
        await side.backend().open(wrong)


# Dovecot alone: TLS, names, and servers that die.


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest_twisted.ensureDeferred
async def test_tls(dovecot, security):
    side = Side(dovecot)
    side.deliver(message(1, 100_000))
    port = dovecot.tls_port if security == "tls" else dovecot.port
    session, maildrop = await side.open(security=security, host="localhost", port=port)
    sink = Sink()
    assert await session.body(maildrop.refs[0]).start(sink) == maildrop.total
    await session.close()


@pytest_twisted.ensureDeferred
async def test_plaintext_that_is_not_allowed():
    with Dovecot(plaintext=False) as server:
        side = Side(server)
        with pytest.raises(Misconfigured, match="LOGINDISABLED"):
            await side.open()
        session, _ = await side.open(security="starttls", host="127.0.0.2")
        await session.close()


@pytest.mark.parametrize("present", ["wrong_name", "stranger"])
@pytest_twisted.ensureDeferred
async def test_certificate_that_does_not_fit(certificates, present):
    with Dovecot(certificates=certificates, present=present) as server:
        side = Side(server)
        with pytest.raises(Misconfigured, match="certificate"):
            await side.open(security="tls", host="localhost", port=server.tls_port)


@pytest.mark.parametrize("octets", [b" a b ", b"\xc3\xbc", b"q{3}", b"x" * 900])
@pytest_twisted.ensureDeferred
async def test_names_and_passwords(dovecot, octets):
    dovecot.add_user(octets, octets[::-1] + b'"\\\xff')
    side = Side(dovecot)
    session = await side.backend().open(Login(octets, SecretBytes(octets[::-1] + b'"\\\xff')))
    await session.snapshot()
    await session.close()


@pytest_twisted.ensureDeferred
async def test_server_that_dies():
    with Dovecot() as server:
        side = Side(server)
        side.deliver(message(1, 500_000), message(2))
        session, maildrop = await side.open()
        body = session.body(maildrop.refs[0])

        def die(_):
            if server.running:
                server.kill()
                body.pause()
                body.resume()

        with pytest.raises(BodyBroken):
            await body.start(Sink(die))
        with pytest.raises(Unavailable):
            await session.body(maildrop.refs[1]).start(Sink())
        with pytest.raises(Unavailable):
            await session.commit(CommitPlan(maildrop.epoch, (maildrop.refs[1],)))
        await session.close()
        with pytest.raises(Unavailable):
            await side.open()


@pytest_twisted.ensureDeferred
async def test_server_that_hangs():
    with Dovecot() as server:
        side = Side(server)
        side.deliver(message(1))
        session, maildrop = await side.open(command_timeout=0.3)
        server.suspend()
        with pytest.raises(Unavailable, match="no word"):
            await session.body(maildrop.refs[0]).start(Sink())
        with pytest.raises(Unavailable):
            await side.open(command_timeout=0.3)
        server.resume()
        await session.close()
