"""`accounts`: the keys that encrypt the secrets of the directory."""

import os
import secrets
from pathlib import Path

import click

from gateway.accounts.vault import make_key_file, new_key, read_keys
from gateway.cli.accounts.book import Book, fail, with_book
from gateway.errors import Failure


@click.group()
def accounts() -> None:
    """Make and rotate the keys of the directory."""


@accounts.command("new-key")
@click.argument("file", type=click.Path(path_type=Path), required=False)
def make_new_key(file: Path | None) -> None:
    """Make a key: print it, or put it in front of those in FILE.

    To rotate: new-key FILE; SIGHUP to the gateway, which then knows both; rotate-key; take
    the old key out of FILE; SIGHUP.
    """
    if file is None:
        click.echo(new_key().get_secret_value())
        return
    try:
        if file.exists():
            _put_in_front(file)
        else:
            make_key_file(file)
    except (Failure, OSError) as error:
        fail(str(error))
    click.echo(f"a new key is in {file}, in front")


@accounts.command("rotate-key")
@with_book
def rotate_key(book: Book) -> None:
    """Encrypt all secrets anew with the first of the keys. The gateway may run."""
    number = book.store.seal_anew()
    click.echo(f"encrypted anew: {number} secrets; the other keys are not needed any more")


def _put_in_front(file: Path) -> None:
    """Whole or not at all: without its keys the directory is lost."""
    before = [key.get_secret_value() for key in read_keys(file)]
    lines = [new_key().get_secret_value(), *before]
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    status = file.stat()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, status.st_mode & 0o777)
    try:
        with os.fdopen(descriptor, "w") as out:
            out.write("".join(f"{line}\n" for line in lines))
            out.flush()
            os.fsync(out.fileno())
        if os.geteuid() == 0:
            os.chown(draft, status.st_uid, status.st_gid)
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
