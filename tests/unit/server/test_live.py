"""What the office sees of connections, and what ending one does."""

import pytest

from gateway.errors import Unavailable
from tests.unit.server.doubles import ONE


def only(world):
    (seen,) = world.server.live()
    return seen


def test_a_connection_is_seen_from_its_beginning(world):
    world.client(host="192.0.2.9")
    world.clock.advance(3)
    seen = only(world)
    assert (seen.number, seen.peer, seen.listener) == (1, "192.0.2.9", "here")
    assert (seen.state, seen.user, seen.age) == ("authorization", "", 3)
    assert (seen.tls, seen.cipher, seen.legacy) == ("", "", False)


def test_it_shows_what_was_done(world):
    client = world.client()
    client.log_in(b"ann")
    client.send(b"RETR 1", b"RETR 2")
    seen = only(world)
    assert (seen.state, seen.user, seen.messages) == ("transaction", "ann", 2)
    assert seen.octets > len(ONE)


def test_the_oldest_come_first_and_not_too_many(world):
    clients = [world.client() for _ in range(5)]
    clients[1].lose()
    assert [each.number for each in world.server.live()] == [1, 3, 4, 5]
    assert [each.number for each in world.server.live(2)] == [1, 3]


@pytest.mark.parametrize("logged_in", [True, False])
def test_an_ended_one_is_cut_off_and_nothing_is_removed(world, logged_in):
    client = world.client()
    if logged_in:
        client.log_in()
        client.send(b"DELE 1")
    assert world.server.end(1)
    assert client.closed
    assert client.wire.aborted
    assert world.upstream.plans == []
    assert world.named("closed")[0].reason == "ended"
    assert world.server.live() == []
    assert world.everything_is_given_back()


def test_quit_behind_a_message_is_not_carried_out_any_more(world):
    """The message may end in the moment between the order and the loss of the connection."""
    world.upstream.manual = True
    client = world.client()
    client.log_in()
    client.send(b"DELE 2", b"RETR 1", b"QUIT")
    (body,) = world.upstream.bodies
    assert world.server.end(1)
    body.finish()
    assert client.closed
    assert world.upstream.plans == []
    assert world.everything_is_given_back()


def test_a_login_under_way_is_given_back(world):
    held = world.upstream.hold("open")
    client = world.client()
    client.log_in()
    assert only(world).state == "authorization"
    assert world.server.end(1)
    assert client.closed
    held.callback(None)
    assert world.everything_is_given_back()


def test_one_in_update_is_left_to_finish(world):
    held = world.upstream.hold("commit")
    client = world.client()
    client.log_in()
    client.send(b"DELE 1", b"QUIT")
    assert only(world).state == "update"
    assert not world.server.end(1)
    held.callback(None)
    assert client.new().startswith(b"+OK 1 message removed")
    assert client.closed
    (closed,) = world.named("closed")
    assert (closed.removed, closed.kept, closed.reason) == (1, 0, "client")


def test_one_that_has_said_all_is_not_ended(world):
    client = world.client()
    client.log_in()
    client.send(b"QUIT")
    assert not world.server.end(1)
    assert client.closed
    assert world.named("closed")[0].reason == "client"


def test_one_that_is_not_there_is_not_ended(world):
    assert not world.server.end(1)


def test_what_update_kept_is_in_the_summary(world):
    world.upstream.keep = {12}
    client = world.client()
    client.log_in()
    client.send(b"DELE 1", b"DELE 2", b"QUIT")
    assert client.closed
    (closed,) = world.named("closed")
    assert (closed.removed, closed.kept, closed.login) == (1, 1, "ok")


def test_a_login_that_failed_is_in_the_summary_and_where(world):
    world.upstream.trouble["open"] = Unavailable("gone")
    client = world.client()
    client.log_in()
    client.lose()
    (closed,) = world.named("closed")
    assert (closed.user, closed.login) == ("ann", "Unavailable")
    (failed,) = world.named("login_failed")
    assert failed.upstream == ""


def test_the_time_of_a_login_is_told(world):
    held = world.upstream.hold("snapshot")
    client = world.client()
    client.log_in()
    world.clock.advance(1.5)
    held.callback(None)
    (told,) = world.named("logged_in")
    assert (told.seconds, told.tls, told.upstream) == (1.5, "", "")
    client.lose()


def test_it_accepts_until_it_drains(world):
    assert not world.server.accepting  # it listens nowhere yet
