"""Several workers on one port are one gateway to their clients."""

import os
import re
import signal
import socket

import pytest

from gateway.errors import MaildropBusy, Throttled
from gateway.pop3 import replies
from tests.faults.scene import CORPUS, QUICK, Scene, reply_of
from tests.support.fake_imap import FakeImap, hang
from tests.support.gateway import RunningGateway, wait_until
from tests.support.ports import free_port

pytestmark = pytest.mark.servers
WORKERS = 3


@pytest.fixture
def imap():
    with FakeImap() as server:
        yield server


@pytest.fixture
def start(imap):
    scenes = []

    def start(settings=None, workers=WORKERS, **more):
        merged = {**QUICK, **(settings or {})}
        more.setdefault("flags", ["--log-level", "debug"])
        running = RunningGateway(
            f"imap://127.0.0.1:{imap.port}", settings=merged, workers=workers, **more
        )
        scenes.append(Scene(imap, running))
        running.start()
        return scenes[-1]

    yield start
    for scene in scenes:
        scene.close()
        log = scene.gateway.log_text()
        scene.gateway.close()
        assert "Traceback" not in log, log
        assert "internal_error" not in log, log


def worker_of(scene, client, user):
    """Which worker serves a client that is logged in."""
    pattern = rf"logged_in .*user={user}\b.*"
    wait_until(lambda: re.search(pattern, scene.gateway.log_text()), what="the log")
    line = re.findall(pattern, scene.gateway.log_text())[-1]
    return int(re.search(r"worker=(\d+)", line)[1])


def users_of_each_worker(scene):
    """Logged-in clients by worker, one of each: the others are held while it answers."""
    found = {}
    workers = scene.gateway.workers
    for pid in workers:
        user = f"{scene.user}-{pid}"
        scene.gateway.hold_all_but(pid)
        client = scene.login(user)
        found[worker_of(scene, client, user)] = client, user
    for pid in workers:
        os.kill(pid, signal.SIGCONT)
    assert len(found) == WORKERS
    return found


def test_all_of_them_serve_and_show_the_same(start):
    scene = start()
    assert len(scene.gateway.workers) == WORKERS
    for client, _ in users_of_each_worker(scene).values():
        assert client.stat()[0] == len(CORPUS)
        assert len(client.lines("UIDL")) == len(CORPUS)
        assert client.quit().startswith(b"+OK")


def test_the_default_is_one_for_each_processor(start):
    scene = start(workers=None)
    assert len(scene.gateway.workers) == len(os.sched_getaffinity(0))


def test_one_worker_is_one_process(start):
    scene = start(workers=1)
    assert scene.gateway.processes == [scene.gateway.pid]
    assert scene.login().quit().startswith(b"+OK")


def test_a_maildrop_is_in_use_whichever_worker_answers(start):
    scene = start()
    holder = scene.login()
    for _ in range(12):
        assert scene.try_login() == reply_of(MaildropBusy)
    assert scene.try_login(user=scene.user.upper()) == reply_of(MaildropBusy)
    assert holder.quit().startswith(b"+OK")
    for _ in range(6):
        assert scene.login().quit().startswith(b"+OK")


def test_who_has_read_the_answer_to_quit_may_come_back_at_once(start):
    """To another worker too: the lease is free before the answer leaves."""
    scene = start()
    for number in range(150):
        client = scene.login()
        if number % 50 == 49 and client.stat()[0]:
            client.ok("DELE 1")
        assert client.quit().startswith(b"+OK")


def test_a_killed_worker_frees_its_leases_at_once_and_is_replaced(start):
    scene = start()
    held = users_of_each_worker(scene)
    before = scene.gateway.workers
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: before[0] not in scene.gateway.processes, what="its end")
    gone = [user for client, user in held.values() if is_cut(client)]
    assert len(gone) == 1
    assert scene.login(gone[0]).quit().startswith(b"+OK")
    scene.gateway.wait_for_log("was killed by SIGKILL; starting another")
    wait_until(lambda: len(scene.gateway.workers) == WORKERS, what="another worker")
    assert scene.gateway.running
    for client, user in held.values():
        if user not in gone:
            assert client.stat()[0] == len(CORPUS)


def is_cut(client):
    try:
        client.send(b"NOOP\r\n")
        return client.line() == b""
    except OSError:
        return True


def test_a_worker_killed_in_update_is_settled_by_any_other(start):
    scene = start()
    scene.imap.fault("STORE", hang, times=1)
    client = scene.login()
    number = worker_of(scene, client, scene.user)
    client.ok("DELE 1")
    client.ok("DELE 3")
    client.send(b"QUIT\r\n")
    scene.imap.wait_for(lambda: scene.imap.said("STORE"))
    pids = scene.gateway.workers  # in the order of their start
    os.kill(pids[number], signal.SIGKILL)
    assert client.rest() == b""
    assert scene.login().lines("UIDL") == [b"1 1000.2"]
    assert scene.uids == [2]
    scene.gateway.wait_for_log("interrupted_update_settled")


def test_sigterm_drains_all_of_them(start):
    scene = start()
    held = users_of_each_worker(scene)
    (leaver, _), *others = held.values()

    def wait(session, reply, carry_out):
        session.server.stopping.wait(0.4)
        carry_out()

    scene.imap.fault("STORE", wait, times=1)
    leaver.ok("DELE 1")
    leaver.send(b"QUIT\r\n")
    scene.imap.wait_for(lambda: scene.imap.said("STORE"))
    scene.gateway.terminate()
    for client, _ in others:
        assert client.rest() == b""
    assert leaver.line().startswith(b"+OK 1 message removed")
    assert scene.gateway.wait() == 0
    assert scene.gateway.processes == []
    assert scene.uids == [2, 3]


def test_while_it_drains_nobody_queues_up_at_a_socket_that_is_not_served(start):
    scene = start({"limits": {"drain_timeout": 5}})
    scene.imap.fault("STORE", hang, times=1)
    client = scene.login()
    client.ok("DELE 1")
    client.send(b"QUIT\r\n")
    scene.imap.wait_for(lambda: scene.imap.said("STORE"))
    scene.gateway.terminate()

    def refused():
        try:
            socket.create_connection(("127.0.0.1", scene.gateway.port), 1).close()
        except ConnectionRefusedError:
            return True
        return False

    wait_until(refused, timeout=0.7, what="the port to be closed")
    assert scene.gateway.running


@pytest.mark.parametrize("workers", [1, WORKERS])
def test_two_signals_to_stop_are_like_one(start, workers):
    """Ctrl-C in a terminal reaches every process, and the parent passes it on."""
    scene = start(workers=workers)
    scene.login()
    os.killpg(scene.gateway.pid, signal.SIGINT)
    scene.gateway.terminate()
    assert scene.gateway.wait() == 0


def test_the_parent_s_death_ends_the_workers(start):
    scene = start()
    client = scene.login()
    os.kill(scene.gateway.pid, signal.SIGKILL)
    assert client.rest() == b""
    wait_until(lambda: not scene.gateway.processes, what="the workers' end")


def test_a_worker_that_cannot_start_is_one_clear_line_and_status_1(imap, tmp_path):
    (tmp_path / "journal.sqlite").mkdir()
    running = RunningGateway(
        f"imap://127.0.0.1:{imap.port}", workers=WORKERS, flags=["--state-dir", str(tmp_path)]
    )
    try:
        running.launch()
        assert running.wait() == 1
        (line,) = running.log_text().splitlines()
        assert line.startswith("pop3-gateway: cannot serve: cannot keep the journal in")
        assert "--state-dir" in line
        assert running.processes == []
        assert running.ready_line == ""
    finally:
        running.close()


def test_a_port_that_is_taken_is_told_before_there_are_workers(imap):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        running = RunningGateway(
            f"imap://127.0.0.1:{imap.port}", workers=WORKERS, listeners=["--listen", place]
        )
        try:
            running.launch()
            assert running.wait() == 1
            (line,) = running.log_text().splitlines()
            assert place in line
        finally:
            running.close()


@pytest.mark.parametrize("limit", ["connections", "connections_per_address"])
def test_limits_hold_for_all_of_them_together(start, limit):
    scene = start({"limits": {limit: 5}})
    held = [greeted(scene) for _ in range(5)]
    assert all(line.startswith(b"+OK") for _, line in held)
    for _ in range(6):
        refused, line = greeted(scene)
        assert line == replies.TOO_MANY_CONNECTIONS
        refused.close()
    held.pop(2)[0].close()

    def let_in():
        held.append(greeted(scene))
        return held[-1][1].startswith(b"+OK")

    wait_until(let_in, timeout=5, what="room")
    for connection, _ in held:
        connection.close()


def greeted(scene):
    """A connection, and the first line on it."""
    connection = socket.create_connection(("127.0.0.1", scene.gateway.port), 10)
    with connection.makefile("rb") as lines:
        return connection, lines.readline()


def test_login_delay_holds_whichever_worker_answers(start):
    scene = start({"pop3": {"login_delay": 3600}})
    assert scene.login().quit().startswith(b"+OK")
    for _ in range(9):
        assert scene.try_login() == reply_of(Throttled)
    assert scene.login("somebody").quit().startswith(b"+OK")


def test_the_index_is_shared(start):
    scene = start({"upstream": {**QUICK["upstream"], "warm": {"seconds": 0}}})
    assert scene.login().quit().startswith(b"+OK")
    scene.imap.heard.clear()
    for _ in range(9):
        assert scene.login().quit().startswith(b"+OK")
    assert not scene.imap.said("FETCH")
    scene.imap.inbox.add(b"new")
    for _ in range(6):
        assert scene.login().stat()[0] == len(CORPUS) + 1
        scene._clients[-1].quit()
    assert len(scene.imap.said("FETCH")) == 1


def test_systemd_sockets_are_for_all_workers(imap, start):
    port = free_port()
    with socket.create_server(("127.0.0.1", port), backlog=64) as listening:
        scene = start(
            sockets=[listening],
            listeners=["--listen", "systemd:pop3"],
            environment={**os.environ, "LISTEN_FDNAMES": "pop3"},
        )
        scene.gateway.port = port
        users_of_each_worker(scene)


def test_sighup_reaches_all_of_them(start, certificates):
    scene = start(certificates=certificates)
    pair = certificates.server
    before = pair.certificate.read_bytes()
    pids = scene.gateway.processes
    try:
        pair.certificate.write_text("broken")
        scene.gateway.signal(signal.SIGHUP)
        text = str(pair.certificate)
        wait_until(lambda: scene.gateway.log_text().count(text) >= WORKERS, what="complaints")
    finally:
        pair.certificate.write_bytes(before)
    assert scene.gateway.processes == pids
    assert scene.login().quit().startswith(b"+OK")
