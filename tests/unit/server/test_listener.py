"""All connections together: limits, refusals, and the drain."""

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.ssl import CertificateOptions

from gateway.accounts.fence import Fence
from gateway.errors import Misconfigured
from gateway.pop3 import replies
from gateway.server.entrance import Listener
from tests.unit.access.deeds import Running, run
from tests.unit.server.doubles import ONE


class FakePort:
    def __init__(self, host="127.0.0.1"):
        self.stopped = 0
        kind = IPv6Address if ":" in host else IPv4Address
        self.host = kind("TCP", host, 1110)

    def getHost(self):
        return self.host

    def stopListening(self):
        self.stopped += 1
        return succeed(None)


class FakeEndpoint:
    def __init__(self, result):
        self.result = result
        self.factory = None

    def listen(self, factory):
        self.factory = factory
        return self.result


def draining(world, seconds=30):
    return Running(world.server.stop(seconds))


# ---- listening


@pytest.mark.parametrize(
    ("host", "text"), [("127.0.0.1", "127.0.0.1:1110"), ("::1", "[::1]:1110")]
)
def test_it_tells_where_it_listens(world, host, text):
    listener = Listener("x", FakeEndpoint(succeed(FakePort(host))), None)
    assert run(world.server.listen(listener)) == text


@pytest.mark.parametrize("error", [CannotListenError("", 1, OSError("in use")), OSError("no")])
def test_where_it_cannot_listen_is_named(world, error):
    with pytest.raises(Misconfigured, match="cannot listen at there:110"):
        run(world.server.listen(Listener("there:110", FakeEndpoint(fail(error)), None)))


def test_what_it_accepts_is_a_session(world):
    endpoint = FakeEndpoint(succeed(FakePort()))
    run(world.server.listen(Listener("x", endpoint, None)))
    protocol = endpoint.factory.buildProtocol(IPv4Address("TCP", "192.0.2.7", 9))
    assert protocol.record.peer == "192.0.2.7"
    assert not protocol._secure


@pytest.mark.parametrize("address", [None, UNIXAddress(b"/run/x")])
def test_a_client_without_an_address_is_served(world, address):
    assert world.server.accept(address, Listener("x", None)).record.peer == ""


# ---- limits


def test_one_connection_too_many_from_an_address_is_told_so(make_world):
    world = make_world(connections_per_address=2)
    first, second = world.client(), world.client()
    third = world.client()
    assert third.new() == replies.TOO_MANY_CONNECTIONS
    assert third.closed
    assert world.client(host="192.0.2.9").new() == replies.GREETING
    assert [event.peer for event in world.named("connection_refused")] == ["192.0.2.1"]
    first.lose()
    assert world.client().new() == replies.GREETING
    second.lose()


def test_one_connection_too_many_in_all_is_told_so(make_world):
    world = make_world(connections=2)
    clients = [world.client(host=f"192.0.2.{number}") for number in range(3)]
    assert [client.new() for client in clients] == [
        replies.GREETING,
        replies.GREETING,
        replies.TOO_MANY_CONNECTIONS,
    ]
    clients[0].lose()
    clients[2].lose()
    assert world.client().new() == replies.GREETING


def test_a_refused_client_that_does_not_take_its_refusal_is_cut_off(make_world):
    """Or it would hold a socket for ever, beyond all limits."""
    world = make_world(connections=1)
    world.client()
    refused = world.client(room=10)
    assert refused.wire.closing
    world.clock.advance(world.limits.login_timeout + 1)
    assert refused.wire.aborted


def test_a_refused_client_leaves_no_timer(make_world):
    world = make_world(connections=1)
    first = world.client()
    refused = world.client()
    assert refused.closed
    first.lose()
    assert world.clock.getDelayedCalls() == []


# ---- drain


def test_drain_without_clients_ends_at_once(world):
    port = FakePort()
    run(world.server.listen(Listener("x", FakeEndpoint(succeed(port)), None)))
    assert draining(world).result == [None]
    assert port.stopped == 1
    assert world.clock.getDelayedCalls() == []


def test_drain_closes_idle_sessions_without_update(world):
    fresh, logged_in = world.client(), world.client()
    logged_in.log_in()
    logged_in.send(b"DELE 1")
    stopping = draining(world)
    assert fresh.closed
    assert logged_in.closed
    assert stopping.result == [None]
    assert world.upstream.plans == []
    assert {event.reason for event in world.named("closed")} == {"shutdown"}
    assert world.everything_is_given_back()


def test_drain_finishes_a_message_and_nothing_behind_it(world):
    world.upstream.manual = True
    client = world.client()
    client.log_in()
    client.send(b"RETR 1", b"DELE 1", b"QUIT")
    stopping = draining(world)
    body = world.upstream.bodies[0]
    body.sink.begin(len(ONE))
    body.send(ONE)
    assert not stopping.result
    body.finish()
    assert client.new().endswith(b"\r\n.\r\n")
    assert client.closed
    assert stopping.result == [None]
    assert world.upstream.plans == []
    assert world.everything_is_given_back()


def test_drain_finishes_an_update_and_answers(world):
    held = world.upstream.hold("commit")
    client = world.client()
    client.log_in()
    client.send(b"DELE 1")
    client.send(b"QUIT")
    stopping = draining(world, 30)
    world.clock.advance(500)
    assert not client.wire.aborted
    assert not stopping.result
    held.callback(None)
    assert client.new() == replies.removed(1)
    assert client.closed
    assert stopping.result == [None]
    assert world.everything_is_given_back()


def test_drain_waits_for_an_update_whose_client_is_gone(world):
    held = world.upstream.hold("commit")
    client = world.client()
    client.log_in()
    client.send(b"DELE 1", b"QUIT")
    client.lose()
    stopping = draining(world)
    assert not stopping.result
    held.callback(None)
    assert stopping.result == [None]
    assert 11 not in world.upstream.mail


def test_drain_waits_for_a_login_that_is_under_way_and_gives_it_back(world):
    held = world.upstream.hold("snapshot")
    client = world.client()
    client.log_in()
    stopping = draining(world)
    assert client.closed
    assert not stopping.result
    held.callback(None)
    assert stopping.result == [None]
    assert world.everything_is_given_back()


def test_overtime_cuts_messages_off(world):
    world.upstream.manual = True
    client = world.client()
    client.log_in()
    client.send(b"RETR 1")
    stopping = draining(world, 30)
    world.clock.advance(29)
    assert not client.wire.aborted
    world.clock.advance(2)
    assert client.wire.aborted
    assert client.closed
    assert stopping.result == [None]
    assert world.everything_is_given_back()


def test_overtime_also_ends_a_client_that_takes_nothing_after_its_update(world):
    held = world.upstream.hold("commit")
    client = world.client(room=10)
    client.log_in()
    client.wire.take_all()
    client.send(b"DELE 1")
    client.wire.take_all()
    client.send(b"QUIT")
    stopping = draining(world, 30)
    world.clock.advance(40)
    held.callback(None)
    assert not stopping.result
    world.clock.advance(31)
    assert client.closed
    assert stopping.result == [None]
    assert world.everything_is_given_back()


def test_drain_during_a_refused_logins_delay_closes(make_world):
    world = make_world(rules={"failed_login_delay": 2})
    client = world.client()
    client.send(b"USER ann", b"PASS wrong")
    stopping = draining(world)
    assert client.closed
    assert stopping.result == [None]
    assert world.everything_is_given_back()


def test_finished_waits_for_what_begins_while_it_waits(world):
    """A login whose client is gone ends in a release, which waits for the upstream."""
    held = world.upstream.hold("snapshot")
    closing: Deferred = world.upstream.hold("close")
    client = world.client()
    client.log_in()
    client.lose()
    finished = Running(world.deeds.finished())
    held.callback(None)
    assert not finished.result
    closing.callback(None)
    assert finished.result == [None]


# ---- fences

FENCE = Fence.of(["192.0.2.0/28"])


def fenced(world, tls=None):
    endpoint = FakeEndpoint(succeed(FakePort()))
    run(world.server.listen(Listener("here:110", endpoint, tls, fence=FENCE)))
    return endpoint.factory


@pytest.mark.parametrize("tls", [None, CertificateOptions()])
def test_who_is_outside_the_fence_gets_nothing_and_is_told_of(world, tls):
    factory = fenced(world, tls)
    assert factory.buildProtocol(IPv4Address("TCP", "192.0.2.16", 9)) is None
    assert factory.buildProtocol(UNIXAddress(b"/run/x")) is None
    assert [(event.peer, event.listener) for event in world.named("outside_fence")] == [
        ("192.0.2.16", "here:110"),
        ("", "here:110"),
    ]
    assert world.server._count.total == 0


def test_who_is_inside_is_served(world):
    protocol = fenced(world).buildProtocol(IPv4Address("TCP", "192.0.2.15", 9))
    assert protocol.record.peer == "192.0.2.15"
    assert not world.named("outside_fence")


def test_an_ipv4_client_of_an_ipv6_socket_is_inside(world):
    address = IPv6Address("TCP", "::ffff:192.0.2.3", 9)
    assert fenced(world).buildProtocol(address).record.peer == "::ffff:192.0.2.3"


def test_a_gate_begins_and_ends_what_is_behind_it(world):
    class Inside:
        calls = ()

        def doStart(self):
            self.calls += ("start",)

        def doStop(self):
            self.calls += ("stop",)

    gate = fenced(world)
    gate._inside = inside = Inside()
    gate.doStart()
    gate.doStop()
    assert inside.calls == ("start", "stop")
