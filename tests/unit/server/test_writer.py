"""The short way to the client's socket: never out of order, never past TLS."""

import socket

import pytest
from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport

from gateway.server.writer import Writer


class Tcp(Connection):
    """Twisted's own buffers over one end of a socket pair, and no reactor."""

    def __init__(self, skt):
        super().__init__(skt, None, reactor=None)
        self.connected = 1
        self.poller = []

    def startWriting(self):
        self.poller.append("writing")

    def stopWriting(self):
        self.poller.append("done")


class Gate:
    def __init__(self):
        self.calls = []

    def pauseProducing(self):
        self.calls.append("pause")

    def resumeProducing(self):
        self.calls.append("resume")

    def stopProducing(self):
        self.calls.append("stop")


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    yield Tcp(ours), theirs
    ours.close()
    theirs.close()


def everything(theirs):
    found = bytearray()
    try:
        while chunk := theirs.recv(1 << 16):
            found += chunk
    except BlockingIOError:
        pass
    return bytes(found)


def test_replies_leave_in_one_piece_and_without_the_poller(pair):
    transport, theirs = pair
    writer = Writer(transport)
    writer.reply(b"+OK one\r\n")
    writer.reply(b"+OK two\r\n")
    assert everything(theirs) == b""
    writer.flush()
    assert everything(theirs) == b"+OK one\r\n+OK two\r\n"
    writer.reply(b"+OK\r\n")
    writer.write(b"message")
    assert everything(theirs) == b"+OK\r\nmessage"
    writer.flush()
    assert transport.poller == []


def test_many_replies_do_not_wait_for_ever(pair):
    transport, theirs = pair
    writer = Writer(transport)
    for _ in range(600):
        writer.reply(b"+OK\r\n")
    assert everything(theirs) == b"+OK\r\n" * 513


def test_what_the_socket_does_not_take_pauses_the_producer_and_keeps_its_place(pair):
    transport, theirs = pair
    gate = Gate()
    transport.registerProducer(gate, True)
    writer = Writer(transport)
    pieces = [b"%d" % (n % 10) * 100_000 for n in range(30)]
    for piece in pieces:
        writer.write(piece)
    assert gate.calls[0] == "pause"
    assert transport.poller[0] == "writing"
    found = everything(theirs)
    while transport.doWrite() is None and len(found) < 3_000_000:
        found += everything(theirs)
        writer.write(b"")  # an empty write changes nothing
    assert found == b"".join(pieces)
    assert gate.calls[-1] == "resume"
    writer.write(b"after")
    assert everything(theirs) == b"after"


def test_a_lost_connection_is_left_to_the_reactor(pair):
    transport, theirs = pair
    theirs.close()
    writer = Writer(transport)
    writer.write(b"x" * 10)
    writer.write(b"y" * 10)
    assert isinstance(transport.doWrite(), Exception)


def test_what_a_connection_that_is_gone_is_given_goes_nowhere(pair):
    transport, theirs = pair
    writer = Writer(transport)
    transport.connected = 0
    writer.write(b"x")
    assert everything(theirs) == b""


@pytest.mark.parametrize("how", ["told", "noticed"])
def test_nothing_goes_past_tls(pair, how):
    transport, theirs = pair
    written = []
    transport.write = written.append
    writer = Writer(transport)
    if how == "told":
        writer.go_the_long_way()
    else:
        transport.TLS = True
    writer.write(b"secret")
    assert everything(theirs) == b""
    assert written == [b"secret"]


def test_any_other_transport_takes_the_long_way():
    transport = StringTransport()
    transport.writeSomeData = None  # as if handed on from below
    writer = Writer(transport)
    writer.reply(b"+OK\r\n")
    writer.discard()
    writer.write(b"x")
    assert transport.value() == b"x"
