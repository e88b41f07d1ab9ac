"""PostgreSQL for the directory's database, on a Unix socket and nothing else."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

from tests.support.gateway import wait_until
from tests.support.server import Server

PASSWORD = "correct horse"


def _installed():
    """The newest version's programs: Debian has a directory for each."""
    versions = Path("/usr/lib/postgresql").glob("[0-9]*")
    newest = max(versions, key=lambda path: int(path.name), default=Path("/usr/lib/postgresql"))
    return newest / "bin"


class PostgreSQL(Server):
    """A cluster of one server, whose user ``gateway`` needs his password.

    ``fresh`` gives the URL of a new, empty database.
    """

    name = "postgresql"

    def __init__(self):
        super().__init__()
        self._bin = _installed()
        self.programs = (str(self._bin / "postgres"), str(self._bin / "initdb"))
        self._numbers = itertools.count(1)
        self._owner = (
            pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        )

    def prepare(self):
        os.chown(self.directory, self._owner.pw_uid, self._owner.pw_gid)
        password = self.directory / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run(
            "initdb",
            *("-D", str(self.directory / "data"), "-U", "gateway", "--no-sync", "-E", "UTF8"),
            *("--auth", "scram-sha-256", f"--pwfile={password}"),
        )

    def _as_owner(self, program, *arguments):
        drop = []
        if os.geteuid() == 0:
            drop = ["setpriv", f"--reuid={self._owner.pw_uid}", f"--regid={self._owner.pw_gid}"]
            drop.append("--clear-groups")
        return [*drop, str(self._bin / program), *arguments]

    def _run(self, program, *arguments):
        subprocess.run(
            self._as_owner(program, *arguments),
            check=True,
            capture_output=True,
            timeout=60,
            cwd=self.directory,
            env={**self.environment(), "PGPASSWORD": PASSWORD},
        )

    def command(self):
        return self._as_owner(
            "postgres",
            *("-D", str(self.directory / "data"), "-k", str(self.directory)),
            *("-c", "listen_addresses=", "-c", "log_statement=all"),
            *("-c", "fsync=off", "-c", "max_connections=50"),
        )

    def wait_until_ready(self):
        # Left behind by a killed one, it would be asked whose process it is.
        def ready():
            if not self.running:
                raise RuntimeError("it ended")
            check = self._as_owner("pg_isready", "-h", str(self.directory))
            return subprocess.run(check, capture_output=True, check=False).returncode == 0

        wait_until(ready, self.patience)

    def stop(self):
        """End it at once, and its connections; SIGTERM would wait for them."""
        self.resume()
        for pid in self.processes("postgres")[:1]:
            os.kill(pid, signal.SIGINT)
        super().stop()

    def fresh(self):
        """The URL of a new database."""
        name = f"accounts{next(self._numbers)}"
        self._run("createdb", "-h", str(self.directory), "-U", "gateway", name)
        return f"postgresql://gateway@/{name}?host={quote(str(self.directory))}"

    def sql(self, url, statement):
        """What a statement gives, as lines."""
        database = url.partition("?")[0].rpartition("/")[2]
        done = subprocess.run(
            [
                *(shutil.which("psql"), "-h", str(self.directory), "-U", "gateway"),
                *("-d", database, "-qtAc", statement),
            ],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PGPASSWORD": PASSWORD},
            timeout=60,
        )
        return done.stdout.splitlines()
