"""The key without which nobody can try passwords on what the throttle remembers."""

import contextlib
import os
import secrets
from pathlib import Path

from gateway.errors import Misconfigured

_OCTETS = 32


def load_key(path: Path) -> bytes:
    """The key in this file, made if there is none; all workers get the same.

    Raises:
        Misconfigured: The file cannot be used.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _make(path)
        key = path.read_bytes()
    except OSError as error:
        raise Misconfigured(
            f"cannot keep the throttle's key in {path}: {error}; "
            "give a directory that can be written to with --state-dir"
        ) from error
    if len(key) != _OCTETS:
        raise Misconfigured(
            f"{path} is not a key of {_OCTETS} octets; remove it and a new one is made"
        )
    return key


def _make(path: Path) -> None:
    """Whole or not at all: a link to a finished file, and the first one stays."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_OCTETS))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
