"""TLS options from an administrator's files."""

import pytest
import pytest_twisted
from twisted.internet import endpoints, protocol
from twisted.internet.defer import Deferred

from gateway.errors import Misconfigured
from gateway.tls import client_options, server_options

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
