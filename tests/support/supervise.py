"""Runs one server and makes sure that nothing of it outlives the tests.

Started as a script of its own, so that it can adopt every process the server leaves behind
(PR_SET_CHILD_SUBREAPER) and can still clean up when the tests are killed: its standard input
is a pipe from them, and the end of that pipe is their end.

Usage: supervise.py DIRECTORY GRACE COMMAND [ARGUMENT...]. A ``t`` on standard input ends the
server with SIGTERM and, after GRACE seconds, with SIGKILL; a ``k`` is SIGKILL at once. The
end of input without either is SIGKILL and the removal of DIRECTORY.
"""

import ctypes
import os
import select
import shutil
import signal
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def children_of(parents):
    """The living descendants of these processes, zombies left out."""
    parent_of = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            status = (process / "stat").read_bytes()
        except OSError:
            continue
        state, parent = status.rpartition(b")")[2].split()[:2]
        if state not in b"ZX":
            parent_of[int(process.name)] = int(parent)
    found, known = [], set(parents)
    while fresh := [p for p, up in parent_of.items() if up in known and p not in known]:
        found += fresh
        known.update(fresh)
    return found


def signal_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def reap():
    """Collect ended children; returns {pid: status}, or None when no child is left at all."""
    ended = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended or None
        if pid == 0:
            return ended
        ended[pid] = status


def kill_everything():
    """SIGKILL until no descendant is left, as one may have forked while we looked."""
    while True:
        signal_all(children_of([os.getpid()]), signal.SIGKILL)
        if reap() is None:
            return
        time.sleep(0.002)


def start(command):
    quiet = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
    return os.posix_spawnp(command[0], command, os.environ, file_actions=quiet)


def wait_for_order(server, wakeup):
    """Until an order comes, the tests end or the server does; returns the order."""
    while True:
        ready, _, _ = select.select([0, wakeup], [], [])
        if 0 in ready:
            return os.read(0, 1)
        os.read(wakeup, 4096)
        ended = reap()
        if ended is None or server in ended:
            return b"k"


def wait_for_end(server, wakeup, seconds):
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        select.select([wakeup], [], [], min(left, 0.05))
        ended = reap()
        if ended is None or server in ended:
            return


def main(directory, grace, *command):
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wakeup, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    server = start(command)
    order = wait_for_order(server, wakeup)
    if order == b"t":
        signal_all([server], signal.SIGTERM)
        wait_for_end(server, wakeup, float(grace))
    kill_everything()
    if order == b"":
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
