"""A client that has said all it will: its commands are carried out, then the session ends."""

from twisted.internet.defer import Deferred

from gateway.pop3 import replies
from tests.unit.server.doubles import ONE, PASSWORD, THREE, TWO, unstuffed

TOTAL = len(ONE) + len(TWO) + len(THREE)


def test_commands_before_the_end_of_input_are_carried_out(world):
    client = world.client()
    client.log_in()
    client.send(b"DELE 1", b"QUIT")
    client.half_close()
    assert client.closed
    assert 11 not in world.upstream.mail
    assert world.everything_is_given_back()


def test_end_of_input_during_a_message_lets_it_finish(world):
    world.upstream.manual = True
    client = world.client()
    client.log_in()
    client.send(b"RETR 1", b"STAT")
    client.half_close()
    body = world.upstream.bodies[0]
    body.sink.begin(len(ONE))
    body.send(ONE)
    assert not client.wire.closing
    body.finish()
    said = client.new()
    assert unstuffed(said) == ONE
    assert said.endswith(replies.stat(3, TOTAL))
    assert client.closed
    assert world.everything_is_given_back()


def test_end_of_input_without_quit_removes_nothing(world):
    client = world.client()
    client.log_in()
    client.send(b"DELE 1")
    client.half_close()
    assert client.closed
    assert world.upstream.plans == []
    assert world.everything_is_given_back()


def test_end_of_input_during_login_still_logs_in_and_out(world):
    held: Deferred = world.upstream.hold("open")
    client = world.client()
    client.new()
    client.send(b"USER ann", b"PASS " + PASSWORD, b"STAT")
    client.half_close()
    assert not client.wire.closing
    held.callback(None)
    assert client.new().endswith(replies.stat(3, TOTAL))
    assert client.closed
    assert world.everything_is_given_back()


def test_end_of_input_with_a_full_buffer_waits_for_the_client(make_world):
    world = make_world(messages=[TWO] * 3000)
    client = world.client(room=1000)
    client.log_in()
    client.wire.take_all()
    client.send(b"LIST", b"STAT")
    client.half_close()
    assert not client.wire.closing
    client.wire.take_all()
    assert client.new().endswith(replies.stat(3000, 3000 * len(TWO)))
    assert client.closed
    assert world.everything_is_given_back()
