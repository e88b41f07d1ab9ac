"""The token of the first run: in a file that only the gateway's own account can read."""

import contextlib
import os
import secrets
from pathlib import Path

from gateway.errors import Misconfigured

_NAME = "setup-token"
_LONGEST = 200


def token_file(state: Path) -> Path:
    """Where it is."""
    return state / _NAME


def make_token(state: Path) -> Path:
    """Make it if there is none yet; of two that do so at once, one's token stays.

    Returns:
        Its file.

    Raises:
        Misconfigured: It cannot be written.
    """
    path = token_file(state)
    draft = path.with_name(f".{_NAME}.{secrets.token_hex(8)}")
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{secrets.token_urlsafe(32)}\n")
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)  # whole or not at all, and never over another
        draft.unlink()
    except OSError as error:
        raise Misconfigured(f"cannot write {path}: {error.strerror}") from None
    return path


def read_token(state: Path) -> str:
    """The token; empty if there is none."""
    try:
        with token_file(state).open() as file:
            return file.read(_LONGEST).strip()
    except OSError:
        return ""


def drop_token(state: Path) -> None:
    """It was used."""
    with contextlib.suppress(OSError):
        token_file(state).unlink()
