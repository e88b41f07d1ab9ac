"""The timers of a connection: who is sent away, when, and who is not."""

import pytest

from gateway.pop3 import replies
from gateway.server.settings import LimitSettings
from tests.unit.server.doubles import ONE, PASSWORD, TWO


def reasons(world):
    return [event.reason for event in world.named("closed")]


def test_a_client_that_does_not_log_in_is_closed_without_a_reply(make_world):
    world = make_world(login_timeout=60)
    client = world.client()
    client.new()
    world.clock.advance(30)
    client.send(b"NOOP")
    client.new()
    world.clock.advance(29)
    assert not client.wire.closing
    world.clock.advance(2)
    assert client.new() == b""
    assert client.closed
    assert reasons(world) == ["timeout"]
    assert world.everything_is_given_back()


def test_a_login_that_the_upstream_holds_up_ends_at_the_login_timeout(make_world):
    world = make_world(login_timeout=60)
    held = world.upstream.hold("snapshot")
    client = world.client()
    client.log_in()
    world.clock.advance(61)
    assert client.closed
    assert len(world.leases) == 1
    held.callback(None)
    assert world.everything_is_given_back()


def test_idle_after_login_is_at_least_ten_minutes():
    """RFC 1939 §3."""
    assert LimitSettings().idle_timeout >= 600
    with pytest.raises(ValueError, match="600"):
        LimitSettings(idle_timeout=599)


def test_an_idle_client_is_closed_without_update(world):
    client = world.client()
    client.log_in()
    client.send(b"DELE 1")
    world.clock.advance(599)
    assert not client.wire.closing
    client.new()
    world.clock.advance(2)
    assert client.new() == b""
    assert client.closed
    assert world.upstream.plans == []
    assert reasons(world) == ["timeout"]
    assert world.everything_is_given_back()


def test_every_command_begins_the_idle_time_anew(world):
    client = world.client()
    client.log_in()
    for _ in range(5):
        world.clock.advance(599)
        assert client.send(b"NOOP") == replies.DONE
    client.lose()
    assert world.everything_is_given_back()


def test_half_a_command_does_not_begin_it_anew(world):
    client = world.client()
    client.log_in()
    world.clock.advance(599)
    client.push(b"NOO")
    world.clock.advance(2)
    assert client.closed
    assert world.everything_is_given_back()


def test_the_time_that_the_upstream_takes_is_not_the_clients(world):
    world.upstream.manual = True
    client = world.client()
    client.log_in()
    client.send(b"RETR 1")
    for _ in range(5):
        world.clock.advance(599)
    body = world.upstream.bodies[0]
    body.sink.begin(len(ONE))
    body.send(ONE)
    body.finish()
    assert client.new().endswith(b"\r\n.\r\n")
    world.clock.advance(599)
    assert not client.wire.closing
    world.clock.advance(2)
    assert client.closed
    assert world.everything_is_given_back()


def test_an_update_is_never_cut_by_the_idle_timer(world):
    held = world.upstream.hold("commit")
    client = world.client()
    client.log_in()
    client.send(b"DELE 1", b"QUIT")
    for _ in range(3):
        world.clock.advance(599)
    assert not client.wire.closing
    held.callback(None)
    assert client.new() == replies.removed(1)
    assert client.closed
    assert world.everything_is_given_back()


def test_a_reader_that_has_stopped_is_cut_off(make_world):
    world = make_world(messages=[b"x" * 500_000], stalled_timeout=120)
    client = world.client(room=1000)
    client.log_in()
    client.wire.take_all()
    client.send(b"RETR 1")
    assert client.wire.full
    world.clock.advance(119)
    assert not client.wire.aborted
    world.clock.advance(2)
    assert client.wire.aborted
    assert client.closed
    assert reasons(world) == ["stalled"]
    assert world.everything_is_given_back()


def test_a_reader_that_stops_later_is_cut_off_too(make_world):
    world = make_world(messages=[b"x" * 500_000], stalled_timeout=120)
    world.upstream.chunk = 50_000
    client = world.client(room=1000)
    client.log_in()
    client.wire.take_all()
    client.send(b"RETR 1")
    client.wire.take(60_000)
    client.wire.take(60_000)
    world.clock.advance(121)
    assert client.wire.aborted
    assert client.closed
    assert reasons(world) == ["stalled"]
    assert world.everything_is_given_back()


def test_a_slow_reader_is_not(make_world):
    world = make_world(messages=[b"x" * 500_000], stalled_timeout=120)
    world.upstream.chunk = 50_000
    client = world.client(room=1000)
    client.log_in()
    client.wire.take_all()
    client.send(b"RETR 1")
    for _ in range(9):
        world.clock.advance(119)
        client.wire.take(100_000)
    assert not client.wire.aborted
    client.wire.take_all()
    assert client.new().endswith(b"\r\n.\r\n")
    client.lose()
    assert world.everything_is_given_back()


def test_a_close_that_is_never_taken_becomes_an_abort(make_world):
    world = make_world(stalled_timeout=120)
    client = world.client(room=10)
    client.log_in()
    client.wire.take_all()
    client.send(b"QUIT")
    world.clock.advance(119)
    assert client.wire.closing
    assert not client.wire.aborted
    world.clock.advance(2)
    assert client.closed
    assert world.everything_is_given_back()


def test_a_message_stalled_is_not_followed_by_what_was_sent_behind_it(make_world):
    world = make_world(messages=[b"x" * 500_000], stalled_timeout=120)
    client = world.client(room=1000)
    client.log_in()
    client.wire.take_all()
    client.send(b"RETR 1", b"DELE 1", b"QUIT")
    world.clock.advance(121)
    assert client.closed
    assert world.upstream.plans == []
    assert world.everything_is_given_back()


def test_stls_begins_the_login_time_anew(make_world):
    world = make_world(login_timeout=60)
    world.certificate = object()
    client = world.client()
    world.clock.advance(59)
    client.send(b"STLS")
    world.clock.advance(59)
    assert b"+OK" in client.log_in()
    world.clock.advance(100)
    assert not client.wire.closing
    client.lose()
    assert world.everything_is_given_back()


# ---- STLS


def test_stls_forgets_all_that_came_before_the_handshake(world):
    """Whoever sits on the line could have put it there (CVE-2011-0411 and its kin)."""
    world.certificate = object()
    client = world.client()
    client.new()
    said = client.send(b"USER mallory", b"STLS", b"USER mallory", b"PASS " + PASSWORD, b"DELE")
    assert said == replies.SEND_PASSWORD + replies.BEGIN_TLS
    assert client.wire.tls is world.certificate
    assert world.upstream.calls == []
    # Neither the name given before TLS nor half a line survives it.
    assert client.send(b"PASS " + PASSWORD) == replies.USER_FIRST
    assert b"STLS" not in client.send(b"CAPA")
    assert client.send(b"STLS") == replies.TLS_ALREADY
    client.lose()
    assert world.everything_is_given_back()


def test_without_a_certificate_there_is_no_stls(world):
    client = world.client()
    assert b"STLS" not in client.send(b"CAPA")
    assert client.send(b"STLS") == replies.NO_TLS
    client.lose()


def test_implicit_tls_offers_no_stls(world):
    world.certificate = object()
    client = world.client(secure=True)
    assert b"STLS" not in client.send(b"CAPA")
    assert client.send(b"STLS") == replies.TLS_ALREADY
    assert world.named("connected")[0].tls
    client.lose()


# ---- back-pressure


def test_reading_stops_at_the_bound_and_goes_on(world):
    held = world.upstream.hold("open")
    client = world.client()
    client.log_in()
    client.push(b"NOOP\r\n" * 10_000)
    client.push(b"NOOP\r\n" * 1_000)
    assert not client.wire.reading
    held.callback(None)
    assert client.wire.reading
    assert client.new().count(replies.DONE) == 11_000
    client.lose()
    assert world.everything_is_given_back()


def test_little_that_waits_does_not_stop_reading_so_that_a_leaver_is_noticed(world):
    world.upstream.hold("open")
    client = world.client()
    client.log_in()
    client.push(b"NOOP\r\n" * 100)
    assert client.wire.reading
    client.lose()
    world.upstream.trouble["open"].callback(None)
    assert world.everything_is_given_back()


def test_thousands_of_commands_in_one_packet_are_answered_in_order(world):
    client = world.client()
    client.log_in()
    said = client.send(*[b"LIST %d" % (1 + number % 3) for number in range(9000)])
    numbers = [int(line.split()[1]) for line in said.splitlines()]
    assert numbers == [1 + number % 3 for number in range(9000)]
    client.lose()


def test_a_client_that_sends_without_reading_is_stopped(world):
    client = world.client(room=65_536)
    client.log_in()
    client.wire.take_all()
    for _ in range(100):
        client.push(b"CAPA\r\n" * 1000)
        if not client.wire.reading:
            break
    assert not client.wire.reading
    assert client.wire.most_unread < 300_000
    assert client.connection._session.buffered < 200_000
    for _ in range(1000):
        if client.wire.reading and not client.wire.unread:
            break
        client.wire.take_all()
    assert client.wire.reading
    client.lose()
    assert world.everything_is_given_back()


def test_a_huge_listing_flows_in_pieces_as_the_client_takes_them(make_world):
    world = make_world(messages=[TWO] * 100_000)
    client = world.client(room=65_536)
    client.log_in()
    client.wire.take_all()
    client.new()
    for command in (b"UIDL", b"LIST"):
        client.send(command)
        assert client.wire.full
        client.wire.most_unread = 0
        while client.wire.unread:
            client.wire.take(40_000)
        assert client.wire.most_unread < 131_072
    client.wire.take_all()
    said = bytes(client.wire.sent)
    assert said.count(b"\r\n.\r\n") == 2
    assert b"\r\n100000 id-100010\r\n.\r\n+OK" in said
    client.lose()
    assert world.everything_is_given_back()


def test_a_message_waits_for_its_reader_with_bounded_memory(make_world):
    world = make_world(messages=[b"x" * 5_000_000])
    client = world.client(room=65_536)
    client.log_in()
    client.wire.take_all()
    client.send(b"RETR 1", b"STAT")
    assert world.upstream.bodies[0].paused
    while client.wire.unread:
        client.wire.take(30_000)
    assert client.wire.most_unread < 262_144
    assert client.new().endswith(b"\r\n.\r\n" + replies.stat(1, 5_000_000))
    client.lose()
    assert world.everything_is_given_back()


def test_a_body_that_starts_while_the_buffer_is_full_waits_from_the_start(make_world):
    world = make_world(messages=[b"x" * 2000, b"y" * 2000])
    client = world.client(room=1000)
    client.log_in()
    client.wire.take_all()
    client.send(b"RETR 1", b"RETR 2")
    assert len(world.upstream.bodies) == 1
    client.wire.take_all()
    assert len(world.upstream.bodies) == 2
    client.lose()
    assert world.everything_is_given_back()
