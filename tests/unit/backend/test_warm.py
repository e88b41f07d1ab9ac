"""Kept connections: who gets one, for how long, and that none is ever left behind."""

from collections import OrderedDict

import pytest
import pytest_twisted
from pydantic import SecretBytes
from twisted.internet.defer import Deferred

from gateway.backend.warm import WarmConnections, WarmSettings
from gateway.errors import BadCredentials, ConsentMissing, Unavailable
from gateway.maildrop import Login

SECRET = b"open sesame"


class Session:
    """What a driver would make."""

    def __init__(self, number):
        self.number = number
        self.reusable = True
        self.deeds = []
        self.revival = None
        self.farewell = None
        self.closed = False

    def rest(self):
        self.deeds.append("rest")

    async def revive(self):
        self.deeds.append("revive")
        if isinstance(self.revival, Exception):
            raise self.revival
        if self.revival is not None:
            await self.revival

    async def close(self):
        assert not self.closed
        self.closed = True
        self.deeds.append("close")
        if self.farewell is not None:
            await self.farewell


class Upstream:
    checks_name = True

    def __init__(self):
        self.passwords = {}
        self.logins = []
        self.sessions = []
        self.answer = None
        self.renews = False

    async def open(self, login):
        self.logins.append(login.user)
        if self.answer is not None:
            await self.answer
        known = self.passwords.get(login.user, SECRET)
        if login.tokens is None and login.password.get_secret_value() != known:
            raise BadCredentials("no")
        self.tokens = login.tokens
        if self.renews:
            await login.tokens.renew(await login.tokens.token())
        self.sessions.append(Session(len(self.sessions)))
        return self.sessions[-1]

    @property
    def open_sessions(self):
        return [session.number for session in self.sessions if not session.closed]


class Tokens:
    def __init__(self, now=b"token"):
        self.now = now

    async def token(self):
        if isinstance(self.now, Exception):
            raise self.now
        return self.now


class Renewing(Tokens):
    async def renew(self, refused):
        self.now = b"after " + refused
        return self.now


class Place:
    def __init__(self):
        self.now = 1000.0
        self.upstream = Upstream()

    def make(self, *, per_peer=False, key=b"k", **settings):
        self.warm = WarmConnections(
            self.upstream,
            WarmSettings(**settings),
            now=lambda: self.now,
            key=key,
            per_peer=per_peer,
        )
        return self

    async def login(self, user=b"ann", password=SECRET, peer="", tokens=None):
        return await self.warm.open(Login(user, SecretBytes(password), peer, tokens))

    async def poll(self, *args, **more):
        """Log in and leave; returns which upstream session it had."""
        session = await self.login(*args, **more)
        await session.close()
        return session._session.number


@pytest.fixture
def place():
    return Place().make()


@pytest_twisted.ensureDeferred
async def test_the_next_login_gets_the_connection(place):
    assert [await place.poll() for _ in range(5)] == [0] * 5
    assert place.upstream.logins == [b"ann"]
    assert place.upstream.sessions[0].deeds == ["rest"] + ["revive", "rest"] * 4


@pytest_twisted.ensureDeferred
async def test_another_user_gets_another(place):
    assert [await place.poll(user) for user in (b"ann", b"bob", b"Ann", b"bob")] == [0, 1, 2, 1]


@pytest.mark.parametrize("wrong", [b"", b"open sesam", b"open sesame ", b"OPEN SESAME"])
@pytest_twisted.ensureDeferred
async def test_a_wrong_password_goes_upstream_and_leaves_it(place, wrong):
    await place.poll()
    with pytest.raises(BadCredentials):
        await place.poll(password=wrong)
    assert place.upstream.logins == [b"ann"] * 2
    assert await place.poll() == 0
    assert len(place.upstream.logins) == 2


@pytest.mark.parametrize("password", [b"", b"token"])
@pytest_twisted.ensureDeferred
async def test_no_password_gets_what_a_token_has_opened(place, password):
    """Least of all an empty one: a login with tokens has that, and sends it nowhere."""
    assert await place.poll(password=b"", tokens=Tokens()) == 0
    with pytest.raises(BadCredentials):
        await place.poll(password=password)
    assert place.upstream.logins == [b"ann"] * 2
    assert await place.poll(password=b"", tokens=Tokens()) == 0


@pytest.mark.parametrize("password", [b"", b"token"])
@pytest_twisted.ensureDeferred
async def test_no_token_gets_what_a_password_has_opened(place, password):
    place.upstream.passwords[b"ann"] = password
    assert await place.poll(password=password) == 0
    assert await place.poll(password=password, tokens=Tokens()) == 1


@pytest_twisted.ensureDeferred
async def test_another_token_gets_another(place):
    """A client may bring his own, which nobody but the upstream has looked at."""
    assert await place.poll(password=b"", tokens=Tokens()) == 0
    assert await place.poll(password=b"", tokens=Tokens(b"forged")) == 1
    assert place.upstream.logins == [b"ann"] * 2


@pytest.mark.parametrize("when", ["at login", "later"])
@pytest_twisted.ensureDeferred
async def test_a_token_that_was_refused_opens_nothing_that_another_has_opened(place, when):
    """It may have been stolen, and revoked; the account's own next one takes its place."""
    place.upstream.renews = when == "at login"
    session = await place.login(password=b"", tokens=Renewing())
    if when == "later":
        await place.upstream.tokens.renew(b"token")
    await session.close()
    place.upstream.renews = False
    assert await place.poll(password=b"", tokens=Tokens(b"after token")) == 0
    assert await place.poll(password=b"", tokens=Tokens(b"token")) == 1


@pytest_twisted.ensureDeferred
async def test_a_consent_that_is_gone_opens_no_kept_session(place):
    tokens = Tokens()
    assert await place.poll(password=b"", tokens=tokens) == 0
    tokens.now = ConsentMissing("withdrawn")
    with pytest.raises(ConsentMissing):
        await place.poll(password=b"", tokens=tokens)
    assert place.upstream.logins == [b"ann"]


@pytest_twisted.ensureDeferred
async def test_name_and_password_cannot_be_shifted_into_each_other(place):
    for user in (b"an", b"ann", b"a", b"", b"ann "):
        place.upstream.passwords[user] = b"annn"[len(user) :]
    for number, user in enumerate((b"an", b"ann", b"a", b"", b"ann ")):
        assert await place.poll(user, b"annn"[len(user) :]) == number


@pytest_twisted.ensureDeferred
async def test_a_new_password_replaces_what_the_old_one_had(place):
    await place.poll()
    place.upstream.passwords[b"ann"] = b"new"
    assert await place.poll(password=b"new") == 1
    assert place.upstream.open_sessions == [1]
    with pytest.raises(BadCredentials):
        await place.poll()
    assert await place.poll(password=b"new") == 1


@pytest_twisted.ensureDeferred
async def test_an_old_password_does_not_work_for_ever_however_often_it_is_used():
    place = Place().make(seconds=75, lifetime=600)
    await place.poll()
    place.upstream.passwords[b"ann"] = b"new"
    for _ in range(19):
        place.now += 30
        assert await place.poll() == 0
    place.now += 30
    with pytest.raises(BadCredentials):
        await place.poll()
    assert place.upstream.open_sessions == []


@pytest_twisted.ensureDeferred
async def test_a_session_that_lasts_longer_than_its_lifetime_is_not_kept():
    place = Place().make(lifetime=600)
    session = await place.login()
    place.now += 601
    await session.close()
    assert place.upstream.open_sessions == []
    assert len(place.warm) == 0


@pytest_twisted.ensureDeferred
async def test_after_its_time_it_is_not_used(place):
    await place.poll()
    place.now += 74.9
    assert await place.poll() == 0
    place.now += 75
    assert await place.poll() == 1
    assert place.upstream.open_sessions == [1]


@pytest_twisted.ensureDeferred
async def test_the_sweep_closes_what_is_over_and_nothing_else():
    place = Place().make(lifetime=100)
    await place.poll(b"old")
    place.now += 50
    for user in (b"ann", b"bob"):
        await place.poll(user)
    assert await place.poll(b"old") == 0  # used later, and over sooner
    await place.warm.sweep()
    assert place.upstream.open_sessions == [0, 1, 2]
    place.now += 50
    await place.warm.sweep()
    assert place.upstream.open_sessions == [1, 2]
    place.now += 25
    await place.warm.sweep()
    assert place.upstream.open_sessions == []
    assert len(place.warm) == 0
    await place.warm.sweep()


@pytest.mark.parametrize("off", [{"seconds": 0}, {"connections": 0}, {"lifetime": 0}])
@pytest_twisted.ensureDeferred
async def test_switched_off_it_keeps_none(off):
    place = Place().make(**off)
    assert [await place.poll() for _ in range(3)] == [0, 1, 2]
    assert place.upstream.open_sessions == []


@pytest_twisted.ensureDeferred
async def test_the_oldest_is_closed_for_a_new_one():
    place = Place().make(connections=2)
    for user in (b"ann", b"bob", b"ann", b"cid"):
        await place.poll(user)
    assert place.upstream.open_sessions == [0, 2]
    assert len(place.warm) == 2


@pytest.mark.parametrize("state", ["not reusable", "revive fails"])
@pytest_twisted.ensureDeferred
async def test_a_kept_connection_that_died_is_closed_and_a_new_one_made(place, state):
    await place.poll()
    dead = place.upstream.sessions[0]
    if state == "not reusable":
        dead.reusable = False
    else:
        dead.revival = Unavailable("gone")
    assert await place.poll() == 1
    assert dead.closed
    assert place.upstream.open_sessions == [1]


@pytest_twisted.ensureDeferred
async def test_a_session_with_a_message_on_its_way_is_closed_not_kept(place):
    session = await place.login()
    session._session.reusable = False
    await session.close()
    assert place.upstream.sessions[0].deeds == ["close"]
    assert await place.poll() == 1


@pytest.mark.parametrize(("per_peer", "expected"), [(True, [0, 1, 1]), (False, [0, 0, 0])])
@pytest_twisted.ensureDeferred
async def test_who_was_announced_with_an_address_gets_none_of_another(per_peer, expected):
    place = Place().make(per_peer=per_peer)
    peers = ("192.0.2.1", "192.0.2.2", "192.0.2.2")
    assert [await place.poll(peer=peer) for peer in peers] == expected
    assert place.upstream.open_sessions == expected[-1:]


@pytest_twisted.ensureDeferred
async def test_two_at_once_never_share_and_one_is_kept(place):
    await place.poll()
    first, second = await place.login(), await place.login()
    assert (first._session.number, second._session.number) == (0, 1)
    await second.close()
    await first.close()
    assert place.upstream.open_sessions == [0]
    assert len(place.warm) == 1


@pytest_twisted.ensureDeferred
async def test_while_one_is_being_revived_nobody_else_gets_it(place):
    await place.poll()
    place.upstream.sessions[0].revival = Deferred()
    first = Deferred.fromCoroutine(place.poll())
    assert await place.poll() == 1
    place.upstream.sessions[0].revival.callback(None)
    assert await first == 0
    assert place.upstream.open_sessions == [0]


@pytest_twisted.ensureDeferred
async def test_close_may_be_repeated(place):
    session = await place.login()
    await session.close()
    again = await place.login()
    await session.close()
    assert len(place.warm) == 0
    await again.close()
    assert len(place.warm) == 1


@pytest_twisted.ensureDeferred
async def test_stop_closes_all_at_once_and_keeps_none_any_more(place):
    late = await place.login(b"late")
    for user in (b"ann", b"bob", b"cid"):
        await place.poll(user)
    farewells = [Deferred() for _ in range(3)]
    for session, farewell in zip(place.upstream.sessions[1:], farewells, strict=True):
        session.farewell = farewell
    stopped = Deferred.fromCoroutine(place.warm.stop())
    assert [session.closed for session in place.upstream.sessions] == [False, True, True, True]
    await late.close()
    assert place.upstream.open_sessions == []
    assert not stopped.called
    for farewell in farewells:
        farewell.callback(None)
    await stopped
    await place.warm.stop()


@pytest_twisted.ensureDeferred
async def test_a_login_that_ends_after_stop_is_not_kept(place):
    place.upstream.answer = Deferred()
    login = Deferred.fromCoroutine(place.login())
    await place.warm.stop()
    place.upstream.answer.callback(None)
    await (await login).close()
    assert place.upstream.open_sessions == []


def test_nothing_shows_a_password(place):
    login = Login(b"ann", SecretBytes(SECRET), "")
    proof = place.warm._proof(login, SECRET)
    assert SECRET not in proof
    assert len(proof) == 32
    assert place.make(key=b"another").warm._proof(login, SECRET) != proof


@pytest_twisted.ensureDeferred
async def test_everything_else_is_passed_on(place):
    class Full(Session):
        capabilities = "promises"

        async def snapshot(self):
            return "maildrop"

        def body(self, ref, top):
            return ("body", ref, top)

        async def commit(self, plan):
            return ("done", plan)

    async def opened(login):
        return Full(0)

    place.upstream.open = opened
    session = await place.login()
    assert session.capabilities == "promises"
    assert await session.snapshot() == "maildrop"
    assert session.body(7) == ("body", 7, None)
    assert session.body(7, 3) == ("body", 7, 3)
    assert await session.commit("plan") == ("done", "plan")


@pytest_twisted.ensureDeferred
async def test_several_upstreams_share_one_shelf_and_its_bound():
    shelf, upstreams = OrderedDict(), [Upstream(), Upstream()]
    first, second = (
        WarmConnections(
            upstream,
            WarmSettings(connections=1),
            now=lambda: 1000.0,
            key=b"k",
            per_peer=False,
            upstream=name,
            shelf=shelf,
        )
        for name, upstream in zip(("a", "b"), upstreams, strict=True)
    )
    login = Login(b"ann", SecretBytes(SECRET))
    await (await first.open(login)).close()
    session = await second.open(login)
    assert session._session is upstreams[1].sessions[0]
    await session.close()
    assert [each.open_sessions for each in upstreams] == [[], [0]]
    assert len(first) == 1
    await first.stop()
    assert len(shelf) == 0
