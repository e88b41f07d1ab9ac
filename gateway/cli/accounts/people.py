"""`admin` and `invite`: who may use the console, and links for owners of mailboxes."""

import secrets
import time
from pathlib import Path

import click
from pydantic import SecretStr

from gateway.accounts.model import Administrator, Invite
from gateway.accounts.names import device_fault
from gateway.accounts.passwords import hash_password
from gateway.accounts.store import digest_of
from gateway.cli.accounts.book import AS_JSON, Book, fail, secret_from, show, with_book

_SHORTEST = 12
_LONGEST_NAME = 64
_PASSWORD_FILE = click.option(
    "--password-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Its first line is the password; - is standard input. Else you are asked.",
)


@click.group()
def admin() -> None:
    """Add, list and remove administrators of the console."""


@admin.command()
@click.argument("name")
@_PASSWORD_FILE
@with_book
def add(book: Book, name: str, password_file: Path | None) -> None:
    """Add one."""
    if not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME or ":" in name:
        raise click.UsageError("the name must have 1 to 64 characters, and no colon")
    if book.store.administrators.get(name) is not None:
        fail(f"there is an administrator {name} already")
    _save(book, name, password_file)
    click.echo(f"added: administrator {name}")


@admin.command("list")
@AS_JSON
@with_book
def list_administrators(book: Book, as_json: bool) -> None:
    """List them."""
    rows = [{"name": each.name} for each in book.store.administrators.all()]
    show(rows, as_json, ("name",))


@admin.command()
@click.argument("name")
@_PASSWORD_FILE
@with_book
def password(book: Book, name: str, password_file: Path | None) -> None:
    """Give one another password; his console sessions end."""
    if book.store.administrators.get(name) is None:
        fail(f"there is no administrator {name}")
    _save(book, name, password_file)
    book.store.visits.end_all_of(name)
    click.echo(f"changed: the password of {name}")


@admin.command()
@click.argument("name")
@with_book
def remove(book: Book, name: str) -> None:
    """Remove one; his console sessions end."""
    if not book.store.administrators.remove(name):
        fail(f"there is no administrator {name}")
    click.echo(f"removed: administrator {name}")


@click.command()
@click.argument("name")
@click.option("--device", metavar="NAME", default="", help="What to call the owner's device.")
@click.option("--days", type=click.FloatRange(0.01, 30), default=7.0, help="How long it lasts.")
@with_book
def invite(book: Book, name: str, device: str, days: float) -> None:
    """Print a link by which the owner of an account's mailbox signs in, once."""
    owner = book.account(name)
    if owner.credential != "oauth":
        fail(f"{owner.name} does not sign in at a provider")
    if device and (fault := device_fault(device)):
        raise click.UsageError(f"the device's name {fault}")
    console = _console(book)
    token = SecretStr(secrets.token_urlsafe(32))
    until = time.time() + days * 86_400
    book.store.invites.add(Invite(owner.name, digest_of(token), until, device))
    click.echo(f"{console}/welcome/{token.get_secret_value()}")


def _save(book: Book, name: str, file: Path | None) -> None:
    secret = secret_from(file, f"password of {name}")
    if len(secret.get_secret_value()) < _SHORTEST:
        raise click.UsageError(f"the password needs {_SHORTEST} characters or more")
    book.store.administrators.save(Administrator(name, hash_password(secret)))


def _console(book: Book) -> str:
    """How browsers reach the console."""
    console = book.settings.console
    if not console.url and not console.listen:
        fail(
            "there is no console: set console.listen, and console.url for owners elsewhere, "
            "in the gateway's file, and give it here too by --config"
        )
    scheme = "https" if console.cert else "http"
    return console.url.rstrip("/") or f"{scheme}://{console.listen}"
