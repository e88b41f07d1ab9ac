"""The gateway is killed in UPDATE: what QUIT has begun is finished at the next login."""

import threading

import pytest

from tests.support.cloud_gateway import CloudGateway
from tests.support.cloud_server import hang, wait
from tests.support.fake_gmail import FakeGmail
from tests.support.fake_graph import FakeGraph
from tests.support.gateway import wait_until

LETTERS = [b"Subject: %d\r\n\r\nletter %d\r\n" % (number, number) for number in range(6)]
KINDS = {"graph": (FakeGraph, "BATCH"), "gmail": (FakeGmail, "BATCHMODIFY")}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("done", [True, False], ids=["done unheard", "not done"])
def test_the_plan_is_finished(kind, done):
    fake, stage = KINDS[kind]
    with fake() as server, CloudGateway(kind, server) as gateway:
        server.tokens = {"token": "alice@example.org"}
        for letter in LETTERS:
            server.box.add(letter)
        never = threading.Event()
        server.fault(stage, wait(never) if done else hang, times=1)
        with gateway.open() as client:
            client.ok("DELE 2")
            client.ok("DELE 5")
            client.send(b"QUIT\r\n")
            wait_until(lambda: stage in server.stages(), what="the deed")
            gateway.kill()
            assert client.rest() == b""
        never.set()
        server.box.add(b"Subject: new\r\n\r\n")
        gateway.start()
        with gateway.open() as client:
            expected = [LETTERS[0], *LETTERS[2:4], LETTERS[5], b"Subject: new\r\n\r\n"]
            count = client.stat()[0]
            assert [client.retr(number) for number in range(1, count + 1)] == expected
            assert client.quit().startswith(b"+OK")
        left = server.box.inside("inbox") if kind == "graph" else server.box.inbox[::-1]
        assert [each.octets for each in left] == expected
