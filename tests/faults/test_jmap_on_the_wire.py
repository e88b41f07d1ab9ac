"""What a POP3 client sees when a JMAP server fails: the closed set, and never a false end."""

import itertools
import time

import pytest

from gateway.errors import BadCredentials, ConsentMissing, Misconfigured, Throttled, Unavailable
from gateway.pop3 import replies
from tests.faults.scene import BOUND, CORPUS, is_over, retrieve
from tests.support.fake_http import Reply
from tests.support.fake_jmap import FakeJmap
from tests.support.gateway import RunningGateway

PASSWORD = "open sesame"
QUICK = {
    "upstream": {
        "warm": {"seconds": 0},
        "http": {
            "connect_timeout": 1.0,
            "response_timeout": 0.8,
            "idle_timeout": 0.8,
            "answer_timeout": 2.0,
            "retry_after": 1.0,
            "max_answer": 1 << 20,
        },
    }
}
_users = itertools.count(1)


@pytest.fixture(scope="module")
def fake():
    with FakeJmap() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(fake):
    with RunningGateway(f"jmap+http://127.0.0.1:{fake.port}", settings=QUICK) as gateway:
        yield gateway
        log = gateway.log_text()
    assert "internal_error" not in log, log
    assert "Traceback" not in log, log
    assert "open sesame" not in log


class Scene:
    def __init__(self, fake, gateway):
        self.jmap = fake
        self.gateway = gateway
        self.user = f"user{next(_users)}"
        self.clients = []
        fake.reset(CORPUS)

    def login(self, password=PASSWORD):
        client = self.gateway.client(timeout=BOUND)
        self.clients.append(client)
        client.ok(f"USER {self.user}")
        start = time.monotonic()
        self.reply = client.command(f"PASS {password}")
        assert time.monotonic() - start < BOUND
        return client

    def in_session(self):
        client = self.login()
        assert self.reply.startswith(b"+OK"), self.reply
        return client

    def serves_again(self):
        """The same user can log in and read, as soon as the upstream is well again."""
        self.jmap.heal()
        client = self.in_session()
        for number, message in enumerate(self.messages, 1):
            assert retrieve(client, number) == ("whole", message)
        assert client.quit().startswith(b"+OK")

    @property
    def messages(self):
        return [self.jmap.emails[id_].octets for id_ in self.jmap.inbox]


@pytest.fixture
def scene(fake, gateway):
    scene = Scene(fake, gateway)
    yield scene
    for client in scene.clients:
        client.close()


def reply_of(failure):
    return replies.FAILURES[failure].reply


def test_a_session_without_faults(scene):
    client = scene.in_session()
    assert client.stat() == (3, sum(map(len, CORPUS)))
    assert [client.command(f"UIDL {n}").split()[-1] for n in (1, 2, 3)] == [
        id_.encode() for id_ in scene.jmap.inbox
    ]
    for number, message in enumerate(CORPUS, 1):
        assert retrieve(client, number) == ("whole", message)
    assert retrieve(client, 2, "TOP")[0] == "error"  # TOP needs its number of lines
    client.ok("DELE 2")
    assert client.quit() == replies.removed(1)
    assert scene.messages == [CORPUS[0], CORPUS[2]]


LOGIN_FAULTS = {
    "500": (Reply(500, b"oops"), Unavailable),
    "503, later": (Reply(503, b"", {"Retry-After": "500"}), Unavailable),
    "429, later": (Reply(429, b"", {"Retry-After": "500"}), Throttled),
    "reset": (None, Unavailable),
    "silent": (Reply(200, b"{}", delay=30), Unavailable),
    "hangs in the middle": (Reply(200, b"{}", hang=1), Unavailable),
    "endless": (Reply(200, b" " * (2 << 20), length="chunked"), Unavailable),
    "drips": (Reply(200, b" " * 400_000, pace=0.3), Unavailable),
    "no JSON": (Reply(200, b"<html>"), Unavailable),
    "deep": (Reply(200, b"[" * 500_000), Unavailable),
    "shorter than it says": (Reply(200, b"{}", length=9), Unavailable),
    "refuses": (Reply(401, b"no"), BadCredentials),
    "elsewhere": (Reply(302, b"", {"Location": "http://127.0.0.2/"}), Misconfigured),
    "not there": (Reply(404, b""), Misconfigured),
}


@pytest.mark.parametrize("path", ["/session", "/api"])
@pytest.mark.parametrize("fault", LOGIN_FAULTS)
def test_a_fault_at_login(scene, path, fault):
    reply, failure = LOGIN_FAULTS[fault]
    scene.jmap.spoil(path, reply, times=99)
    scene.login()
    assert scene.reply == reply_of(failure)
    scene.serves_again()


@pytest.mark.parametrize("status", [429, 503])
def test_a_short_wait_is_waited(scene, status):
    scene.jmap.spoil("/api", Reply(status, b"", {"Retry-After": "0"}))
    scene.serves_again()


BROKEN = {
    "reset": lambda reply: {"cut": len(reply.body) // 2},
    "silence": lambda reply: {"hang": len(reply.body) // 2},
    "too long a Content-Length": lambda reply: {"length": len(reply.body) + 10},
    "too short a Content-Length": lambda reply: {"length": len(reply.body) - 10},
    "no Content-Length": lambda reply: {"length": "close"},
    "a chunk too few": lambda reply: {"length": "chunked", "cut": len(reply.body) - 1},
}


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_message_that_does_not_come_whole_never_ends_well(scene, number, fault):
    def spoiled(_, reply):
        for name, value in BROKEN[fault](reply).items():
            setattr(reply, name, value)
        return reply

    scene.jmap.spoil("/blob/", spoiled, times=99)
    client = scene.in_session()
    kind, octets = retrieve(client, number)
    assert kind == "cut"
    assert not octets.endswith(b"\r\n.\r\n")
    assert is_over(client)
    assert len(scene.jmap.inbox) == 3
    scene.serves_again()


def test_a_reset_is_continued_and_the_client_sees_nothing_of_it(scene):
    scene.jmap.ranges = True

    def cut(_, reply):
        reply.cut = len(reply.body) // 2
        return reply

    scene.jmap.spoil("/blob/", cut, times=1)
    client = scene.in_session()
    assert retrieve(client, 2) == ("whole", CORPUS[1])


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500, b""),
        Reply(401, b""),
        Reply(403, b""),
        Reply(429, b"", {"Retry-After": "500"}),
        Reply(200, b""),
        Reply(200, b"x", {"Content-Encoding": "gzip"}),
        Reply(200, b"x", delay=30),
    ],
    ids=["500", "401", "403", "429", "empty", "gzip", "silent"],
)
def test_a_message_that_does_not_begin(scene, reply):
    client = scene.in_session()
    scene.jmap.spoil("/blob/", reply, times=99)
    assert retrieve(client, 2) == ("error", reply_of(Unavailable))
    scene.jmap.heal()
    assert retrieve(client, 2) == ("whole", CORPUS[1])


def test_a_message_removed_elsewhere(scene):
    client = scene.in_session()
    scene.jmap.destroy(scene.jmap.inbox[1])
    kind, line = retrieve(client, 2)
    assert (kind, line[:4]) == ("error", b"-ERR")
    assert retrieve(client, 3) == ("whole", CORPUS[2])
    client.ok("DELE 2")
    assert client.quit() == replies.removed(1)


def test_sizes_that_are_too_small_are_corrected(scene):
    scene.jmap.sizes[scene.jmap.inbox[1]] = 7
    client = scene.in_session()
    assert client.command("LIST 2") == b"+OK 2 7\r\n"
    assert retrieve(client, 2) == ("whole", CORPUS[1])
    client.quit()
    client = scene.in_session()
    assert client.command("LIST 2") == b"+OK 2 %d\r\n" % len(CORPUS[1])


def test_ids_that_no_client_may_be_shown(scene):
    scene.jmap.reset()
    for number, id_ in enumerate(("x" * 200, "a b", "ü", "x" * 199 + "y")):
        scene.jmap.add(CORPUS[number % 3], id_)
    scene.jmap.twice = ["a b"]
    client = scene.in_session()
    client.ok("UIDL")
    lines = b"".join(client.raw_body()).split(b"\r\n")[:4]
    shown = [line.split()[1] for line in lines]
    assert len(set(shown)) == 4
    assert all(len(each) <= 70 and all(0x21 <= c <= 0x7E for c in each) for each in shown)
    for number, message in enumerate(scene.messages, 1):
        assert retrieve(client, number) == ("whole", message)
    client.ok("DELE 2")
    assert client.quit() == replies.removed(1)
    assert "a b" not in scene.jmap.emails
    client = scene.in_session()
    client.ok("UIDL")
    again = b"".join(client.raw_body()).split(b"\r\n")[:3]
    assert [line.split()[1] for line in again] == [shown[0], *shown[2:]]


UPDATE_FAULTS = {
    "500": Reply(500, b""),
    "reset": None,
    "silent": Reply(200, b"{}", delay=30),
    "refuses": Reply(401, b""),
    "no JSON": Reply(200, b"!"),
    "later": Reply(429, b"", {"Retry-After": "500"}),
}


@pytest.mark.parametrize("fault", UPDATE_FAULTS)
def test_a_fault_in_update_is_told_and_loses_nothing(scene, fault):
    client = scene.in_session()
    client.ok("DELE 1")
    scene.jmap.spoil("/api", UPDATE_FAULTS[fault], times=99)
    assert client.quit() in {replies.UNKNOWN_OUTCOME, replies.PARTIAL_COMMIT}
    assert len(scene.jmap.inbox) == 3
    scene.serves_again()


def test_an_answer_lost_in_update_is_asked_for_again(scene):
    def lost(_, reply):
        reply.cut = 2
        return reply

    client = scene.in_session()
    client.ok("DELE 1")
    scene.jmap.spoil("/api", lambda _, reply: reply)
    scene.jmap.spoil("/api", lost)
    assert client.quit() == replies.removed(1)
    assert scene.messages == CORPUS[1:]


def test_what_the_server_keeps_is_told(scene):
    first = scene.jmap.inbox[0]
    client = scene.in_session()
    client.ok("DELE 1")
    client.ok("DELE 3")
    scene.jmap.refuse[first] = "forbidden"
    assert client.quit() == replies.PARTIAL_COMMIT
    assert scene.jmap.inbox == [first, scene.jmap.inbox[1]]


def test_a_client_that_drops_removes_nothing(scene):
    client = scene.in_session()
    client.ok("DELE 1")
    retrieve(client, 2)
    client.abort()
    scene.serves_again()
    assert len(scene.jmap.inbox) == 3


def test_a_token_that_is_refused_is_no_wrong_password(fake, tmp_path):
    token = tmp_path / "token"
    token.write_text("tok-1")
    fake.reset(CORPUS)
    fake.tokens = {"tok-1"}
    flags = ["--upstream-token-file", str(token)]
    url = f"jmap+http://127.0.0.1:{fake.port}"
    with RunningGateway(url, settings=QUICK, flags=flags) as gateway:
        scene = Scene.__new__(Scene)
        scene.jmap, scene.gateway, scene.user, scene.clients = fake, gateway, "kim", []
        client = scene.in_session()
        assert retrieve(client, 1) == ("whole", CORPUS[0])
        fake.tokens = {"tok-2"}
        assert retrieve(client, 3)[0] == "error"
        scene.login()
        assert scene.reply == reply_of(ConsentMissing)
        token.write_text("tok-2")
        assert retrieve(client, 3) == ("whole", CORPUS[2])
        client.quit()
        scene.serves_again()
        for each in scene.clients:
            each.close()
        assert "tok-1" not in gateway.log_text()
