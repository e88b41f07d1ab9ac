"""What a rule about settings is."""

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.config.tree import Settings


@dataclass(frozen=True, slots=True)
class Breach:
    """A broken rule: the key to look at, what is wrong and what would be right."""

    key: str
    wrong: str
    right: str

    @property
    def text(self) -> tuple[str, str]:
        """The two halves of the message."""
        return self.wrong, self.right


@dataclass(frozen=True, slots=True)
class Rule:
    """A check that reads these keys and nothing else."""

    reads: tuple[str, ...]
    check: Callable[[Settings], Iterator[Breach]]


def file(key: str, path: Path | None) -> Iterator[Breach]:
    """Whether a file, if one is named, can be read."""
    if path is None:
        return
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            yield Breach(key, "is a directory", "give the file itself")
        else:
            path.open("rb").close()
    except OSError as error:
        yield Breach(
            key,
            f"cannot be read: {error.strerror}",
            "name a file that exists and that this user may read",
        )
