"""The front-ends under comparison, each a server that is measured as a whole."""

import contextlib
import grp
import os
import shutil
import sys
from pathlib import Path

from tests.bench import relay
from tests.bench.front_conf import COMMON, DIRECT, IMAPC
from tests.bench.meter import make_meter, settled_cpu
from tests.bench.upstream import memory_directory
from tests.support.dovecot import PROGRAM
from tests.support.ports import free_port, wait_for_port
from tests.support.server import Server, mail_owner

GATEWAY = "gateway"


class Relay(Server):
    """The long line to the upstream."""

    name = "bench-relay"

    def __init__(self, target, round_trip):
        super().__init__()
        self.port, self._target, self._delay = free_port(), target, round_trip / 2

    def prepare(self):
        """Nothing."""

    def command(self):
        numbers = [str(number) for number in (self.port, self._target, self._delay)]
        return [sys.executable, "-I", relay.__file__, *numbers]

    def wait_until_ready(self):
        wait_for_port(self.port, self.host, self.patience, alive=lambda: self.running)


class Front(Server):
    """A POP3 server before the upstream, and the meter of its process tree.

    Args:
        label: What the table calls it.
        upstream: The mailboxes.
        imap_port: Where to reach it; the relay's instead of its own for a long line.
        tls: Whether towards the upstream and towards the clients alike.
    """

    def __init__(self, label, upstream, imap_port, *, tls=False):
        super().__init__()
        self.label, self.upstream, self.imap_port, self.tls = label, upstream, imap_port, tls
        self.port, self.tls_port = free_port(), free_port()
        self.meter = None
        self.data = None

    @property
    def client_port(self):
        return self.tls_port if self.tls else self.port

    def prepare(self):
        self.data = memory_directory("bench-data-")
        owner = mail_owner()
        os.chown(self.data, owner.pw_uid, owner.pw_gid)

    def start(self):
        self.meter = self.meter or make_meter(f"{self.label.replace(' ', '-')}-{self.port}")
        return super().start()

    def command(self):
        return self.meter.wrap(self.program())

    def program(self):
        raise NotImplementedError

    def wait_until_ready(self):
        self.meter.watch(self._process.pid)
        wait_for_port(self.port, self.host, self.patience, b"+OK", lambda: self.running)

    def cpu(self):
        return settled_cpu(self.meter)

    def close(self):
        super().close()
        if self.meter is not None:
            self.meter.close()
            self.meter = None
        if self.data is not None:
            shutil.rmtree(self.data, ignore_errors=True)


class Gateway(Front):
    """What this repository is about."""

    name = "bench-gateway"

    def __init__(self, *where, flags=(), **how):
        super().__init__(GATEWAY, *where, **how)
        self._flags = flags

    def prepare(self):
        super().prepare()
        # All sessions of the benchmark come from one address.
        settings = "[limits]\nconnections = 20000\nconnections_per_address = 20000\n"
        (self.directory / "bench.toml").write_text(settings)

    def program(self):
        scheme = "imaps" if self.tls else "imap"
        known = self.upstream.certificates
        return [
            str(Path(sys.executable).with_name("pop3-gateway")),
            *("serve", "--config", str(self.directory / "bench.toml")),
            *("--upstream", f"{scheme}://127.0.0.1:{self.imap_port}"),
            *("--upstream-ca", str(known.authority)),
            *("--listen", f"127.0.0.1:{self.port}"),
            *("--listen-tls", f"127.0.0.1:{self.tls_port}"),
            *("--cert", str(known.server.certificate), "--key", str(known.server.key)),
            *("--state-dir", str(self.data), "--log-level", "warning"),
            *self._flags,
        ]


class DovecotFront(Front):
    """A Dovecot that has only POP3, in one of its modes.

    Args:
        sessions: How many one after the other in one process.
        together: How many at the same time in one process.
        body: The part of the configuration that says where the mail is.
    """

    name = "bench-dovecot"

    def __init__(self, label, *where, body=IMAPC, sessions=1, together=1, **how):
        super().__init__(label, *where, **how)
        self._body, self._sessions, self._together = body, sessions, together

    def prepare(self):
        super().prepare()
        text = (COMMON + self._body).format(**self._places(), **self._accounts())
        (self.directory / "dovecot.conf").write_text(text)

    def _places(self):
        upstream, pair = self.upstream, self.upstream.certificates.server
        secure = f"ssl=imaps ssl_ca_file={upstream.authority} allow_invalid_cert=no"
        return {
            "base": self.directory,
            "homes": self.data,
            "port": self.port,
            "tls_port": self.tls_port,
            "ssl": "yes" if self.tls else "no",
            "certificate": pair.certificate,
            "key": pair.key,
            "service_count": self._sessions,
            "client_limit": self._together,
            # By default 256 MB, with which imapc cannot deliver 100 MiB.
            "vsz_limit": "8G" if self._together > 1 else "2G",
            "upstream_host": "127.0.0.1",
            "upstream_port": self.imap_port,
            "upstream_ssl": "imaps" if self.tls else "no",
            "upstream_ca": upstream.authority,
            "passdb_ssl": secure if self.tls else "",
            "upstream_mail": upstream.directory / "mail",
            "upstream_users": upstream.directory / "users",
        }

    @staticmethod
    def _accounts():
        owner, root = mail_owner(), os.geteuid() == 0
        return {
            "internal": "dovecot" if root else owner.pw_name,
            "internal_group": "dovecot" if root else grp.getgrgid(owner.pw_gid).gr_name,
            "login": "dovenull" if root else owner.pw_name,
            "uid": owner.pw_uid,
            "gid": owner.pw_gid,
        }

    def program(self):
        return [PROGRAM, "-F", "-c", str(self.directory / "dovecot.conf")]


def imapc_each(*where, **how):
    """Dovecot's default: a process for each session."""
    return DovecotFront("imapc", *where, **how)


def imapc_reuse(*where, **how):
    """Its processes used again."""
    return DovecotFront("imapc reuse", *where, sessions=1000, **how)


def imapc_packed(*where, **how):
    """The least memory: 50 sessions share a process."""
    return DovecotFront("imapc packed", *where, sessions=0, together=50, **how)


def direct(*where, **how):
    """No gateway at all."""
    return DovecotFront("direct POP3", *where, body=DIRECT, sessions=1000, **how)


@contextlib.contextmanager
def running(servers):
    """Start them, and leave nothing behind."""
    with contextlib.ExitStack() as stack:
        for server in servers:
            stack.enter_context(server)
        yield servers
