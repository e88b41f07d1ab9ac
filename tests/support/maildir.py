"""Maildirs written and read byte for byte, past the servers that serve them."""

import contextlib
import itertools
import os
import time

# Before any run of the tests, so that the servers see no message from the future.
EPOCH = 1_700_000_000


class Maildir:
    """One maildir, made on creation; ``owner`` is the account that shall own it."""

    def __init__(self, path, owner):
        self.path = path
        self._owner = owner
        self._numbers = itertools.count(1)
        for folder in (path, path / "cur", path / "new", path / "tmp"):
            folder.mkdir(parents=folder == path)
            self._give(folder)

    def _give(self, path):
        os.chown(path, self._owner.pw_uid, self._owner.pw_gid)

    def deliver(self, message, *, seen=False):
        # Servers number new mail by the time in front of the file's name.
        number = next(self._numbers)
        name = f"{EPOCH + number}.M{number}.test"
        draft = self.path / "tmp" / name
        draft.write_bytes(message)
        self._give(draft)
        draft.rename(self.path / ("cur" if seen else "new") / (f"{name}:2,S" if seen else name))

    def messages(self):
        """The octets of each message; a server may just be giving a file another name."""
        for _ in range(100):
            with contextlib.suppress(FileNotFoundError):
                return self._messages()
            time.sleep(0.01)
        return self._messages()

    def _messages(self):
        files = [*(self.path / "cur").iterdir(), *(self.path / "new").iterdir()]
        files.sort(key=lambda file: int(file.name.partition(".")[0]))
        return [file.read_bytes() for file in files]
