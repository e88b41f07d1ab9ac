"""A JMAP mailbox through a whole gateway: memory, TLS, sessions that are kept."""

import contextlib
import hashlib
import time

import pytest

from gateway.errors import BadCredentials, Misconfigured
from gateway.pop3 import replies
from tests.support.fake_http import Reply
from tests.support.fake_jmap import LIMITS, FakeJmap
from tests.support.gateway import RunningGateway

MIB = 1 << 20
READERS = 6
HUGE = b"Subject: huge\r\n\r\n" + b"%075d\r\n" % 7 * (60 * MIB // 77)
LETTERS = [b"Subject: %d\r\n\r\ntext\r\n" % n for n in range(30)]
ROOMY = {**LIMITS, "maxObjectsInGet": 500, "maxCallsInRequest": 16, "maxSizeRequest": 1 << 20}


def url_of(fake):
    return f"jmap+{fake.url}"


def test_readers_that_have_stopped_cost_little(certificates):
    """Six of them wait with 60 MiB each, for less than 24 MiB in all."""
    with FakeJmap([HUGE], pair=certificates.server) as fake:
        flags = ["--upstream-ca", str(certificates.authority)]
        with (
            RunningGateway(url_of(fake), flags=flags) as gateway,
            contextlib.ExitStack() as stack,
        ):
            clients = [
                stack.enter_context(gateway.login(f"kim{n}", "pw")) for n in range(READERS)
            ]
            before = gateway.memory()
            for client in clients:
                client.send(b"RETR 1\r\n")
            time.sleep(2)
            assert gateway.memory() - before < 24 * MIB
            reader = clients[2]
            assert reader.line().startswith(b"+OK")
            digest = hashlib.sha256()
            for piece in reader.raw_body():
                digest.update(piece)
            assert digest.digest() == hashlib.sha256(HUGE).digest()
            assert gateway.memory() - before < 24 * MIB
            assert reader.quit().startswith(b"+OK")


@pytest.mark.parametrize("pair", ["wrong_name", "stranger"])
def test_a_certificate_that_does_not_fit_gets_no_password(certificates, pair):
    with FakeJmap(LETTERS, pair=getattr(certificates, pair)) as fake:
        flags = ["--upstream-ca", str(certificates.authority)]
        with RunningGateway(url_of(fake), flags=flags) as gateway, gateway.client() as client:
            client.ok("USER kim")
            reply = client.command("PASS pw")
            assert reply == replies.FAILURES[Misconfigured].reply
        assert fake.heard == []


def test_a_kept_session_sees_what_is_new_and_asks_little():
    with FakeJmap(LETTERS) as fake, RunningGateway(url_of(fake), workers=1) as gateway:
        fake.limits = ROOMY
        for number in range(5):
            fake.add(b"Subject: new\r\n\r\n")
            fake.heard.clear()
            with gateway.login("kim", "pw") as client:
                assert client.stat()[0] == 31
                assert client.retr(31) == b"Subject: new\r\n\r\n"
                client.ok("DELE 31")
                assert client.quit() == replies.removed(1)
            api = [request.path for request in fake.heard if "blob" not in request.path]
            assert len(api) <= (7 if number == 0 else 5), api
        fake.passwords = {"kim": "another"}
        with gateway.client() as client:
            client.ok("USER kim")
            assert client.command("PASS pw") == replies.FAILURES[BadCredentials].reply
        with gateway.login("kim", "another") as client:
            assert client.stat()[0] == 30


def test_top_of_a_huge_message_again_and_again():
    with (
        FakeJmap([HUGE, LETTERS[1]]) as fake,
        RunningGateway(url_of(fake)) as gateway,
        gateway.login("kim", "pw") as client,
    ):
        for _ in range(20):
            client.ok("TOP 1 2")
            assert b"".join(client.raw_body()) == HUGE[:171]
        assert client.retr(2) == LETTERS[1]
        assert client.quit().startswith(b"+OK")


def test_many_sessions_at_once():
    with FakeJmap(LETTERS) as fake, RunningGateway(url_of(fake)) as gateway:
        fake.limits = ROOMY
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(gateway.login(f"k{n}", "pw")) for n in range(12)]
            for client in clients:
                client.send("".join(f"RETR {n}\r\n" for n in range(1, 31)).encode())
            for client in clients:
                for letter in LETTERS:
                    assert client.line().startswith(b"+OK")
                    assert b"".join(client.raw_body()) == letter
                assert client.quit().startswith(b"+OK")
        assert len(fake.inbox) == 30


def test_an_upstream_that_hangs_holds_nobody_else_up():
    settings = {"upstream": {"http": {"response_timeout": 5}}}
    with (
        FakeJmap(LETTERS) as fake,
        RunningGateway(url_of(fake), settings=settings) as gateway,
        gateway.client() as stuck,
    ):
        fake.spoil("/session", Reply(200, b"{}", delay=30))
        stuck.ok("USER stuck")
        stuck.send(b"PASS pw\r\n")
        time.sleep(0.2)
        with gateway.login("kim", "pw") as client:
            assert client.retr(1) == LETTERS[0]
        assert stuck.line().startswith(b"-ERR [SYS/TEMP]")
