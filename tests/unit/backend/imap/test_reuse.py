"""A kept connection at the next login: one SELECT if nothing changed, and always the truth."""

import pytest
import pytest_twisted
from pydantic import SecretBytes
from twisted.internet.defer import Deferred

from gateway.backend.imap import session as module
from gateway.backend.warm import WarmConnections, WarmSettings
from gateway.errors import BadCredentials
from gateway.maildrop import CommitPlan, Login
from tests.support.fake_imap import FakeImap, Folder, answer, close, do, hang, say
from tests.unit.backend.imap.conftest import SECRET, Sink

MESSAGES = [b"x" * size for size in (10, 200, 0, 40_000)]
NEW = {"pipeline_login": True, "prefetch": True}


class Place:
    """POP3 sessions one after another, as `access` would hold them."""

    def __init__(self, gateway, server, **settings):
        self.server = server
        self.backend = gateway.backend(server, **NEW, logout_timeout=0.2, **settings)
        self.warm = WarmConnections(
            self.backend,
            WarmSettings(),
            now=gateway.reactor.seconds,
            key=b"k",
            per_peer=False,
        )

    async def login(self, password=SECRET):
        self.server.heard.clear()
        return await self.warm.open(Login(b"user", SecretBytes(password), ""))

    async def poll(self, password=SECRET):
        """What one poll shows: (epoch, {uid: octets})."""
        session = await self.login(password)
        try:
            return shown(await session.snapshot())
        finally:
            await session.close()

    @property
    def budget(self):
        return self.backend._shared.budget._left

    def truth(self):
        inbox = self.server.inbox
        return str(inbox.uidvalidity), {each.uid: len(each.octets) for each in inbox.messages}


def deadline(place, deed):
    """Two seconds: much less than the time-out of a command."""
    return Deferred.fromCoroutine(deed).addTimeout(2, place.backend._shared.reactor)


def shown(maildrop):
    return maildrop.epoch, dict(zip(maildrop.refs, maildrop.octets, strict=True))


@pytest_twisted.async_yield_fixture
async def place(gateway):
    with FakeImap(MESSAGES) as server:
        made = Place(gateway, server)
        whole = made.budget
        yield made
        await made.warm.stop()
        await gateway.until(lambda: server.open_connections == 0)
        assert made.budget == whole


@pytest_twisted.ensureDeferred
async def test_an_unchanged_mailbox_costs_one_round_trip(place):
    assert await place.poll() == place.truth()
    for _ in range(3):
        assert await place.poll() == place.truth()
        assert place.server.heard == [b"SELECT INBOX"]
    assert place.server.sessions == 1


@pytest_twisted.ensureDeferred
async def test_a_connection_that_died_without_a_word_is_not_waited_for(monkeypatch, place):
    monkeypatch.setattr(module, "_PATIENCE", 0.1)
    await place.poll()
    place.server.fault("SELECT", hang, times=1)
    before = place.server.sessions
    assert await deadline(place, place.poll()) == place.truth()
    assert place.server.sessions == before + 1


CHANGES = {
    "new mail": lambda inbox: inbox.add(b"new"),
    "removed by another": lambda inbox: inbox.remove(2),
    "one came and one went": lambda inbox: (inbox.add(b"new"), inbox.remove(1)),
    "came and went": lambda inbox: inbox.remove(inbox.add(b"new")),
    "all went": lambda inbox: inbox.messages.clear(),
    "others in the place of all": lambda inbox: (
        [inbox.remove(uid) for uid in (1, 2, 3, 4)],
        [inbox.add(b"y" * size) for size in (1, 2, 3, 4)],
    ),
    "a gap": lambda inbox: inbox.add(b"new", uid=4_000_000_000),
    "another epoch": lambda inbox: setattr(inbox, "uidvalidity", 1001),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest_twisted.ensureDeferred
async def test_the_second_login_sees_what_changed(place, change):
    await place.poll()
    CHANGES[change](place.server.inbox)
    assert await place.poll() == place.truth()
    assert await place.poll() == place.truth()
    assert place.server.heard == [b"SELECT INBOX"]


@pytest_twisted.ensureDeferred
async def test_what_we_removed_stays_removed_and_nothing_is_listed_again(place):
    session = await place.login()
    maildrop = await session.snapshot()
    outcome = await session.commit(CommitPlan(maildrop.epoch, (1, 3)))
    assert set(outcome.removed) == {1, 3}
    await session.close()
    assert await place.poll() == place.truth() == ("1000", {2: 200, 4: 40_000})
    assert place.server.heard == [b"SELECT INBOX"]


@pytest_twisted.ensureDeferred
async def test_a_change_during_the_session_is_seen_by_the_next(place):
    session = await place.login()
    before = shown(await session.snapshot())
    place.server.inbox.add(b"new")
    place.server.inbox.remove(1)
    await session.close()
    assert (await place.poll()) == place.truth() != before


@pytest_twisted.ensureDeferred
async def test_a_session_that_never_opened_its_mailbox_does_not_show_an_old_one(place):
    """Another session had the lease: SELECT went out with the password, for nobody."""
    session = await place.login()
    await session.close()
    place.server.inbox.add(b"new")
    place.server.inbox.remove(2)
    assert await place.poll() == place.truth()


@pytest_twisted.ensureDeferred
async def test_a_listing_that_failed_is_made_anew(place):
    place.server.fault("LIST", answer("NO [SERVERBUG] x"), times=1)
    session = await place.login()
    with pytest.raises(Exception, match="does not list"):
        await session.snapshot()
    await session.close()
    assert await place.poll() == place.truth()


@pytest_twisted.ensureDeferred
async def test_a_password_changed_upstream_lets_the_new_one_in_and_others_not(gateway, place):
    place.server.passwords = {b"user": SECRET}
    await place.poll()
    place.server.passwords = {b"user": b"new"}
    assert await place.poll(b"new") == place.truth()
    for password in (SECRET, b"guess"):
        with pytest.raises(BadCredentials):
            await place.poll(password)
        # It may still hear the SELECT that came behind the password.
        await gateway.until(lambda: place.server.open_connections == 1)
    assert await place.poll(b"new") == place.truth()
    assert place.server.heard == [b"SELECT INBOX"]


@pytest.mark.parametrize("death", [close, answer("BAD what?"), say("* BYE bye"), hang])
@pytest_twisted.ensureDeferred
async def test_a_connection_that_died_is_replaced(gateway, death):
    with FakeImap(MESSAGES) as server:
        place = Place(gateway, server, command_timeout=0.3)
        await place.poll()
        server.fault("SELECT", death, times=1)
        server.inbox.add(b"new")
        assert await place.poll() == place.truth()
        assert server.sessions == 2
        await place.warm.stop()


@pytest_twisted.ensureDeferred
async def test_a_server_that_hung_up_meanwhile_costs_nothing(gateway, place):
    await place.poll()
    place.server.fault("*", close, times=1)
    await gateway.until(lambda: len(place.warm) == 1)
    (parked,) = place.warm._parked.values()
    parked.session._connection.command(b"NOOP").addErrback(lambda _: None)
    await gateway.until(lambda: not parked.session.reusable)
    assert await place.poll() == place.truth()
    assert place.server.sessions == 2


@pytest_twisted.ensureDeferred
async def test_a_message_on_its_way_ends_the_connection(gateway, place):
    session = await place.login()
    await session.snapshot()
    place.server.fault("BODY", hang, times=1)
    body = session.body(4)
    done = body.start(Sink())
    done.addErrback(lambda _: None)
    await gateway.until(lambda: place.server.said("BODY"))
    body.stop()
    await session.close()
    assert len(place.warm) == 0


@pytest_twisted.ensureDeferred
async def test_what_was_prefetched_is_let_go_of(gateway, place):
    whole = place.budget
    session = await place.login()
    await session.snapshot()
    await session.body(1).start(Sink())
    await gateway.until(lambda: session._session._connection.idle)
    assert place.budget < whole
    await session.close()
    assert len(place.warm) == 1
    assert place.budget == whole
    second = await place.login()
    await second.snapshot()
    sinks = [Sink() for _ in MESSAGES]
    for ref, sink in enumerate(sinks, 1):
        await second.body(ref).start(sink)
    assert [sink.octets for sink in sinks] == MESSAGES
    await second.close()


@pytest_twisted.ensureDeferred
async def test_a_new_epoch_told_in_between_is_never_the_old_maildrop(place):
    await place.poll()
    inbox = Folder(uidvalidity=1001)
    for size in (1, 2, 3, 4):
        inbox.add(b"z" * size)
    place.server.fault("SELECT", do(lambda server: setattr(server, "inbox", inbox)), times=1)
    assert await place.poll() == place.truth() == ("1001", {1: 1, 2: 2, 3: 3, 4: 4})
