"""Dovecot as the mailboxes upstream: Maildirs in memory, many names for one mailbox."""

import base64
import hashlib
import os
import shutil
import socket
import tempfile
from pathlib import Path

from tests.support.dovecot import Dovecot
from tests.support.maildir import EPOCH
from tests.support.server import mail_owner

# A session process serves several clients, so that 5,000 idle sessions fit beside the peers';
# nothing of this server is in any figure but wall time, and it is the same for all.
_MANY = """
default_client_limit = 20000
default_process_limit = 12000
service imap {
  process_limit = 12000
  client_limit = 8
  service_count = 0
  process_min_avail = 2
}
"""


def memory_directory(prefix):
    """A directory on tmpfs, or below /tmp where there is none; open to the mail owner."""
    shared = Path("/dev/shm")
    place = shared if os.access(shared, os.W_OK) else Path("/tmp")
    directory = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    directory.chmod(0o755)
    return directory


class Upstream(Dovecot):
    """The one IMAP server behind every front-end of the benchmark.

    A user is a name for a box. Any number of users may read the same box: to a front-end
    each is a mailbox never seen before, while the upstream has long indexed it.
    """

    def __init__(self):
        super().__init__(extra=_MANY)
        self.boxes = {}
        self._storage = None
        self._names = 0

    def prepare(self):
        super().prepare()
        self._storage = memory_directory("bench-mail-")
        self._give(self._storage)
        (self.directory / "mail").rmdir()
        (self.directory / "mail").symlink_to(self._storage)

    def close(self):
        super().close()
        if self._storage is not None:
            shutil.rmtree(self._storage, ignore_errors=True)

    def _give(self, path):
        owner = mail_owner()
        os.chown(path, owner.pw_uid, owner.pw_gid)

    # Boxes.

    def add_box(self, name, messages):
        """A mailbox that the upstream has indexed; returns its name."""
        path = self._storage / f"box-{name}"
        for folder in (path, path / "cur", path / "new", path / "tmp"):
            folder.mkdir()
            self._give(folder)
        self.boxes[name] = []
        self.deliver_to(name, messages)
        return name

    def clone(self, name, copy):
        """Another mailbox of the same messages, indexed like the first."""
        source, target = (self._storage / f"box-{each}" for each in (name, copy))
        shutil.copytree(source, target, copy_function=_link_or_copy)
        for path in (target, *target.rglob("*")):
            if path.parent.name not in {"cur", "new"}:
                self._give(path)
        self.boxes[copy] = list(self.boxes[name])
        return copy

    def deliver_to(self, name, messages):
        """Add messages, equal ones as hard links of one file, and let the server index them."""
        path = self._storage / f"box-{name}" / "cur"
        newest = max(map(_number, path.iterdir()), default=EPOCH)
        first = {}
        for number, message in enumerate(messages, newest + 1):
            size = len(message.stored)
            file = path / f"{number}.M1P1.bench,S={size},W={message.octets}:2,S"
            if message.digest in first:
                os.link(first[message.digest], file)
            else:
                file.write_bytes(message.stored)
                self._give(file)
                first[message.digest] = file
        self.boxes[name] += messages
        self.index(name)

    def change(self, name, messages):
        """Remove as many of the oldest as are added."""
        path = self._storage / f"box-{name}" / "cur"
        for file in sorted(path.iterdir(), key=_number)[: len(messages)]:
            file.unlink()
        del self.boxes[name][: len(messages)]
        self.deliver_to(name, messages)

    def remove_emptied(self, name):
        """Forget a mailbox; it must have no message left.

        Raises:
            RuntimeError: It has some.
        """
        path = self._storage / f"box-{name}"
        left = [*(path / "cur").iterdir(), *(path / "new").iterdir()]
        if left:
            raise RuntimeError(f"{len(left)} messages were not deleted from {name}")
        shutil.rmtree(path)
        del self.boxes[name]

    def index(self, name):
        """Have the server look at everything that a front-end will ask for."""
        user = self.user(name)
        commands = (
            f"LOGIN {user} pw-{user}",
            "SELECT INBOX",
            "UID FETCH 1:* (FLAGS RFC822.SIZE)",
        )
        with (
            socket.create_connection((self.host, self.port), 60) as connection,
            connection.makefile("rb") as replies,
        ):
            for number, line in enumerate(commands):
                connection.sendall(f"t{number} {line}\r\n".encode())
                seen = 0
                while not (reply := replies.readline()).startswith(b"t"):
                    seen += reply.startswith(b"*")
                    if not reply:
                        raise RuntimeError(f"upstream closed while it was indexing {name}")
                if not reply.startswith(b"t%d OK" % number):
                    raise RuntimeError(f"upstream has not indexed {name}: {reply!r}")
        if seen != len(self.boxes[name]):
            raise RuntimeError(f"upstream has {seen} messages in {name}")

    # Users.

    def user(self, box):
        """A name that nobody has used before, for an existing box; the password is pw-NAME."""
        self._names += 1
        name = f"u{self._names}"
        key = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
        password = f"pw-{name}".encode()
        secret = base64.b64encode(password).decode()
        (self.directory / "users" / key).write_text(f"{key}:{secret}\n")
        (self._storage / key).symlink_to(self._storage / f"box-{box}")
        return name


def _number(file):
    return int(file.name.partition(".")[0])


def _link_or_copy(source, target):
    if Path(source).parent.name == "cur":
        os.link(source, target)
    else:
        shutil.copy2(source, target)
