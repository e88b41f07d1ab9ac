"""Loopback ports that are free, and waiting until something answers on one."""

import contextlib
import secrets
import socket
import time

# Below the kernel's own choice (32768 and up), so that no outgoing connection of another
# test takes the port between our look and the server's bind.
FIRST, LAST = 20000, 32000


def free_port(host="127.0.0.1"):
    for _ in range(200):
        port = FIRST + secrets.randbelow(LAST - FIRST)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return port
    raise RuntimeError(f"no free port on {host} between {FIRST} and {LAST}")


def banner(port, host="127.0.0.1", timeout=1.0):
    """The first line a server sends, or b"" when it closes without one."""
    with (
        socket.create_connection((host, port), timeout) as connection,
        connection.makefile("rb") as lines,
    ):
        return lines.readline(1000)


def wait_for_port(port, host="127.0.0.1", timeout=10.0, expect=None, alive=lambda: True):
    """Wait until the port accepts and, with ``expect``, greets with that prefix.

    Gives up early when ``alive`` says that the server has ended.
    """
    deadline = time.monotonic() + timeout
    problem = "not tried"
    while time.monotonic() < deadline and alive():
        try:
            if expect is None:
                socket.create_connection((host, port), 1.0).close()
                return
            greeting = banner(port, host)
        except OSError as error:
            problem = repr(error)
        else:
            if greeting.startswith(expect):
                return
            problem = f"greeted with {greeting!r}"
        time.sleep(0.01)
    state = f"after {timeout} s" if alive() else "and the server has ended"
    raise TimeoutError(f"no answer from {host}:{port} {state}: {problem}")
