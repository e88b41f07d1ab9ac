"""The link of the first run: in a file that only the gateway's own account can read."""

import contextlib
import os
import secrets
from pathlib import Path

from gateway.errors import Misconfigured

_NAME = "setup-token"
_BEFORE = "/setup?token="
_LONGEST = 2000


def token_file(state: Path) -> Path:
    """Where it is."""
    return state / _NAME


def make_link(state: Path, url: str) -> Path:
    """Write the link; the token in it stays the same until it was used.

    Args:
        state: The state directory.
        url: How browsers reach the console.

    Returns:
        Its file.

    Raises:
        Misconfigured: It cannot be written.
    """
    path = token_file(state)
    token = read_token(state) or secrets.token_urlsafe(32)
    draft = path.with_name(f".{_NAME}.{secrets.token_hex(8)}")
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{url}{_BEFORE}{token}\n")
        draft.replace(path)  # whole or not at all
    except OSError as error:
        raise Misconfigured(f"cannot write {path}: {error.strerror}") from None
    return path


def read_link(state: Path) -> str:
    """The link; empty if there is none."""
    try:
        with token_file(state).open() as file:
            return file.read(_LONGEST).strip()
    except OSError:
        return ""


def read_token(state: Path) -> str:
    """The token in it; empty if there is none."""
    return read_link(state).partition(_BEFORE)[2]


def drop_link(state: Path) -> None:
    """It was used."""
    with contextlib.suppress(OSError):
        token_file(state).unlink()
