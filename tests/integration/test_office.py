"""The office beside the workers: it sees all of them, and mail does not depend on it."""

import json
import os
import signal
import socket
import stat
import subprocess

import pytest

from tests.faults.scene import CORPUS, QUICK, Scene, retrieve
from tests.support import office
from tests.support.fake_imap import FakeImap, hang
from tests.support.gateway import RunningGateway, wait_until
from tests.support.ports import free_port

pytestmark = pytest.mark.servers
WORKERS = 2
METRICS = ["--metrics", "127.0.0.1:0"]
CONSOLE = ["--console", "127.0.0.1:0", "--accounts", "embedded"]


@pytest.fixture
def imap():
    with FakeImap() as server:
        yield server


@pytest.fixture
def start(imap):
    scenes = []

    def start(settings=None, workers=WORKERS, flags=METRICS, **more):
        running = RunningGateway(
            f"imap://127.0.0.1:{imap.port}",
            settings={**QUICK, **(settings or {})},
            workers=workers,
            flags=["--log-format", "json", *flags],
            **more,
        )
        scenes.append(Scene(imap, running))
        running.start()
        wait_until(lambda: office.get(health(running))[0] == 200, what="the office")
        return scenes[-1]

    yield start
    for scene in scenes:
        scene.close()
        log = scene.gateway.log_text()
        scene.gateway.close()
        assert "Traceback" not in log, log
        assert "internal_error" not in log, log


def health(gateway, name="healthz"):
    return f"{gateway.metrics.removesuffix('/metrics')}/{name}"


def on_every_worker(scene):
    """A logged-in client on each worker: the others are held while it answers."""
    found = []
    workers = scene.gateway.workers
    for number, pid in enumerate(workers):
        scene.gateway.hold_all_but(pid)
        found.append((scene.login(f"{scene.user}-{number}"), f"{scene.user}-{number}"))
    for pid in workers:
        os.kill(pid, signal.SIGCONT)
    return found


class TestSessions:
    def test_those_of_all_workers_are_seen(self, start):
        scene = start()
        clients = on_every_worker(scene)
        assert retrieve(clients[0][0], 1) == ("whole", CORPUS[0])
        seen = {each["user"]: each for each in office.sessions(scene.gateway, WORKERS)}
        assert set(seen) == {user for _, user in clients}
        assert {each["worker"] for each in seen.values()} == set(range(WORKERS))
        first = seen[clients[0][1]]
        assert first["state"] == "transaction"
        assert first["messages"] == 1
        assert first["octets"] == len(CORPUS[0])
        assert first["peer"] == "127.0.0.1"
        assert first["listener"] == "127.0.0.1:0"
        assert first["upstream"] == f"imap://127.0.0.1:{scene.imap.port}"
        assert (first["tls"], first["cipher"], first["legacy"]) == ("", "", False)

    def test_the_version_of_tls_is_seen(self, start, certificates):
        scene = start(certificates=certificates)
        with scene.gateway.client(tls=certificates.client_context()):
            (seen,) = office.sessions(scene.gateway, WORKERS)
        assert seen["tls"] == "TLSv1.3"
        assert seen["cipher"].startswith("TLS_")
        assert seen["state"] == "authorization"

    def test_ending_one_cuts_the_client_off_and_removes_nothing(self, start):
        scene = start()
        client = scene.login()
        client.ok("DELE 1")
        (seen,) = office.sessions(scene.gateway, WORKERS)
        place = f"sessions/{seen['number']}/end"
        assert office.worker(scene.gateway, seen["worker"], place, "-X", "POST")["ended"]
        assert client.rest() == b""
        assert scene.uids == [1, 2, 3]
        assert office.sessions(scene.gateway, WORKERS) == []
        scene.gateway.wait_for_log('"reason": "ended"')
        assert scene.login().stat()[0] == len(CORPUS)

    def test_one_in_update_is_left(self, start):
        scene = start()
        scene.imap.fault("STORE", hang, times=1)
        client = scene.login()
        client.ok("DELE 1")
        client.send(b"QUIT\r\n")
        scene.imap.wait_for(lambda: scene.imap.said("STORE"))
        (seen,) = office.sessions(scene.gateway, WORKERS)
        assert seen["state"] == "update"
        place = f"sessions/{seen['number']}/end"
        assert not office.worker(scene.gateway, seen["worker"], place, "-X", "POST")["ended"]
        assert client.line().startswith(b"-ERR [SYS/TEMP]")

    def test_one_that_is_not_there_is_not_ended(self, start):
        scene = start()
        assert not office.worker(scene.gateway, 0, "sessions/77/end", "-X", "POST")["ended"]

    def test_nobody_else_on_the_machine_can_reach_the_workers(self, start):
        scene = start()
        run = scene.gateway.directory / "state" / "run"
        assert stat.S_IMODE(run.stat().st_mode) == 0o700
        assert stat.S_IMODE((run / "worker-0.sock").stat().st_mode) == 0o600


class TestProcesses:
    def test_it_is_there_beside_a_single_worker_too(self, start):
        scene = start(workers=1)
        assert len(scene.gateway.processes) == 3
        assert scene.login().quit().startswith(b"+OK")
        assert office.metrics(scene.gateway)["pop3_gateway_connections_total"] == 1

    def test_its_death_is_no_business_of_the_mail_and_it_comes_back(self, start):
        scene = start()
        client = scene.login()
        before = scene.gateway.office
        os.kill(before, signal.SIGKILL)
        assert client.stat()[0] == len(CORPUS)
        client.ok("DELE 1")
        assert client.quit().startswith(b"+OK")
        assert scene.login().quit().startswith(b"+OK")
        scene.gateway.wait_for_log("the office was killed by SIGKILL; starting another")
        wait_until(lambda: office.get(health(scene.gateway))[0] == 200, what="the office")
        assert scene.gateway.office not in {None, before}
        assert office.metrics(scene.gateway)["pop3_gateway_messages_removed_total"] == 1

    def test_one_that_hangs_ends_with_the_others(self, start):
        scene = start()
        os.kill(scene.gateway.office, signal.SIGSTOP)
        assert scene.login().quit().startswith(b"+OK")
        scene.gateway.terminate()
        assert scene.gateway.wait() == 0
        assert scene.gateway.processes == []

    def test_it_looks_on_while_workers_drain(self, start):
        scene = start()
        scene.imap.fault("STORE", hang, times=1)
        client = scene.login()
        client.ok("DELE 1")
        client.send(b"QUIT\r\n")
        scene.imap.wait_for(lambda: scene.imap.said("STORE"))
        scene.gateway.terminate()
        wait_until(
            lambda: office.get(health(scene.gateway, "readyz"))[0] == 503, what="the drain"
        )
        assert scene.gateway.wait() == 0
        assert scene.gateway.processes == []

    def test_no_pop3_client_queues_up_at_it_while_workers_drain(self, start):
        scene = start()
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

    def test_ctrl_c_in_a_terminal_is_one_stop(self, start):
        scene = start()
        os.killpg(scene.gateway.pid, signal.SIGINT)
        assert scene.gateway.wait() == 0
        assert "starting another" not in scene.gateway.log_text()

    def test_it_ends_with_its_parent(self, start):
        scene = start()
        os.kill(scene.gateway.pid, signal.SIGKILL)
        wait_until(lambda: not scene.gateway.processes, what="all to end")

    def test_without_it_there_is_nothing_of_it(self, imap):
        with RunningGateway(f"imap://127.0.0.1:{imap.port}", workers=WORKERS) as running:
            assert len(running.processes) == 1 + WORKERS
            assert running.office is None
            assert not (running.directory / "state" / "run").exists()

    def test_two_gateways_do_not_share_one(self, start, imap):
        scene = start()
        state = str(scene.gateway.directory / "state")
        other = RunningGateway(
            f"imap://127.0.0.1:{imap.port}", flags=[*METRICS, "--state-dir", state]
        )
        try:
            other.launch()
            assert other.wait() == 1
            (line,) = other.log_text().splitlines()
            assert "another gateway" in line
            assert "--state-dir" in line
        finally:
            other.close()
        assert office.get(health(scene.gateway))[0] == 200

    def test_a_state_directory_with_a_long_name_will_do(self, imap, tmp_path):
        state = tmp_path / ("x" * 120)
        flags = [*METRICS, "--state-dir", str(state)]
        with RunningGateway(
            f"imap://127.0.0.1:{imap.port}", flags=flags, workers=WORKERS
        ) as running:
            wait_until(
                lambda: office.get(health(running, "readyz"))[0] == 200, what="the office"
            )
            assert (state / "run" / "worker-1.sock").is_socket()

    def test_a_port_that_is_taken_is_one_clear_line(self, imap):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            place = f"127.0.0.1:{taken.getsockname()[1]}"
            running = RunningGateway(
                f"imap://127.0.0.1:{imap.port}",
                flags=["--console", place, "--accounts", "embedded"],
            )
            try:
                running.launch()
                assert running.wait() == 1
                (line,) = running.log_text().splitlines()
                assert place in line
            finally:
                running.close()


class TestHealth:
    def test_a_worker_that_dies_is_missed_until_it_is_back(self, start):
        scene = start()
        url = health(scene.gateway, "readyz")
        assert office.get(url) == (200, "ok: 2 of 2 workers let clients in\n")
        os.kill(scene.gateway.workers[0], signal.SIGKILL)
        wait_until(
            lambda: office.get(url) == (503, "not ok: 1 of 2 workers let clients in\n"),
            what="the loss to be seen",
        )
        assert office.get(health(scene.gateway)) == (200, "ok: 1 of 2 workers answer\n")
        wait_until(lambda: office.get(url)[0] == 200, what="another worker")
        name = "pop3_gateway_worker_restarts_total"
        assert office.metrics(scene.gateway)[name] == 1

    def test_workers_that_hang_are_missed(self, start):
        scene = start()
        for pid in scene.gateway.workers:
            os.kill(pid, signal.SIGSTOP)
        try:
            told = (503, "not ok: 0 of 2 workers answer\n")  # a second later at the latest
            wait_until(lambda: office.get(health(scene.gateway)) == told, what="the answer")
            found = office.metrics(scene.gateway)
            assert found['pop3_gateway_workers{state="answering"}'] == 0
            assert found['pop3_gateway_workers{state="expected"}'] == WORKERS
        finally:
            for pid in scene.gateway.workers:
                os.kill(pid, signal.SIGCONT)


class TestMetrics:
    def test_those_of_all_workers_add_up(self, start):
        scene = start()
        clients = on_every_worker(scene)
        for number, (client, _) in enumerate(clients):
            assert retrieve(client, 1) == ("whole", CORPUS[0])
            if number == 0:
                client.ok("DELE 1")
        found = office.metrics(scene.gateway)
        assert found['pop3_gateway_sessions_now{worker="0"}'] == 1
        assert found['pop3_gateway_sessions_now{worker="1"}'] == 1
        for client, _ in clients:
            assert client.quit().startswith(b"+OK")
        wait_until(lambda: scene.gateway.log_text().count('"closed"') == WORKERS, what="ends")
        found = office.metrics(scene.gateway)
        upstream = f"imap://127.0.0.1:{scene.imap.port}"
        expected = {
            "pop3_gateway_connections_total": WORKERS,
            f'pop3_gateway_logins_total{{result="ok",upstream="{upstream}"}}': WORKERS,
            "pop3_gateway_messages_retrieved_total": WORKERS,
            "pop3_gateway_octets_retrieved_total": WORKERS * len(CORPUS[0]),
            "pop3_gateway_messages_removed_total": 1,
            'pop3_gateway_sessions_total{reason="client"}': WORKERS,
            "pop3_gateway_session_seconds_count": WORKERS,
            'pop3_gateway_sessions_now{worker="0"}': 0,
            'pop3_gateway_logins_by_tls_total{tls="none"}': WORKERS,
        }
        assert {name: found.get(name) for name in expected} == expected

    def test_a_killed_worker_takes_no_count_with_it(self, start):
        scene = start()
        for client, _ in on_every_worker(scene):
            assert client.quit().startswith(b"+OK")
        name = "pop3_gateway_connections_total"
        wait_until(lambda: office.metrics(scene.gateway)[name] == WORKERS, what="counts")
        for pid in scene.gateway.workers:
            os.kill(pid, signal.SIGKILL)
        url = health(scene.gateway, "readyz")
        wait_until(lambda: office.get(url)[0] == 200, what="new workers")
        assert scene.login().quit().startswith(b"+OK")
        assert office.metrics(scene.gateway)[name] == WORKERS + 1

    def test_prometheus_finds_nothing_wrong_with_the_page(self, start):
        scene = start()
        assert scene.login().quit().startswith(b"+OK")
        _, text = office.get(scene.gateway.metrics)
        shown = subprocess.run(
            ["promtool", "check", "metrics"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", "")


class TestAddresses:
    def test_the_ready_line_has_the_console_s_url(self, start):
        scene = start(flags=CONSOLE)
        assert scene.gateway.ready_line.startswith("pop3-gateway ready: pop3 127.0.0.1:")
        assert scene.gateway.console.startswith("http://127.0.0.1:")
        assert office.get(f"{scene.gateway.console}/setup")[0] == 200

    def test_metrics_are_not_at_the_console_s_address(self, start):
        scene = start(flags=[*CONSOLE, "--metrics", f"127.0.0.1:{free_port()}"])
        assert "pop3_gateway_" not in office.get(f"{scene.gateway.console}/metrics")[1]
        assert "pop3_gateway_" in office.get(scene.gateway.metrics)[1]
        assert office.get(health(scene.gateway, ""))[0] == 404

    def test_unless_they_are_to_be_there(self, start, certificates):
        place = f"127.0.0.1:{free_port()}"
        pair = certificates.server
        console = {"cert": str(pair.certificate), "key": str(pair.key)}
        flags = ["--console", place, "--metrics", place, "--accounts", "embedded"]
        scene = start({"console": console}, flags=flags)
        assert f"console https://{place}" in scene.gateway.ready_line
        assert "metrics" not in scene.gateway.ready_line
        assert "pop3_gateway_" in office.get(f"https://{place}/metrics")[1]
        assert office.get(f"https://{place}/setup")[0] == 200

    def test_the_console_s_certificate_is_read_again(self, start, certificates):
        pair = certificates.server
        console = {"cert": str(pair.certificate), "key": str(pair.key)}
        scene = start({"console": console}, flags=CONSOLE)
        before = pair.certificate.read_bytes()
        try:
            pair.certificate.write_text("broken")
            scene.gateway.signal(signal.SIGHUP)
            scene.gateway.wait_for_log(str(pair.certificate))
        finally:
            pair.certificate.write_bytes(before)
        assert office.get(f"{scene.gateway.console}/setup")[0] == 200

    def test_a_pop3_client_may_offer_a_protocol_inside_tls(self, start, certificates):
        """Browsers and curl offer HTTP's by ALPN, some mail programs `pop3`."""
        scene = start(certificates=certificates)
        context = certificates.client_context()
        context.set_alpn_protocols(["pop3"])
        with scene.gateway.client(tls=context) as client:
            assert client.greeting.startswith(b"+OK")


class TestClosed:
    def test_one_line_tells_all_of_a_session(self, start):
        scene = start()
        client = scene.login()
        assert retrieve(client, 1) == ("whole", CORPUS[0])
        client.ok("DELE 1")
        assert client.quit().startswith(b"+OK")
        scene.gateway.wait_for_log('"event": "closed"')
        (told,) = [line for line in lines(scene) if line["event"] == "closed"]
        assert told.pop("seconds") > 0
        for name in ("timestamp", "session", "worker"):
            assert name in told
            told.pop(name)
        assert told == {
            "event": "closed",
            "level": "info",
            "user": scene.user,
            "peer": "127.0.0.1",
            "account": "",
            "device": "",
            "listener": "127.0.0.1:0",
            "tls": "",
            "upstream": "",
            "login": "ok",
            "retrieved": 1,
            "octets": len(CORPUS[0]),
            "removed": 1,
            "kept": 0,
            "reason": "client",
        }

    def test_a_refused_login_is_in_it(self, start):
        scene = start()
        scene.imap.passwords = {}
        assert scene.try_login().startswith(b"-ERR [AUTH]")
        scene.close()
        scene.gateway.wait_for_log('"event": "closed"')
        (told,) = [line for line in lines(scene) if line["event"] == "closed"]
        assert (told["login"], told["user"]) == ("BadCredentials", scene.user)


def lines(scene):
    return [
        json.loads(line) for line in scene.gateway.log_text().splitlines() if line[0] == "{"
    ]
