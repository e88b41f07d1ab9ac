"""The gateway as a child process of the demo: the command that one would type oneself."""

import json
import os
import shlex
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self
from urllib.parse import quote

from gateway.config import ListenAddress

_PATIENCE = 30.0
_GRACE = 10.0


class ChildFailed(Exception):
    """The gateway did not start, or ended by itself."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of this program, to run and to show."""

    arguments: tuple[str, ...]

    @property
    def shown(self) -> str:
        """As one would type it."""
        return shlex.join(("pop3-gateway", *self.arguments))

    @property
    def run(self) -> list[str]:
        """By the interpreter that we are; -P: not by a directory `gateway` nearby."""
        return [sys.executable, "-P", "-m", "gateway", *self.arguments]


def serve_command(
    directory: Path, address: ListenAddress, state: Path, password_file: Path | None
) -> Command:
    """`serve` in front of a Maildir; all that it keeps is under `state`."""
    arguments = ["serve", "--upstream", f"maildir://{quote(os.fsencode(directory))}"]
    arguments += ["--listen", str(address), "--state-dir", str(state)]
    if password_file is not None:
        config = password_file.with_name("demo.toml")
        # A string of JSON is one of TOML, and the path may come from anywhere (TMPDIR).
        quoted = json.dumps(str(password_file))
        config.write_text(f"[upstream.maildir]\npassword_file = {quoted}\n")
        arguments += ["--config", str(config)]
    return Command((*arguments, "--log-level", "warning"))


def free_address(wanted: ListenAddress, *, any_port: bool) -> ListenAddress | None:
    """The address if it can be listened at, perhaps with another port; None if not."""
    for port in (wanted.port, 0) if any_port else (wanted.port,):
        family = socket.AF_INET6 if ":" in wanted.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind((wanted.host, port))
                attempt.listen(1)
            except OSError:
                continue
            return replace(wanted, port=attempt.getsockname()[1])
    return None


class Child:
    """The running command; it ends with the `with` block."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._lines: SimpleQueue[str] = SimpleQueue()

    def __enter__(self) -> Self:
        # A session of its own: the Ctrl-C of the terminal is for us, and we end the child.
        self._process = subprocess.Popen(  # noqa: S603 (our own command)
            self._command.run,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> None:
        # To the end, so that the child never waits for a full pipe.
        for line in self._process.stdout or ():
            self._lines.put(line.rstrip("\n"))
        self._lines.put("")

    def wait_until_ready(self) -> str:
        """The line that the gateway prints when it accepts clients."""
        try:
            line = self._lines.get(timeout=_PATIENCE)
        except Empty:
            raise ChildFailed(f"the gateway is not ready after {_PATIENCE:.0f} s") from None
        if not line:
            raise ChildFailed("the gateway did not start")
        return line

    def wait(self) -> None:
        """Until the gateway ends by itself, which it should not."""
        raise ChildFailed(f"the gateway ended with status {self._process.wait()}")
