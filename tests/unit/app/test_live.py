"""Asking workers at their hatches: real sockets, and workers that are no good."""

import contextlib
import socket
import threading

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from gateway.admin.live import Sample, Trouble, UpstreamHealth
from gateway.app import live as module
from gateway.app.hatch import Hatch
from gateway.app.live import WorkersLive
from gateway.app.watch import Watch
from gateway.server.events import LoggedIn, LoginFailed
from gateway.server.record import Facts

OURS = "imaps://ours"


class FakeServer:
    def __init__(self, *facts):
        self.facts = facts
        self.accepting = True
        self.ended = []

    def live(self):
        return list(self.facts)

    def end(self, number):
        self.ended.append(number)
        return number == 1


class Past:
    all = (Sample(1, 2, 3, 4, 5, 6, 7),)

    @staticmethod
    def running():
        return Sample(8, 2, 0, 0, 1, 9, 0)


def facts(number, age, user="ann", state="transaction", upstream=""):
    return Facts(
        number, "192.0.2.1", "x", "", "", False, user, "", "", upstream, age, state, 1, 2
    )


class Bench:
    def __init__(self, directory, reactor):
        self.directory = directory
        self.reactor = reactor
        self.now = 1000.0
        self.hatches = []
        self.watches = []
        self.own = Watch(OURS, lambda: self.now)

    def path(self, number):
        return str(self.directory / f"{number}")

    async def worker(self, *given):
        number = len(self.hatches)
        server = FakeServer(*given)
        self.watches.append(Watch(OURS, lambda: self.now))
        hatch = Hatch(number, server, self.watches[-1], OURS, lambda: self.now)
        await hatch.open(self.path(number), self.reactor)
        self.hatches.append(hatch)
        return server

    def live(self, count=None):
        count = len(self.hatches) if count is None else count
        paths = [self.path(number) for number in range(count)]
        return WorkersLive(paths, self.own, Past(), self.reactor)


@pytest_twisted.async_yield_fixture
async def bench(tmp_path, monkeypatch):
    from twisted.internet import reactor

    monkeypatch.setattr(module, "_SECONDS", 0.5)
    made = Bench(tmp_path, reactor)
    yield made
    for hatch in made.hatches:
        await hatch.close()


@pytest_twisted.ensureDeferred
async def test_sessions_of_all_the_oldest_first(bench):
    await bench.worker(facts(1, 5), facts(2, 50, user="", state="authorization"))
    await bench.worker(facts(1, 20, upstream="imaps://other"))
    found = await bench.live().sessions()
    assert [(each.worker, each.number, each.since) for each in found] == [
        (0, 2, 950),
        (1, 1, 980),
        (0, 1, 995),
    ]
    assert [each.upstream for each in found] == ["", "imaps://other", OURS]


@pytest_twisted.ensureDeferred
async def test_no_more_than_a_thousand(bench):
    await bench.worker(*(facts(number, 5) for number in range(600)))
    await bench.worker(*(facts(number, 6) for number in range(600)))
    found = await bench.live().sessions()
    assert len(found) == 1000
    assert [each.worker for each in found].count(1) == 600


@pytest_twisted.ensureDeferred
async def test_ending_goes_to_the_worker_that_has_it(bench):
    first, second = await bench.worker(), await bench.worker()
    live = bench.live()
    assert await live.end(1, 1)
    assert not await live.end(1, 2)
    assert (first.ended, second.ended) == ([], [1, 2])


@pytest.mark.parametrize("worker", [-1, 2, 99])
@pytest_twisted.ensureDeferred
async def test_of_a_worker_that_is_not_there_nothing_is_ended(bench, worker):
    await bench.worker()
    assert not await bench.live(2).end(worker, 1)


@pytest_twisted.ensureDeferred
async def test_troubles_of_all_and_its_own_the_newest_first(bench):
    for _ in range(2):
        await bench.worker()
    for watch in [*bench.watches, bench.own]:
        bench.now += 1
        watch(LoginFailed("ann", "Unavailable", "why", ""), {"peer": "192.0.2.1"})
    found = await bench.live().troubles()
    assert [each.at for each in found] == [1003, 1002, 1001]
    assert found[0] == Trouble(
        1003, "login_failed", "Unavailable", "ann", "192.0.2.1", OURS, "why"
    )


@pytest_twisted.ensureDeferred
async def test_upstreams_as_the_latest_of_all_saw_them(bench):
    for _ in range(2):
        await bench.worker()
    one, two = bench.watches
    one(LoggedIn(1, 1, 0.1, "", ""), {})
    bench.now = 1010
    two(LoggedIn(1, 1, 0.1, "", ""), {})
    one(LoginFailed("ann", "Unavailable", "first", ""), {})
    bench.now = 1020
    two(LoginFailed("ann", "Misconfigured", "second", ""), {})
    two(LoggedIn(1, 1, 0.1, "", "imaps://another"), {})
    assert await bench.live().upstreams() == [
        UpstreamHealth("imaps://another", 1020, None, "", ""),
        UpstreamHealth(OURS, 1010, 1020, "Misconfigured", "second"),
    ]


@pytest_twisted.ensureDeferred
async def test_samples_are_the_office_s_own(bench):
    assert await bench.live(0).samples() == [*Past.all, Past.running()]


@pytest_twisted.ensureDeferred
async def test_workers_that_drain_answer_and_do_not_accept(bench):
    server = await bench.worker()
    await bench.worker()
    server.accepting = False
    live = bench.live()
    assert await live.workers() == (2, 2)
    assert await live.accepting() == 1


def _deaf(path):
    """Takes connections and never answers."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    return listening


def _talking(path, answer):
    listening = _deaf(path)

    def serve():
        with contextlib.suppress(OSError):
            connection, _ = listening.accept()
            connection.recv(1 << 16)
            connection.sendall(answer)
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return listening


@pytest_twisted.ensureDeferred
async def test_one_that_hangs_is_left_out(bench):
    await bench.worker(facts(1, 5))
    with _deaf(bench.path(1)):
        live = bench.live(2)
        assert await live.workers() == (1, 2)
        assert len(await live.sessions()) == 1
        assert not await live.end(1, 1)


@pytest_twisted.ensureDeferred
async def test_one_that_is_not_there_is_left_out(bench):
    await bench.worker(facts(1, 5))
    live = bench.live(3)
    assert await live.workers() == (1, 3)
    assert len(await live.sessions()) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n[]",
    ],
)
@pytest_twisted.ensureDeferred
async def test_one_that_talks_nonsense_is_left_out(bench, answer):
    await bench.worker(facts(1, 5))
    with _talking(bench.path(1), answer):
        assert len(await bench.live(2).sessions()) == 1


@pytest_twisted.ensureDeferred
async def test_one_that_stops_in_the_middle_is_left_out_and_hung_up_on(bench):
    await bench.worker(facts(1, 5))
    closed = threading.Event()
    with _deaf(bench.path(1)) as listening:

        def begin():
            connection, _ = listening.accept()
            connection.recv(1 << 16)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[")
            assert connection.recv(1) == b""
            closed.set()
            connection.close()

        threading.Thread(target=begin, daemon=True).start()
        assert len(await bench.live(2).sessions()) == 1
        await deferToThread(closed.wait, 10)
        assert closed.is_set()


@pytest_twisted.ensureDeferred
async def test_a_socket_of_a_dead_worker_is_replaced(bench):
    _deaf(bench.path(0)).close()
    await bench.worker(facts(1, 5))
    assert len(await bench.live().sessions()) == 1
