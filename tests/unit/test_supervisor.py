"""The parent of the workers, with workers that do next to nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import os, signal, sys, time
from gateway import supervisor

supervisor._RESTART_SECONDS = 0.05
events = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def say(text):
    os.write(events, (text + chr(10)).encode())

class Work:
    def __call__(self, post):
        def stop(*_):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            say(f"{post.number} stops")
            time.sleep(STOPPING)
            os._exit(0)
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGHUP, lambda *_: say(f"{post.number} reloads"))
        say(f"{post.number} is {os.getpid()}")
        status = START(post)
        if status is not None:
            return status
        with os.fdopen(post.ready, "w") as report:
            report.write("ready here" + chr(10))
        say(f"{post.number} serves")
        os.read(post.life, 1)
        say(f"{post.number} is alone")
        return 0

def office(life):
    say(f"9 is {os.getpid()}")
    signal.signal(signal.SIGTERM, lambda *_: (say("office stops"), os._exit(0)))
    signal.signal(signal.SIGHUP, lambda *_: say("office reloads"))
    OFFICE()
    os.read(life, 1)
    say("office is alone")
    return 0

STOPPING = 0
OFFICE = lambda: None
WANTED = None
START = lambda post: None
exec(sys.argv[3])
count = int(sys.argv[1])
lost = lambda number: say(f"lost {number}")
parent = supervisor.Supervisor(count, Work(), lost, lambda: say("stopping"), WANTED)
sys.exit(parent.run())
"""


class Family:
    def __init__(self, directory, count=2, change=""):
        self.events_path = directory / "events"
        self.events_path.touch()
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(count), str(self.events_path), change],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_for(self, text, count=1, seconds=20):
        deadline = time.monotonic() + seconds
        while self.events_path.read_text().count(text) < count:
            assert time.monotonic() < deadline, (text, self.events_path.read_text())
            time.sleep(0.005)

    def pids(self):
        """The newest process of each worker."""
        lines = [line.split(" is ") for line in self.events_path.read_text().splitlines()]
        return {int(one[0]): int(one[1]) for one in lines if one[1:] and one[1].isdigit()}

    def ready(self):
        return self.process.stdout.readline()

    def signal(self, number):
        self.process.send_signal(number)

    def end(self, seconds=20):
        """Exit status, standard output, standard error."""
        output, error = self.process.communicate(timeout=seconds)
        return self.process.returncode, output, error

    def nobody_is_left(self):
        deadline = time.monotonic() + 10
        for pid in self.pids().values():
            while alive(pid):
                assert time.monotonic() < deadline, pid
                time.sleep(0.005)


def alive(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return stat.rpartition(b")")[2].split()[0] not in b"ZX"


@pytest.fixture
def start(tmp_path):
    made = []

    def start(*args):
        made.append(Family(tmp_path, *args))
        return made[-1]

    yield start
    for family in made:
        for pid in [family.process.pid, *family.pids().values()]:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        family.process.wait()
        family.process.stdout.close()
        family.process.stderr.close()


def test_one_ready_line_when_all_are_ready(start):
    family = start(3)
    assert family.ready() == "ready here\n"
    assert sorted(family.pids()) == [0, 1, 2]
    assert len(set(family.pids().values())) == 3
    family.signal(signal.SIGTERM)
    assert family.end() == (0, "", "")
    family.nobody_is_left()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_stop_reaches_all_and_all_are_waited_for(start, number):
    family = start(2, "STOPPING = 0.3")
    family.ready()
    family.signal(number)
    assert family.end() == (0, "", "")
    text = family.events_path.read_text()
    assert (text.count("0 stops"), text.count("1 stops")) == (1, 1)
    assert "lost" not in text
    assert text.index("stopping") < text.index("0 stops")


def test_signals_may_be_repeated_while_workers_end(start):
    family = start(4, "STOPPING = 0.05")
    family.ready()
    while family.process.poll() is None:
        family.signal(signal.SIGTERM)
        time.sleep(0.01)
        family.signal(signal.SIGHUP)
    status, _, error = family.end()
    assert (status, error) == (0, "")


def test_sighup_reaches_all(start):
    family = start(3)
    family.ready()
    family.signal(signal.SIGHUP)
    for worker in range(3):
        family.wait_for(f"{worker} reloads")
    assert family.process.poll() is None


def test_sighup_harms_nobody_who_is_just_starting(start):
    family = start(2, "START = lambda post: time.sleep(0.5) if post.number else None")
    family.wait_for("1 is")
    family.signal(signal.SIGHUP)
    assert family.ready() == "ready here\n"


@pytest.mark.parametrize(
    ("death", "told"),
    [(signal.SIGKILL, "was killed by SIGKILL"), (signal.SIGTERM, "ended with status 0")],
)
def test_a_worker_that_ends_is_replaced_and_the_others_stay(start, death, told):
    family = start(2)
    family.ready()
    before = family.pids()
    os.kill(before[1], death)
    family.wait_for("1 is", 2)
    family.wait_for("lost 1")
    after = family.pids()
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)
    family.signal(signal.SIGTERM)
    status, output, error = family.end()
    assert (status, output) == (0, "")
    assert error == f"pop3-gateway: worker 1 {told}; starting another\n"


def test_a_worker_with_a_defect_is_replaced_again_and_again(start):
    family = start(
        1, "START = lambda post: 1 / 0 if os.path.getsize(sys.argv[2]) > 20 else None"
    )
    family.ready()
    os.kill(family.pids()[0], signal.SIGKILL)
    family.wait_for("0 is", 5)
    family.signal(signal.SIGTERM)
    status, _, error = family.end()
    assert status == 0
    assert "ZeroDivisionError" in error
    family.nobody_is_left()


def test_a_worker_that_cannot_start_ends_all_with_status_1(start):
    family = start(3, "START = lambda post: 7 if post.number == 2 else None")
    status, output, error = family.end()
    assert (status, output, error) == (1, "", "")
    family.nobody_is_left()


def test_a_signal_to_stop_during_the_start_is_no_failure(start):
    family = start(2, "START = lambda post: time.sleep(30) if post.number else None")
    family.wait_for("1 is")
    family.signal(signal.SIGTERM)
    assert family.end() == (0, "", "")
    family.nobody_is_left()


def test_workers_see_the_end_of_their_parent(start):
    family = start(3)
    family.ready()
    family.signal(signal.SIGKILL)
    for worker in range(3):
        family.wait_for(f"{worker} is alone")
    family.nobody_is_left()


def test_a_restarted_worker_sees_it_too(start):
    family = start(2)
    family.ready()
    os.kill(family.pids()[0], signal.SIGKILL)
    family.wait_for("0 serves", 2)
    family.signal(signal.SIGKILL)
    for worker in range(2):
        family.wait_for(f"{worker} is alone")
    family.nobody_is_left()


def test_a_stop_between_death_and_restart_starts_nobody(start):
    family = start(2, "supervisor._RESTART_SECONDS = 0.4")
    family.ready()
    os.kill(family.pids()[0], signal.SIGKILL)
    family.wait_for("lost 0")
    family.signal(signal.SIGTERM)
    assert family.end()[0] == 0
    assert family.events_path.read_text().count("0 is") == 1
    family.nobody_is_left()


class TestOffice:
    WANTED = "WANTED = office\n"

    def test_it_is_told_to_stop_when_the_workers_are_gone(self, start):
        family = start(2, f"{self.WANTED}STOPPING = 0.3")
        family.wait_for("9 is")
        assert family.ready() == "ready here\n"
        family.signal(signal.SIGTERM)
        assert family.end() == (0, "", "")
        text = family.events_path.read_text()
        assert text.index("office stops") > text.index("1 stops")
        family.nobody_is_left()

    def test_the_others_are_ready_without_it(self, start):
        family = start(2, f"{self.WANTED}OFFICE = lambda: time.sleep(60)")
        assert family.ready() == "ready here\n"

    def test_it_reloads_too(self, start):
        family = start(1, self.WANTED)
        family.wait_for("9 is")
        family.signal(signal.SIGHUP)
        family.wait_for("office reloads")

    @pytest.mark.parametrize(
        ("defect", "told"),
        [("1 / 0", "ended with status 1"), ("os.abort()", "was killed by SIGABRT")],
    )
    def test_one_that_dies_again_and_again_harms_nobody(self, start, defect, told):
        family = start(2, f"{self.WANTED}OFFICE = lambda: {defect}")
        family.wait_for("9 is", 4)
        workers = {number: pid for number, pid in family.pids().items() if number != 9}
        assert family.events_path.read_text().count("0 is") == 1
        family.signal(signal.SIGTERM)
        status, output, error = family.end()
        assert (status, output) == (0, "ready here\n")
        assert f"pop3-gateway: the office {told}; starting another\n" in error
        assert len(workers) == 2
        family.nobody_is_left()

    def test_a_worker_s_restart_does_not_wait_for_it(self, start):
        family = start(2, f"{self.WANTED}OFFICE = lambda: time.sleep(60)")
        family.ready()
        os.kill(family.pids()[0], signal.SIGKILL)
        family.wait_for("0 serves", 2)

    def test_one_that_does_not_heed_is_killed(self, start):
        deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN) or time.sleep(60)"
        change = f"{self.WANTED}supervisor._OFFICE_SECONDS = 0.2\nOFFICE = lambda: {deaf}"
        family = start(1, change)
        family.wait_for("9 is")
        family.signal(signal.SIGTERM)
        assert family.end()[0] == 0
        family.nobody_is_left()

    def test_it_sees_the_end_of_its_parent(self, start):
        family = start(1, self.WANTED)
        family.wait_for("9 is")
        family.signal(signal.SIGKILL)
        family.wait_for("office is alone")
        family.nobody_is_left()


def test_nothing_is_forked_with_a_reactor_in_it():
    """Processes that share one epoll descriptor would steal each other's events."""
    code = (
        "import sys, gateway.app.program, gateway.cli.serve;"
        "sys.exit('twisted.internet.reactor' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
