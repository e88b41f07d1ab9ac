"""The gateway itself as a child process, in front of whatever the test names."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tomlkit

from tests.support import launch
from tests.support.pop3_client import Pop3Client

PROGRAM = Path(sys.executable).with_name("pop3-gateway")
_URL = re.compile(r"(console|metrics) (https?://[^\s,]+)")
# The throttle as it is, but for waits, and for tests which all come from one address.
GUARDED = {"accounts": {"throttle": {"longest_wait": 0, "address_limit": 1000}}}
_PLACE = re.compile(r"(pop3s?) \S+?:(\d+)(?=,|$)", re.MULTILINE)


class RunningGateway:
    """``pop3-gateway serve`` on free loopback ports; a context manager.

    It stops with SIGKILL at the end of the block, or of the tests. ``start`` after ``wait``
    or ``kill`` brings it back with the same state directory and on other ports.

    Args:
        upstream: the URL, e.g. ``imap://127.0.0.1:143``; empty for none.
        certificates: shown to clients; without them neither STLS nor implicit TLS.
        settings: tables of the TOML file over those that are good for tests.
        flags: more of the command line.
        listeners: the flags that say where to listen, instead of ports that are free.
        environment: of the process, if not ours.
        sockets: listening sockets handed over as systemd does.
        workers: how many processes serve, if not as many as by default.
    """

    host = "127.0.0.1"
    patience = 15.0
    program = str(PROGRAM)

    def __init__(
        self,
        upstream,
        *,
        certificates=None,
        settings=None,
        flags=(),
        listeners=None,
        environment=None,
        sockets=(),
        workers=None,
    ):
        self._upstream = upstream
        self._certificates = certificates
        self._settings = settings or {}
        self._flags = flags
        self._listeners = listeners
        self._environment = environment
        self._sockets = sockets
        self._workers = workers
        self._process = None
        self.directory = None
        self.port = self.tls_port = self.console = self.metrics = None
        self.ports = []

    # Life and death.

    def launch(self):
        """Start the process without waiting for anything."""
        if self.directory is None:
            self.directory = Path(tempfile.mkdtemp(prefix="gateway-", dir="/tmp"))
            (self.directory / "settings.toml").write_text(tomlkit.dumps(self._tables()))
        descriptors = [sock.fileno() for sock in self._sockets]
        handed_over = ",".join(map(str, descriptors)) or "-"
        starter = [sys.executable, "-I", "-S", launch.__file__, handed_over]
        with self.log_path.open("ab") as log, self.output_path.open("wb") as output:
            self._process = subprocess.Popen(
                [*starter, *self._command()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                env=self._environment,
                pass_fds=descriptors,
                start_new_session=True,  # `kill` is for the workers too
            )
        return self

    def start(self):
        self.launch()
        deadline = time.monotonic() + self.patience
        while not self.ready_line.endswith("\n"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                status = self.kill()
                raise RuntimeError(f"no gateway, status {status}:\n{self.log_text()}")
            time.sleep(0.005)
        self.ports = [int(port) for _, port in _PLACE.findall(self.ready_line)]
        # Of several of a kind the first; fenced listeners come last.
        ports = {kind: int(port) for kind, port in reversed(_PLACE.findall(self.ready_line))}
        self.port, self.tls_port = ports.get("pop3"), ports.get("pop3s")
        urls = dict(_URL.findall(self.ready_line))
        self.console = urls.get("console")
        self.metrics = urls.get("metrics", f"{self.console}/metrics")
        return self

    def _tables(self):
        # A wrong password is answered at once: the delay has its own tests.
        tables = {} if self._workers is None else {"workers": self._workers}
        tables["pop3"] = {"failed_login_delay": 0, "max_failed_logins": 100}
        # Faults, refusals among them, are laid on one name and password again and again.
        tables["accounts"] = {"throttle": {"enabled": False}}
        for name, table in self._settings.items():
            both = isinstance(table, dict) and name in tables
            tables[name] = {**tables[name], **table} if both else table
        return tables

    def _command(self):
        listeners = self._listeners
        if listeners is None:
            listeners = ["--listen", f"{self.host}:0"]
            listeners += ["--listen-tls", f"{self.host}:0"] if self._certificates else []
        pair = self._certificates and self._certificates.server
        shown = ["--cert", str(pair.certificate), "--key", str(pair.key)] if pair else []
        return [
            *(str(PROGRAM), "serve", "--config", str(self.directory / "settings.toml")),
            *(("--upstream", self._upstream) if self._upstream else ()),
            *("--state-dir", str(self.state)),
            *(*listeners, *shown, *self._flags),
        ]

    def signal(self, number):
        self._process.send_signal(number)

    def terminate(self):
        """SIGTERM: drain; see `wait`."""
        self.signal(signal.SIGTERM)

    def wait(self, timeout=15.0):
        """The exit status."""
        return self._process.wait(timeout)

    def kill(self):
        """SIGKILL to it and to its workers; returns the exit status."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        status = self.wait()
        wait_until(lambda: not self.processes, what="the workers to be gone")
        return status

    def close(self):
        if self._process is not None:
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

    # Looking at it.

    @property
    def pid(self):
        return self._process.pid

    @property
    def processes(self):
        """The ids of all living processes, the one that was started first."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                stat = (process / "stat").read_bytes()
            except OSError:
                continue
            state, _, group = stat.rpartition(b")")[2].split()[:3]
            if int(group) == self.pid and state not in b"ZX":
                found.append(int(process.name))
        return sorted(found, key=lambda pid: (pid != self.pid, pid))

    @property
    def workers(self):
        """The ids of the processes that serve POP3."""
        return self._named("pop3-worker") or self.processes

    @property
    def office(self):
        """The id of the process beside the workers; None if there is none."""
        return next(iter(self._named("pop3-office")), None)

    def hold_all_but(self, pid):
        """Stop the other workers until they get SIGCONT.

        Waits until they are held: one might be woken for a connection, and be stopped before it
        takes it; the one that is not held would never hear of it.
        """
        held = [other for other in self.workers if other != pid]
        os.kill(pid, signal.SIGCONT)
        for other in held:
            os.kill(other, signal.SIGSTOP)
        wait_until(lambda: all(map(_is_held, held)), what="the others to be held")

    def _named(self, name):
        """The ids of the supervisor's children of a name."""
        found = []
        for pid in self.processes[1:]:
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                    found.append(pid)
        return found

    @property
    def state(self):
        """The state directory."""
        return self.directory / "state"

    def manage(self, *arguments, secret="", status=0):
        """Another command on the same directory of accounts; its standard output."""
        done = subprocess.run(
            [
                *(str(PROGRAM), *arguments, "--config", str(self.directory / "settings.toml")),
                *("--state-dir", str(self.state), *self._accounts()),
            ],
            input=f"{secret}\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=self._environment,
        )
        if done.returncode != status:
            raise RuntimeError(f"status {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def manage_keys(self, *arguments):
        """`accounts new-key FILE` needs no directory, and takes no options for one."""
        command = [str(PROGRAM), "accounts", *arguments]
        subprocess.run(command, capture_output=True, check=True, timeout=60)

    def _accounts(self):
        flags = [*self._flags, ""]
        return (
            ["--accounts", flags[flags.index("--accounts") + 1]]
            if "--accounts" in flags
            else []
        )

    @property
    def running(self):
        return self._process.poll() is None

    @property
    def log_path(self):
        return self.directory / "log"

    @property
    def output_path(self):
        return self.directory / "output"

    @property
    def ready_line(self):
        return self.output_path.read_text()

    def log_text(self):
        """Standard error since the first start."""
        return self.log_path.read_text(errors="replace")

    def wait_for_log(self, text, timeout=10.0):
        """Until the log holds the text."""
        wait_until(lambda: text in self.log_text(), timeout, f"{text!r} in the log")

    def memory(self):
        """The resident memory of all processes in octets."""
        texts = [Path(f"/proc/{pid}/status").read_text() for pid in self.processes]
        found = [re.search(r"^VmRSS:\s*(\d+) kB$", text, re.MULTILINE)[1] for text in texts]
        return sum(map(int, found)) * 1024

    def client(self, *, tls=None, timeout=20.0):
        """A raw connection, greeting read; ``tls`` is a context for implicit TLS."""
        port = self.port if tls is None else self.tls_port
        return Pop3Client(self.host, port, tls=tls, timeout=timeout)

    def login(self, user, password, **options):
        """A connection in TRANSACTION."""
        client = self.client(**options)
        try:
            client.login(user, password)
        except BaseException:
            client.close()
            raise
        return client


def _is_held(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def wait_until(condition, timeout=10.0, what="it"):
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout} s for {what}")
        time.sleep(0.01)
