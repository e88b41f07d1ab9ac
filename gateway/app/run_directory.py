"""`STATE/run`: what the processes of one gateway share while they live."""

import fcntl
import os
from pathlib import Path

from gateway.errors import Misconfigured

_LONGEST = 107
"""Octets of a Unix socket's path (sun_path in unix(7), without its NUL)."""


class RunDirectory:
    """The directory, taken for this gateway alone as long as one of its processes lives.

    Args:
        state: The state directory.

    Raises:
        Misconfigured: It cannot be made, or another gateway has it.
    """

    def __init__(self, state: Path) -> None:
        self.path = state / "run"
        self.metrics = self.path / "metrics"
        self.samples = self.path / "samples.jsonl"
        try:
            # `parents=True` gives those the rights of the umask, whatever the mode.
            state.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path.mkdir(exist_ok=True, mode=0o700)
            self.path.chmod(0o700)  # who may connect to a worker's socket may end sessions
            self._directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
            # The descriptor is inherited, and so is the lock: it ends with the last process.
            fcntl.flock(self._directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Misconfigured(
                f"another gateway with a console or metrics uses {state}; "
                "give each its own --state-dir"
            ) from None
        except OSError as error:
            raise Misconfigured(f"cannot use {self.path}: {error.strerror}") from error

    def hatch(self, worker: int) -> str:
        """The path of a worker's socket, short enough to be one."""
        path = str(self.path / f"worker-{worker}.sock")
        if len(os.fsencode(path)) <= _LONGEST:
            return path
        return f"/proc/self/fd/{self._directory}/worker-{worker}.sock"
