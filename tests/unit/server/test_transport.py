"""The types say what Twisted's transports have: nothing else may be used of them."""

import pytest
from twisted.internet.tcp import Port, Server
from twisted.protocols.tls import TLSMemoryBIOProtocol

from gateway.server import transport


def members(protocol):
    return [name for name in vars(protocol) if not name.startswith("_")]


@pytest.mark.parametrize("name", members(transport.Transport))
def test_a_tcp_transport_has_it(name):
    assert callable(getattr(Server, name))


# What TLS lacks it hands down to TCP, as ProtocolWrapper does with any name.
OVER_TLS = ["write", "loseConnection", "abortConnection", "registerProducer"]


@pytest.mark.parametrize("name", [*OVER_TLS, "unregisterProducer"])
def test_tls_has_its_own(name):
    assert callable(getattr(TLSMemoryBIOProtocol, name))


@pytest.mark.parametrize("name", members(transport.Port))
def test_a_port_has_it(name):
    assert callable(getattr(Port, name))
