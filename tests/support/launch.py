"""Becomes another program that ends together with the tests.

Usage: launch.py DESCRIPTORS COMMAND [ARGUMENT...]. DESCRIPTORS is a list like ``7,9`` of
inherited sockets that are handed over as systemd does: as descriptor 3 and up, with
LISTEN_PID and LISTEN_FDS set; LISTEN_FDNAMES comes from the environment. Or it is ``-``.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
FIRST = 3


def hand_over(descriptors):
    # Out of the way first, as one of them may be in the place of another.
    high = [os.dup2(fd, 100 + number) for number, fd in enumerate(descriptors)]
    for number, fd in enumerate(high):
        os.dup2(fd, FIRST + number)
        os.set_inheritable(FIRST + number, True)
        os.close(fd)
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.environ["LISTEN_FDS"] = str(len(descriptors))


def main(descriptors, *command):
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
    if descriptors != "-":
        hand_over([int(text) for text in descriptors.split(",")])
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
