"""Tries to log in: when they are answered, and what the door and the log are told."""

import base64

import pytest
from twisted.internet.defer import Deferred

from gateway.accounts.door import Admission
from gateway.accounts.passing import PassThrough
from gateway.errors import BadCredentials, Unavailable
from gateway.pop3 import replies
from gateway.pop3.offer import Offer
from tests.support.known_devices import KnownDevice
from tests.unit.server.doubles import PASSWORD

WRONG = b"-ERR [AUTH] Wrong name or password\r\n"
SCRAM = b"AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,,n=ann,r=abc")


class SlowDoor(PassThrough):
    """Takes its time, and then says what the test wants."""

    def __init__(self):
        self.answer = Deferred()
        self.attempts = []

    async def admit(self, attempt):
        self.attempts.append(attempt)
        await self.answer
        return await super().admit(attempt)

    async def verifier(self, user):
        return await self.answer


@pytest.fixture
def slow(make_world):
    def make(delay=2):
        world = make_world(rules={"failed_login_delay": delay})
        world.opener._door = SlowDoor()
        world.offer = Offer((b"SCRAM-SHA-256",))
        return world

    return make


@pytest.mark.parametrize("took", [0, 0.5, 1.9])
def test_a_refusal_comes_as_late_whatever_it_took(slow, took):
    """Nobody can tell an unknown name by the time that a hash takes."""
    world = slow()
    client = world.client()
    client.log_in()
    world.clock.advance(took)
    world.opener._door.answer.errback(BadCredentials("no such account"))
    world.clock.advance(2 - took - 0.01)
    assert client.new() == b""
    world.clock.advance(0.01)
    assert client.new() == WRONG


def test_the_door_can_have_a_client_wait_longer(slow):
    world = slow()
    client = world.client()
    client.log_in()
    world.clock.advance(1)
    world.opener._door.answer.errback(BadCredentials("the third wrong password", 8))
    world.clock.advance(6.9)
    assert client.new() == b""
    world.clock.advance(0.1)
    assert client.new() == WRONG


def test_what_took_longer_than_the_wait_is_answered_at_once(slow):
    world = slow()
    client = world.client()
    client.log_in()
    world.clock.advance(20)
    world.opener._door.answer.errback(BadCredentials("no"))
    world.clock.advance(0)
    assert client.new() == WRONG


def test_a_client_that_leaves_while_it_waits_leaves_no_timer(slow):
    world = slow()
    client = world.client()
    client.log_in()
    world.opener._door.answer.errback(BadCredentials("no"))
    client.lose()
    assert world.everything_is_given_back()


def test_the_door_sees_what_the_client_showed(slow):
    world = slow()
    client = world.client(secure=True, host="192.0.2.7")
    client.log_in()
    (attempt,) = world.opener._door.attempts
    assert (attempt.user, attempt.peer, attempt.tls) == (b"ann", "192.0.2.7", "TLSv1.3")
    assert attempt.proof.get_secret_value() == PASSWORD
    client.lose()
    world.opener._door.answer.callback(None)
    assert world.everything_is_given_back()


def test_a_directory_that_has_no_verifier_now(slow):
    world = slow()
    client = world.client()
    client.new()
    client.send(SCRAM)
    world.opener._door.answer.errback(Unavailable("disk on fire"))
    assert client.new() == replies.FAILURES[Unavailable].reply
    (event,) = world.named("login_failed")
    assert (event.user, event.failure, event.detail) == ("ann", "Unavailable", "disk on fire")


def test_scram_from_one_end_to_the_other(world):
    world.opener._door = KnownDevice(b"ann", b"not the right one", opens=(b"ann", PASSWORD))
    world.offer = Offer((b"SCRAM-SHA-256",))
    client = world.client()
    client.new()
    assert client.send(SCRAM).startswith(b"+ ")
    proof = base64.b64encode(b"c=biws,r=abcfresh,p=AAAA")
    assert client.send(proof) == WRONG
    (attempt,) = world.opener._door.attempts
    assert not attempt.proof.proven


# ---- the log


def test_the_log_knows_who_is_kept_from_sending_a_password(world):
    world.offer = Offer(clear=False)
    client = world.client(host="192.0.2.7")
    client.new()
    assert client.send(b"USER ann", b"QUIT").startswith(replies.NO_CLEAR_PASSWORD_NOR_TLS)
    assert client.closed
    told = {event.name(): c for event, c in zip(world.events, world.contexts, strict=True)}
    assert told["clear_password_refused"]["peer"] == "192.0.2.7"
    assert world.upstream.calls == []


def test_and_hears_nothing_of_those_on_this_machine(world):
    world.offer = Offer(clear=False)
    client = world.client(host="127.0.0.1")
    assert b"+OK Maildrop" in client.log_in()
    client.send(b"QUIT")
    assert client.closed
    assert not world.named("clear_password_refused")


class OneDevice(PassThrough):
    async def admit(self, attempt):
        login = (await super().admit(attempt)).login
        return Admission("", login, "Ann", "printer")


def test_the_log_knows_account_and_device_from_the_login_on(world):
    world.opener._door = OneDevice()
    client = world.client()
    client.log_in()
    client.send(b"QUIT")
    assert client.closed
    told = {event.name(): c for event, c in zip(world.events, world.contexts, strict=True)}
    assert "account" not in told["connected"]
    for name in ("logged_in", "closed"):
        who = {key: told[name][key] for key in ("user", "account", "device")}
        assert who == {"user": "ann", "account": "Ann", "device": "printer"}


def test_who_is_passed_through_has_no_account_in_the_log(world):
    client = world.client()
    client.log_in()
    assert "account" not in world.contexts[-1]


def test_old_tls_is_told_at_login(world):
    client = world.client(secure=True)
    client.wire.version, client.wire.cipher = "TLSv1", "AES128-SHA"
    client.log_in()
    (event,) = world.named("legacy_tls")
    assert (event.peer, event.version, event.cipher) == ("192.0.2.1", "TLSv1", "AES128-SHA")
    assert client.connection.tls.legacy


def test_tls_of_today_is_not(world):
    client = world.client(secure=True)
    client.log_in()
    assert client.connection.tls.version == "TLSv1.3"
    assert not world.named("legacy_tls")


def test_without_tls_there_is_none(world):
    client = world.client()
    client.log_in()
    assert client.connection.tls.version == ""
    assert not world.named("legacy_tls")


def test_tls_is_known_after_stls(world):
    world.certificate = object()
    client = world.client()
    client.send(b"STLS")
    assert client.connection.tls.cipher == "TLS_AES_256_GCM_SHA384"
