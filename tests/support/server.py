"""What all real servers of the tests have in common: a directory, a process, a log."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support import supervise


def mail_owner():
    """The account that owns maildrops: Debian's ``mail`` under root, else ourselves.

    Dovecot refuses to open mail as root.
    """
    return pwd.getpwnam("mail") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def octets(text):
    return text.encode() if isinstance(text, str) else bytes(text)


class Server:
    """A real server under supervision, in a directory of its own.

    ``with Dovecot() as server`` starts it and leaves nothing behind. Inside, ``stop`` and
    ``kill`` keep the directory and the ports, so that ``start`` brings the same server back.
    """

    name = "server"
    programs = ()
    grace = 3.0
    patience = 15.0
    host = "127.0.0.1"

    def __init__(self):
        self.directory = None
        self._process = None
        self._log = None
        self.passwords = {}

    # What each server has to say for itself.

    def prepare(self):
        """Write the configuration into the fresh directory; called once."""
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def wait_until_ready(self):
        raise NotImplementedError

    def environment(self):
        return {**os.environ, "LC_ALL": "C.UTF-8"}

    # Life and death.

    def _check_installed(self):
        missing = [str(program) for program in self.programs if not Path(program).exists()]
        if missing:
            raise RuntimeError(f"no {', '.join(missing)}: run tests/install-servers first")

    def start(self):
        self._check_installed()
        if self.directory is None:
            # Not pytest's tmp_path: that is closed to the mail owner, and too long a path
            # for the unix sockets inside.
            self.directory = Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir="/tmp"))
            self.directory.chmod(0o755)
            self.prepare()
        self._spawn()
        try:
            self.wait_until_ready()
        except Exception as error:
            tail = self.log_text()[-3000:]
            self.kill()
            raise RuntimeError(f"{self.name} did not start: {error}\n{tail}") from error
        return self

    def _spawn(self):
        if self.running:
            raise RuntimeError(f"{self.name} runs already")
        self._forget()
        supervisor = [sys.executable, "-I", "-S", supervise.__file__]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*supervisor, str(self.directory), str(self.grace), *self.command()],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self.environment(),
                cwd=self.directory,
                start_new_session=True,  # the terminal's Ctrl-C is pytest's alone
            )

    def _order(self, letter):
        if self._process is None:
            return
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(letter)
            self._process.stdin.flush()
        self._process.wait(self.grace + 10)
        self._forget()

    def _forget(self):
        if self._process is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.wait(10)
            self._process = None

    def stop(self):
        """End the server the polite way; connections to it are closed."""
        self.resume()
        self._order(b"t")

    def kill(self):
        """SIGKILL everything, as when the machine loses power."""
        self._order(b"k")

    def restart(self):
        self.stop()
        return self.start()

    def close(self):
        self.kill()
        if self.directory is not None:
            shutil.rmtree(self.directory)
            self.directory = None

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    # Looking at it and meddling with it.

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    @property
    def log_path(self):
        return self.directory / "log"

    def log_text(self):
        if self.directory is None or not self.log_path.exists():
            return ""
        return self.log_path.read_text(errors="replace")

    def processes(self, *names):
        """The server's process ids: all, or those of programs with one of these names."""
        if not self.running:
            return []
        pids = supervise.children_of([self._process.pid])
        return [pid for pid in pids if not names or _program(pid) in names]

    def suspend(self):
        """SIGSTOP everything: connections stay open, the kernel accepts, nobody answers."""
        self._signal_until_settled(signal.SIGSTOP)

    def resume(self):
        self._signal_until_settled(signal.SIGCONT)

    def _signal_until_settled(self, number, *names):
        done = set()
        while fresh := set(self.processes(*names)) - done:
            supervise.signal_all(fresh, number)
            done |= fresh


def _program(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""
