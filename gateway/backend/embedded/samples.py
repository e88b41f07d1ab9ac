"""Makes a Maildir of sample messages: for the demo, and for trying a client."""

import os
from importlib.resources import files
from pathlib import Path

from gateway.backend.embedded.maildir import scan

# Any fixed time will do, as long as the names, and with them order and unique-ids, are the
# same each time.
_DELIVERED = 1_772_434_800


def make_sample_maildir(directory: Path) -> int:
    """Put the samples into the Maildir, which is made if it is not there.

    May be repeated: a sample that is there, read or not, is left as it is, and one that
    was deleted comes back. Other messages are not touched.

    Returns:
        How many messages were added.
    """
    for place in ("cur", "new", "tmp"):
        (directory / place).mkdir(mode=0o700, parents=True, exist_ok=True)
    there = scan(directory).messages
    missing = {name: text for name, text in _samples().items() if name not in there}
    for name, text in missing.items():
        _deliver(directory, name, text)
    return len(missing)


def _samples() -> dict[str, bytes]:
    folder = files("gateway.backend.embedded") / "samples"
    sources = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".eml")),
        key=lambda file: file.name,
    )
    return {
        f"{_DELIVERED + number}.{source.name.removesuffix('.eml')}": source.read_bytes()
        for number, source in enumerate(sources)
    }


def _deliver(directory: Path, name: str, text: bytes) -> None:
    draft = directory / "tmp" / name
    draft.write_bytes(text)
    os.link(draft, directory / "new" / name)
    draft.unlink()
