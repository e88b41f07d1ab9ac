"""The workers' counters in files that the office reads (multi-process mode).

Each worker has a file of its own for each kind of metric, by its number and not by its
process: the one that takes a dead worker's place counts on where that one was, so that no
total ever falls and no files are left over.

The files have their full size on the disk before a worker maps them. A sparse one would end
the process (SIGBUS) in the moment when it counts something and the disk is full.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, values
from prometheus_client.multiprocess import MultiProcessCollector

from gateway.errors import Misconfigured

_OCTETS = 1 << 19
_KINDS = ("counter", "histogram")


def prepare(directory: Path, names: list[str]) -> None:
    """Make the files, empty, before there are processes.

    Raises:
        Misconfigured: There is no room for them, or no right to make them.
    """
    try:
        directory.mkdir(exist_ok=True)
        for old in directory.glob("*.db"):
            old.unlink()
        for name in names:
            for kind in _KINDS:
                _allocate(directory / f"{kind}_{name}.db")
    except OSError as error:
        raise Misconfigured(f"cannot keep counters in {directory}: {error.strerror}") from error


def _allocate(path: Path) -> None:
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, _OCTETS)


def count_into(directory: Path, name: str) -> None:
    """Metrics made in this process from now on are in the files of this name."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    values.ValueClass = values.MultiProcessValue(lambda: name)  # type: ignore[no-untyped-call]


def collector(directory: Path) -> MultiProcessCollector:
    """Adds the files of all processes up, whenever it is asked."""
    return MultiProcessCollector(CollectorRegistry(), str(directory))  # type: ignore[no-untyped-call]


def totals(directory: Path) -> Mapping[tuple[str, str], float]:
    """The counters of all processes, by name and result (empty where there is none)."""
    found: dict[tuple[str, str], float] = {}
    for family in collector(directory).collect():  # type: ignore[no-untyped-call]
        for sample in family.samples:
            key = sample.name, sample.labels.get("result", "")
            found[key] = found.get(key, 0) + sample.value
    return found
