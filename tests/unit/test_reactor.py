"""The lean reactor does with sockets what Twisted's does."""

import os
import select
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import Port

from gateway.app import reactor as module
from gateway.app.reactor import LeanReactor


class Reader:
    """The reading end of a pipe."""

    def __init__(self, act):
        self.descriptor, self.writable = os.pipe()
        self.act = act
        self.lost = []

    def fileno(self):
        return self.descriptor

    def logPrefix(self):
        return "reader"

    def doRead(self):
        return self.act(os.read(self.descriptor, 100))

    def connectionLost(self, reason):
        self.lost.append(reason.type)
        os.close(self.descriptor)
        self.descriptor = -1

    def close(self):
        os.close(self.writable)
        if self.descriptor >= 0:
            os.close(self.descriptor)


@pytest.fixture
def lean():
    reactor = LeanReactor()
    yield reactor
    reactor._poller.close()
    reactor.waker.connectionLost(None)


@pytest.fixture
def reader(lean):
    made = []

    def make(act):
        made.append(Reader(act))
        lean.addReader(made[-1])
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_reader_reads(lean, reader):
    seen = []
    one, other = reader(seen.append), reader(seen.append)
    os.write(one.writable, b"one")
    lean.doPoll(1)
    assert seen == [b"one"]
    os.write(other.writable, b"two")
    lean.doPoll(1)
    assert seen == [b"one", b"two"]


def test_a_reader_that_fails_ends_alone(lean, reader, monkeypatch):
    logged = []
    monkeypatch.setattr(module, "_log_failure", lambda: logged.append(sys.exc_info()[0]))
    seen = []
    bad, good = reader(lambda _: 1 / 0), reader(seen.append)
    for each in (bad, good):
        os.write(each.writable, b"x")
    lean.doPoll(1)
    lean.doPoll(0)
    assert bad.lost == [ZeroDivisionError] == logged
    assert seen == [b"x"]
    assert bad not in lean.getReaders()


def test_one_that_another_removed_in_the_same_turn_is_not_read(lean, reader):
    seen = []

    def remove_the_other(octets):
        seen.append(octets)
        for each in (one, two):
            lean.removeReader(each)

    one, two = reader(remove_the_other), reader(remove_the_other)
    for each in (one, two):
        os.write(each.writable, b"x")
    lean.doPoll(1)
    assert seen == [b"x"]


def test_the_end_of_the_other_side_is_a_lost_connection(lean, reader):
    one = reader(lambda octets: None if octets else ConnectionResetError())
    os.close(one.writable)
    lean.doPoll(1)
    lean.doPoll(0)
    assert len(one.lost) == 1
    one.writable = os.open(os.devnull, os.O_WRONLY)


PROGRAM = """
from gateway.app import reactor as module
{change}
module.install()
from twisted.internet import reactor
print(type(reactor).__name__)
"""


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("", "LeanReactor"),
        ("module._NEEDED += ('_not_there',)", "EPollReactor"),
        ("from twisted.internet import reactor", "EPollReactor"),
    ],
)
def test_installed_where_it_works_and_nothing_is_there_yet(change, name):
    program = PROGRAM.format(change=change)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == name


def watched(reactor):
    """What the kernel was asked to watch: events by descriptor."""
    lines = Path(f"/proc/self/fdinfo/{reactor._poller.fileno()}").read_text().splitlines()
    rows = [line.split() for line in lines if line.startswith("tfd:")]
    return {int(row[1]): int(row[3], 16) for row in rows}


def test_a_new_client_wakes_one_worker_only(lean):
    """The other would find nothing to accept, and half the CPU of a poll would be that."""
    made = []

    class Accepting(Factory):
        noisy = False

        def buildProtocol(self, addr):
            made.append(Protocol())
            return made[-1]

    port = Port(0, Accepting(), interface="127.0.0.1", reactor=lean)
    port.startListening()
    descriptor = port.fileno()
    assert watched(lean)[descriptor] & select.EPOLLEXCLUSIVE
    lean.addReader(port)  # again: nothing happens
    with socket.create_connection(("127.0.0.1", port.getHost().port)):
        lean.doPoll(1)
        assert len(made) == 1
    port.stopReading()
    assert descriptor not in watched(lean)
    port.startReading()
    assert watched(lean)[descriptor] & select.EPOLLEXCLUSIVE
    made[0].transport.abortConnection()
    port.stopListening()
    lean.runUntilCurrent()
    assert descriptor not in watched(lean)
