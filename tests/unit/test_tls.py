"""TLS options from an administrator's files."""

import ssl

import pytest
import pytest_twisted
from twisted.internet import endpoints, protocol
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from gateway.errors import Misconfigured
from gateway.tls import client_factory, client_options, server_factory, server_options

GARBAGE = {
    "empty": b"",
    "text": b"hello\n",
    "damaged": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "cut": b"-----BEGIN CERTIFICATE-----\nMIIB",
}


@pytest.mark.parametrize("content", GARBAGE.values(), ids=GARBAGE)
def test_unusable_authority_file(tmp_path, content):
    path = tmp_path / "ca.pem"
    path.write_bytes(content)
    with pytest.raises(Misconfigured) as caught:
        client_options("localhost", path)
    assert str(path) in caught.value.detail
    with pytest.raises(Misconfigured) as caught:
        server_options(path, path)
    assert str(path) in caught.value.detail


@pytest.mark.parametrize("name", ["missing.pem", "."])
def test_unreadable_file(tmp_path, certificates, name):
    path = tmp_path / name
    with pytest.raises(Misconfigured, match="cannot read"):
        client_options("localhost", path)
    with pytest.raises(Misconfigured, match="cannot read"):
        server_options(certificates.server.certificate, path)


def test_key_of_another_certificate(certificates):
    with pytest.raises(Misconfigured) as caught:
        server_options(certificates.server.certificate, certificates.stranger.key)
    assert str(certificates.server.certificate) in caught.value.detail
    assert str(certificates.stranger.key) in caught.value.detail


def test_unusable_key(tmp_path, certificates):
    path = tmp_path / "key.pem"
    path.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(Misconfigured, match="no usable private key"):
        server_options(certificates.server.certificate, path)


def test_encrypted_key_is_refused_and_nobody_is_asked(tmp_path, certificates):
    from cryptography.hazmat.primitives import serialization as form

    key = form.load_pem_private_key(certificates.server.key.read_bytes(), None)
    path = tmp_path / "key.pem"
    path.write_bytes(
        key.private_bytes(
            form.Encoding.PEM,
            form.PrivateFormat.PKCS8,
            form.BestAvailableEncryption(b"passphrase"),
        )
    )
    with pytest.raises(Misconfigured, match="not encrypted"):
        server_options(certificates.server.certificate, path)


def test_chain_and_key_in_one_file(certificates):
    options = server_options(certificates.server.combined, certificates.server.combined)
    assert options.getContext() is options.getContext()


def test_system_trust_is_the_default():
    assert client_options("imap.example.org")


class Talk(protocol.Protocol):
    def __init__(self):
        self.done = Deferred()
        self.version = None

    def connectionMade(self):
        self.transport.write(b"x")

    def dataReceived(self, data):
        self.version = self.transport.getHandle().get_protocol_version_name()
        self.transport.loseConnection()

    def connectionLost(self, reason=protocol.connectionDone):
        if not self.done.called:
            self.done.callback(None)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest_twisted.ensureDeferred
async def test_both_sides_meet(certificates, host):
    from twisted.internet import reactor

    pair = certificates.server
    listening = endpoints.SSL4ServerEndpoint(
        reactor, 0, server_options(pair.certificate, pair.key), interface="127.0.0.1"
    )
    served = []

    class Server(Talk):
        def connectionMade(self):
            served.append(self)
            super().connectionMade()

    port = await listening.listen(protocol.Factory.forProtocol(Server))
    try:
        endpoint = endpoints.wrapClientTLS(
            client_options(host, certificates.authority),
            endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port),
        )
        talk = await endpoint.connect(protocol.Factory.forProtocol(Talk))
        await talk.done
        assert talk.version in {"TLSv1.2", "TLSv1.3"}
        await served[0].done
    finally:
        await port.stopListening()


class Peer:
    """TLS by the standard library at the other end of a transport that is in memory."""

    def __init__(self, context, factory, **how):
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, **how)
        self.ours = factory.buildProtocol(None)
        self.transport = StringTransport()
        self.ours.makeConnection(self.transport)
        while not self._shaken():
            self.ours.dataReceived(self._outgoing.read())
        self.ours.dataReceived(self._outgoing.read())

    def _shaken(self):
        self.take()
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def take(self):
        self._incoming.write(self.transport.value())
        self.transport.clear()

    def records(self, *octets):
        for each in octets:
            self.tls.write(each)
        return self._outgoing.read()


class Noting(protocol.Protocol):
    def __init__(self):
        self.pieces, self.lost = [], None

    def dataReceived(self, data):
        self.pieces.append(data)

    def connectionLost(self, reason):
        self.lost = len(self.pieces)


def upstream(certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server.certificate, certificates.server.key)
    factory = protocol.Factory.forProtocol(Noting)
    options = client_options("localhost", certificates.authority)
    return Peer(context, client_factory(options, factory), server_side=True)


@pytest.fixture
def made(monkeypatch):
    found = []

    def note(self):
        found.append(self)

    monkeypatch.setattr(Noting, "connectionMade", note)
    return found


@pytest.mark.parametrize("count", [1, 2, 100])
def test_what_one_read_brings_comes_in_one_piece(certificates, made, count):
    peer = upstream(certificates)
    octets = [bytes([number % 256]) * 4096 for number in range(count)]
    sent = peer.records(*octets)
    peer.ours.dataReceived(sent)
    assert made[0].pieces == [b"".join(octets)]


def test_records_cut_anywhere(certificates, made):
    peer = upstream(certificates)
    sent = peer.records(b"a" * 5000, b"b" * 5000)
    for start in range(0, len(sent), 1000):
        peer.ours.dataReceived(sent[start : start + 1000])
    assert b"".join(made[0].pieces) == b"a" * 5000 + b"b" * 5000
    assert b"" not in made[0].pieces


def test_what_came_before_the_end_comes_before_it(certificates, made):
    peer = upstream(certificates)
    with pytest.raises(ssl.SSLWantReadError):
        peer.tls.unwrap()
    sent = peer.records()
    peer.ours.dataReceived(sent)
    peer.ours.connectionLost(Failure(ConnectionDone()))
    assert made[0].lost == 0

    peer = upstream(certificates)
    peer.ours.dataReceived(peer.records(b"last words"))
    peer.ours.connectionLost(Failure(ConnectionDone()))
    assert (made[1].pieces, made[1].lost) == ([b"last words"], 1)


def test_our_words_are_sent_at_once(certificates, made):
    context = certificates.client_context()
    options = server_options(certificates.server.certificate, certificates.server.key)
    factory = server_factory(options, protocol.Factory.forProtocol(Noting))
    peer = Peer(context, factory, server_side=False, server_hostname="localhost")
    peer.take()
    made[0].transport.write(b"+OK\r\n")
    peer.take()
    assert peer.tls.read(100) == b"+OK\r\n"
