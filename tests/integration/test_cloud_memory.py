"""A large message from a mail cloud, and a client that does not read."""

import hashlib
import time

import pytest

from tests.support.cloud_gateway import CloudGateway
from tests.support.fake_gmail import FakeGmail
from tests.support.fake_graph import FakeGraph
from tests.support.mail import big

MIB = 1 << 20
LARGE = 64 * MIB


@pytest.mark.parametrize(("kind", "fake"), [("graph", FakeGraph), ("gmail", FakeGmail)])
def test_is_never_held(kind, fake):
    message = b"".join(big(LARGE))
    digest = hashlib.sha256(message.replace(b"\n.", b"\n.."))
    digest.update(b"" if message.endswith(b"\r\n") else b"\r\n")
    with fake() as server:
        server.tokens = {"token": "alice@example.org"}
        server.box.add(b"Subject: small\r\n\r\n")
        server.box.add(message)
        with CloudGateway(kind, server, http={"learn_timeout": 100}) as gateway:
            gateway.open(timeout=100).quit()  # which reads it once, to count
            before = gateway.memory()
            with gateway.open() as client:
                assert client.ok("LIST 2") == b"+OK 2 %d\r\n" % LARGE
                client.send(b"RETR 2\r\n")
                most = before
                for _ in range(20):
                    time.sleep(0.05)
                    most = max(most, gateway.memory())
                assert most - before < 16 * MIB
                assert client.line().startswith(b"+OK")
                came = hashlib.sha256()
                for piece in client.raw_body():
                    came.update(piece)
                assert came.digest() == digest.digest()
                assert gateway.memory() - before < 16 * MIB
