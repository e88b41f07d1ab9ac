"""Files with a password or with tokens, for commands that take them as they are."""

from pathlib import Path

import click

_LARGEST = 64 * 1024


def password_in(path: Path) -> bytes:
    """The first line.

    Raises:
        UsageError: There is none.
    """
    password = whole_file(path).partition(b"\n")[0].removesuffix(b"\r")
    if not password:
        raise click.UsageError(f"{path}: the first line, which is the password, is empty")
    return password


def tokens_in(path: Path) -> tuple[bytes, ...]:
    """The lines that are not empty.

    Raises:
        UsageError: There is none, or one has octets that no header field can carry.
    """
    tokens = tuple(filter(None, map(bytes.strip, whole_file(path).split(b"\n"))))
    if not tokens:
        raise click.UsageError(f"{path}: there is no token in it")
    if not all(0x21 <= octet <= 0x7E for token in tokens for octet in token):
        raise click.UsageError(f"{path}: a token has octets outside 0x21 to 0x7E")
    return tokens


def whole_file(path: Path) -> bytes:
    """All of it, 64 KiB at the most.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(_LARGEST + 1)
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}") from None
    if len(octets) > _LARGEST:
        raise click.UsageError(f"{path}: it is too large")
    return octets
