"""CPU time and memory of a front-end's whole process tree, ended children included."""

import contextlib
import os
import subprocess
import threading
import time
from pathlib import Path

from tests.support.supervise import children_of

_TICK = os.sysconf("SC_CLK_TCK")
_CPUACCT = Path("/sys/fs/cgroup/cpuacct")
_UNIFIED = Path("/sys/fs/cgroup")


def make_meter(name):
    """The most exact one that this machine allows."""
    for root, usage in ((_CPUACCT, _read_cpuacct), (_UNIFIED, _read_cpu_stat)):
        group = root / f"pop3-bench-{os.getpid()}-{name}"
        try:
            group.mkdir()
        except OSError:
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            usage(group)
            meter = CgroupMeter(group, usage)
            if _works(meter.wrap(["true"])):
                return meter
        group.rmdir()
    return TreeMeter()


def _works(command):
    return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0


def _read_cpuacct(group):
    return int((group / "cpuacct.usage").read_text()) / 1e9


def _read_cpu_stat(group):
    return int((group / "cpu.stat").read_text().split()[1]) / 1e6


class CgroupMeter:
    """The kernel's own account of everything that was ever started in a group."""

    how = "cgroup"

    def __init__(self, group, usage):
        self._group, self._usage = group, usage

    def wrap(self, command):
        """The command that enters the group, then is the other command."""
        return [
            "/bin/sh",
            "-c",
            f'echo $$ > {self._group}/cgroup.procs && exec "$@"',
            "-",
            *command,
        ]

    def watch(self, supervisor):
        """Nothing to do: who enters is counted."""

    def cpu(self):
        return self._usage(self._group)

    def pids(self):
        return [int(pid) for pid in (self._group / "cgroup.procs").read_text().split()]

    def close(self):
        for _ in range(100):
            with contextlib.suppress(OSError):
                self._group.rmdir()
                return
            time.sleep(0.02)


class TreeMeter:
    """Living processes by /proc, ended ones as their parents' account of waited-for children.

    To the kernel's clock tick (10 ms), so it wants longer runs than the other one.
    """

    how = "/proc, to the clock tick"

    def __init__(self):
        self._supervisor = None

    def wrap(self, command):
        return command

    def watch(self, supervisor):
        self._supervisor = supervisor

    def pids(self):
        return children_of([self._supervisor])

    def cpu(self):
        total = 0
        for pid in [self._supervisor, *self.pids()]:
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += sum(map(int, fields[11:15]))
        return total / _TICK

    def close(self):
        """Nothing was made."""


def settled_cpu(meter, patience=2.0):
    """The CPU time once nothing is being done any more: a session ends after its client."""
    deadline = time.monotonic() + patience
    before = meter.cpu()
    calm = 0
    while calm < 2 and time.monotonic() < deadline:
        time.sleep(0.03)
        now = meter.cpu()
        calm = calm + 1 if now - before < 0.0003 else 0
        before = now
    return before


def memory(meter):
    """Proportional set size of all processes together, in octets."""
    total = 0
    for pid in meter.pids():
        with contextlib.suppress(OSError), Path(f"/proc/{pid}/smaps_rollup").open("rb") as file:
            total += next(int(line.split()[1]) for line in file if line.startswith(b"Pss:"))
    return total * 1024


class Peak:
    """The most memory seen while inside, sampled; ``with Peak(meter) as peak``."""

    def __init__(self, meter, interval=0.02):
        self._meter, self._interval = meter, interval
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.before = self.octets = 0

    def _sample(self):
        while not self._over.wait(self._interval):
            self._look()

    def _look(self):
        with contextlib.suppress(OSError, StopIteration):
            self.octets = max(self.octets, memory(self._meter))

    def __enter__(self):
        self.before = self.octets = memory(self._meter)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        self._look()

    @property
    def growth(self):
        return self.octets - self.before
