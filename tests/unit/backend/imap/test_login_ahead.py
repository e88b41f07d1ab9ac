"""What is sent behind the password without waiting for its answer."""

import pytest
import pytest_twisted
from twisted.internet.task import deferLater

from gateway.backend.imap import login as module
from gateway.index import NoIndex
from tests.support.fake_imap import (
    FakeImap,
    after,
    answer,
    do,
    hang,
    say_after,
    slow,
    then,
)
from tests.support.fake_imap_session import Session

MESSAGES = [b"one", b"two"]
AHEAD = {"pipeline_login": True}


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.1)


@pytest_twisted.ensureDeferred
async def test_select_goes_out_behind_login(gateway):
    with FakeImap(MESSAGES) as server:
        server.fault("LOGIN", slow(1, 0.005))
        _, maildrop = await gateway.opened(server, **AHEAD)
        assert list(maildrop.refs) == [1, 2]
        assert [line.split()[0] for line in server.heard[:3]] == [
            b"LOGIN",
            b"CAPABILITY",
            b"SELECT",
        ]
        assert server.heard.count(b"SELECT INBOX") == 1


@pytest.mark.parametrize(
    ("user", "password"),
    [(b"user", b"p\xc3\xa4ss"), ("jürgen".encode(), b"x"), (b"user", b"t" * 600)],
)
@pytest_twisted.ensureDeferred
async def test_what_login_may_not_carry_goes_by_authenticate_and_nothing_behind_it(
    gateway, user, password
):
    """Cyrus loses what comes in the packet behind AUTHENTICATE."""
    with FakeImap(MESSAGES) as server:
        server.fault("AUTHENTICATE", slow(1, 0.005))
        backend = gateway.backend(server, **AHEAD)
        session = await backend.open(gateway.login(user, password))
        gateway.sessions.append(session)
        assert not server.said("SELECT")
        assert list((await session.snapshot()).refs) == [1, 2]


@pytest_twisted.ensureDeferred
async def test_login_that_is_not_allowed_goes_by_authenticate(gateway):
    with FakeImap(
        MESSAGES, capabilities="IMAP4rev1 LOGINDISABLED SASL-IR AUTH=PLAIN"
    ) as server:
        await gateway.opened(server, **AHEAD)
        assert not server.said("LOGIN ")


@pytest_twisted.ensureDeferred
async def test_a_server_that_loses_what_comes_early_is_asked_later_and_remembered(
    gateway, impatient
):
    with FakeImap(MESSAGES) as server:
        server.fault("SELECT", hang, times=1)
        backend = gateway.backend(server, **AHEAD)
        for _ in range(2):
            session = await backend.open(gateway.login())
            gateway.sessions.append(session)
            assert list((await session.snapshot()).refs) == [1, 2]
        assert [event.name() for event in gateway.events] == ["upstream_deaf"]
        assert len(server.said("AUTHENTICATE")) == 2  # nothing ahead, so no need of LOGIN
        assert len(server.said("LOGIN ")) == 1


@pytest_twisted.ensureDeferred
async def test_it_is_tried_again_later(gateway, impatient, monkeypatch):
    monkeypatch.setattr(module, "_REMEMBERED", 0.2)
    with FakeImap(MESSAGES) as server:
        server.fault("SELECT", hang, times=1)
        backend = gateway.backend(server, **AHEAD)
        for _ in range(2):
            session = await backend.open(gateway.login())
            gateway.sessions.append(session)
            await session.snapshot()
            await deferLater(gateway.reactor, 0.25)
        assert len(server.said("LOGIN ")) == 2


@pytest_twisted.ensureDeferred
async def test_a_refusal_is_the_answer_to_the_password_alone(gateway):
    with FakeImap(MESSAGES) as server:
        server.fault("LOGIN", answer("NO [AUTHENTICATIONFAILED] wrong"))
        server.fault("SELECT", answer("BAD log in first"))
        with pytest.raises(module.BadCredentials):
            await gateway.open(server, **AHEAD)
        assert len(server.said("LOGIN ")) == 1


@pytest_twisted.ensureDeferred
async def test_a_server_that_does_not_tell_its_capabilities_is_asked_ahead_each_time(gateway):
    with FakeImap(MESSAGES) as server:
        server.fault("LOGIN", after("OK welcome"))
        backend = gateway.backend(server, **AHEAD)
        for _ in range(3):
            server.heard.clear()
            session = await backend.open(gateway.login())
            gateway.sessions.append(session)
            verbs = [line.split()[0] for line in server.heard]
            assert verbs == [b"LOGIN", b"CAPABILITY", b"SELECT"]


class Memory(NoIndex):
    """An index of one mailbox."""

    record = None

    def load(self, account):
        return self.record

    def save(self, account, record):
        self.record = record


@pytest_twisted.ensureDeferred
async def test_what_select_told_is_not_believed_after_another_question(gateway):
    """New mail raises EXISTS meanwhile, and would stand in for a message that is gone."""
    with FakeImap(MESSAGES) as server:
        backend = gateway.backend(server, index=Memory(), **AHEAD)

        async def poll():
            session = await backend.open(gateway.login())
            gateway.sessions.append(session)
            return list((await session.snapshot()).refs)

        assert await poll() == [1, 2]
        server.inbox.remove(1)
        server.fault("LOGIN", after("OK welcome"))  # which it has told the time before
        new_mail = do(lambda server: server.inbox.add(b"three"))
        server.fault("CAPABILITY", then(new_mail, say_after("* 2 EXISTS")))
        assert 1 not in await poll()


@pytest_twisted.ensureDeferred
async def test_a_server_that_refuses_what_comes_early_is_asked_again(gateway):
    with FakeImap(MESSAGES) as server:
        server.fault("SELECT", answer("BAD not logged in"), times=1)
        _, maildrop = await gateway.opened(server, **AHEAD)
        assert list(maildrop.refs) == [1, 2]


@pytest_twisted.ensureDeferred
async def test_a_password_that_no_quotes_can_hold_costs_no_round_trip(gateway, monkeypatch):
    said = []
    send = Session.send
    monkeypatch.setattr(
        Session, "send", lambda self, data: said.append(data) or send(self, data)
    )
    with FakeImap(MESSAGES, passwords={b"user": b'a"b'}) as server:
        session = await gateway.open(server, password=b'a"b', **AHEAD)
        assert list((await session.snapshot()).refs) == [1, 2]
    assert server.said("LOGIN ")
    assert not [data for data in said if data.startswith(b"+")]
