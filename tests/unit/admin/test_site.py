"""A site whose clients can take little."""

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.web.resource import Resource

from gateway.admin import site as module
from gateway.admin.site import bounded_site
from gateway.app.entrances import ServerCertificate
from gateway.tls import server_factory


class Echo(Resource):
    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self):
        super().__init__()
        self.seen = []

    def render_GET(self, request):
        self.seen.append(request.getClientAddress().host)
        return b"here"

    def render_POST(self, request):
        self.seen.append(request.args)
        return b"taken"


class Transport(StringTransport):
    aborted = False

    def abortConnection(self):
        self.aborted = self.disconnected = True


class Bench:
    def __init__(self, **options):
        self.clock = Clock()
        self.echo = Echo()
        self.site = bounded_site(self.echo, self.clock, **options)
        self.connect()

    def connect(self, host="192.0.2.1"):
        address = IPv4Address("TCP", host, 4000)
        self.protocol = self.site.buildProtocol(address)
        self.wire = Transport(peerAddress=address)
        if self.protocol is not None:
            self.protocol.makeConnection(self.wire)
        return self.protocol

    def send(self, *lines, body=b""):
        self.protocol.dataReceived(b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body)
        return self.wire.value()


GET = (b"GET / HTTP/1.1", b"Host: x")


def test_a_request_is_answered():
    bench = Bench()
    answer = bench.send(*GET)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"here" in answer
    assert bench.clock.getDelayedCalls()  # only that of idleness
    bench.clock.advance(19)
    assert not bench.wire.disconnecting


def test_nobody_learns_what_serves_it():
    answer = Bench().send(*GET).lower()
    assert b"server:" not in answer
    assert b"twisted" not in answer


def test_a_form_is_read():
    bench = Bench()
    kind = b"Content-Type: application/x-www-form-urlencoded"
    bench.send(b"POST / HTTP/1.1", b"Host: x", kind, b"Content-Length: 3", body=b"a=b")
    assert bench.echo.seen == [{b"a": [b"b"]}]


@pytest.mark.parametrize(
    ("path", "host"),
    [
        (b"/%ff", b"x"),
        (b"/\xff", b"x"),
        (b"/", b"\xff"),
        (b"/", b"\xff:80"),
        (b"/", b"9" * 400),
        (b"/", b"a..b"),
    ],
)
def test_what_is_no_text_is_refused_without_a_line_in_the_log(path, host):
    """The resource would raise, and anybody could fill the disk with tracebacks."""
    bench = Bench()
    answer = bench.send(b"GET %b HTTP/1.1" % path, b"Host: " + host)
    assert answer.startswith(b"HTTP/1.1 400")
    assert bench.echo.seen == []


def test_one_that_trickles_in_is_cut_off_in_time():
    """Each octet would restart a time-out of idleness."""
    bench = Bench()
    for octet in b"GET / HTTP/1.1\r\nHost: x\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyy":
        bench.protocol.dataReceived(bytes([octet]))
        bench.clock.advance(0.5)
        if bench.wire.disconnecting:
            break
    assert bench.wire.disconnecting
    assert bench.clock.seconds() == module._REQUEST_SECONDS
    assert bench.echo.seen == []


def test_a_body_that_trickles_in_is_cut_off_in_time():
    bench = Bench()
    bench.send(b"POST / HTTP/1.1", b"Host: x", b"Content-Length: 1000")
    for _ in range(25):
        bench.protocol.dataReceived(b"a")
        bench.clock.advance(1)
    assert bench.wire.disconnecting


def test_each_request_of_a_connection_has_the_time_anew():
    bench = Bench()
    for _ in range(5):
        bench.send(*GET)
        bench.clock.advance(15)
    assert len(bench.echo.seen) == 5
    assert not bench.wire.disconnecting


def test_a_lost_connection_leaves_no_clock_running():
    bench = Bench()
    bench.protocol.dataReceived(b"GET /")
    bench.protocol.connectionLost(None)
    assert bench.clock.getDelayedCalls() == []


def test_idle_connections_end():
    bench = Bench()
    bench.send(*GET)
    bench.clock.advance(61)
    assert bench.wire.disconnecting


def test_a_body_that_is_too_large_is_refused_unread():
    bench = Bench()
    octets = module._LONGEST_BODY + 1
    answer = bench.send(
        b"POST / HTTP/1.1", b"Host: x", b"Content-Length: %d" % octets, body=b"a" * octets
    )
    assert answer.startswith(b"HTTP/1.1 413")
    assert bench.echo.seen == []


def test_one_that_is_far_too_large_is_cut_off():
    bench = Bench()
    bench.send(b"POST / HTTP/1.1", b"Host: x", b"Content-Length: 99999999")
    for _ in range(10):
        if bench.wire.aborted:
            break
        bench.protocol.dataReceived(b"a" * module._LONGEST_BODY)
    assert bench.wire.aborted


@pytest.mark.parametrize(
    "lines",
    [
        [b"GET /%s HTTP/1.1" % (b"x" * 20_000)],
        [*GET, b"X: " + b"x" * 20_000],
        [*GET, *(b"X%d: y" % number for number in range(120))],
    ],
)
def test_too_long_a_head_is_refused(lines):
    bench = Bench()
    bench.send(*lines)
    assert bench.wire.disconnecting
    assert bench.echo.seen == []


def test_connections_are_limited():
    bench = Bench()
    kept = [bench.connect(f"192.0.2.{n}") for n in range(2, module._CONNECTIONS + 1)]
    assert not bench.wire.aborted
    bench.connect("198.51.100.1")
    assert bench.wire.aborted
    kept[0].connectionLost(None)
    bench.connect("198.51.100.1")
    assert not bench.wire.aborted
    assert b"here" in bench.send(*GET)


@pytest.mark.parametrize(
    ("mine", "others"),
    [
        (["192.0.2.1"], "192.0.2.2"),
        (["2001:db8::1", "2001:db8::2"], "2001:db8:0:1::1"),
        (["192.0.2.1", "::ffff:192.0.2.1"], "::ffff:192.0.2.2"),
    ],
)
def test_no_address_has_all_connections(mine, others):
    bench = Bench()
    bench.protocol.connectionLost(None)
    kept = [bench.connect(mine[n % len(mine)]) for n in range(module._CONNECTIONS_OF_ONE)]
    assert not bench.wire.aborted
    bench.connect(mine[-1])
    assert bench.wire.aborted
    bench.connect(others)
    assert not bench.wire.aborted
    for each in kept:
        each.connectionLost(None)
    bench.connect(mine[0])
    assert not bench.wire.aborted
    assert len(bench.site._by_host) == 2


def test_a_proxy_has_all_of_them():
    bench = Bench(behind_proxy=True)
    for _ in range(module._CONNECTIONS - 1):
        bench.connect()
    assert not bench.wire.aborted


def test_connections_are_limited_within_tls_too(monkeypatch, certificates):
    monkeypatch.setattr(module, "_CONNECTIONS", 0)
    own = certificates.server
    factory = server_factory(ServerCertificate(own.certificate, own.key), Bench().site)
    wire = Transport()
    wire.setTcpNoDelay = lambda _: None
    factory.buildProtocol(None).makeConnection(wire)
    assert wire.aborted


FORWARDED = b"X-Forwarded-For: 203.0.113.9, 198.51.100.7"


@pytest.mark.parametrize(
    ("behind_proxy", "header", "address"),
    [
        (True, FORWARDED, "198.51.100.7"),
        (True, b"X-Forwarded-For: 2001:db8::1", "2001:db8::1"),
        (True, b"X-Forwarded-For: unknown", "192.0.2.1"),
        (True, b"X-Forwarded-For: 8.8.8.8, 203.0.113.5:4711", "203.0.113.5"),
        (True, b"X-Forwarded-For: [2001:db8::1]:443", "2001:db8::1"),
        (True, b"X-Forwarded-For: [2001:db8::1]", "2001:db8::1"),
        (True, b"X-Forwarded-For: [2001:db8::1]:x", "192.0.2.1"),
        (True, b"X-Forwarded-For: 203.0.113.5:", "192.0.2.1"),
        (True, b"X-Forwarded-For: []", "192.0.2.1"),
        (True, b"X-Forwarded-For: \xff\xfe", "192.0.2.1"),
        (True, b"X-Forwarded-For: ", "192.0.2.1"),
        (False, b"X-Forwarded-For: 203.0.113.5:4711", "192.0.2.1"),
        (True, b"X-Other: 1", "192.0.2.1"),
        (False, FORWARDED, "192.0.2.1"),
    ],
)
def test_only_a_proxy_may_say_who_the_browser_is(behind_proxy, header, address):
    bench = Bench(behind_proxy=behind_proxy)
    bench.send(*GET, header)
    assert bench.echo.seen == [address]
