"""`account import`: many accounts from a table, all of them or none."""

import csv
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

from gateway.accounts.model import Device
from gateway.accounts.new_device import with_new_password
from gateway.accounts.passwords import DevicePassword
from gateway.cli.accounts import sign_in  # noqa: F401 - its commands are of the group too
from gateway.cli.accounts.account import account
from gateway.cli.accounts.book import Book, fail, with_book
from gateway.cli.accounts.csv_file import COLUMNS, BadTable, Checks, Line, lines_of, read_text
from gateway.config.account_rules import account_upstream
from gateway.errors import Unavailable

_MOST_SHOWN = 20
_Made = tuple[Device, DevicePassword]


@account.command(
    "import",
    help="Add the accounts of a table, all of them or none.\n\n"
    "FILE is CSV in UTF-8. Its first line names the columns: name, and any of "
    f"{', '.join(COLUMNS[1:])}. An account is opened by its provider or by the password in its "
    "line; one with a device gets a password for it.",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--passwords",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the devices' passwords to this new CSV file, for its owner alone.",
)
@click.option("--own-password", is_flag=True, help="Lines may have no provider and password.")
@click.option("--skip-known", is_flag=True, help="Leave accounts that are there as they are.")
@click.option(
    "--check", is_flag=True, help="Say what is wrong with the file, and change nothing."
)
@with_book
def import_accounts(
    book: Book,
    file: Path,
    passwords: Path | None,
    *,
    own_password: bool,
    skip_known: bool,
    check: bool,
) -> None:
    """Add the accounts of a table, all of them or none."""
    lines = _lines(book, file, own_password=own_password)
    known = book.store.accounts.known([each.account.name for each in lines])
    if known and not skip_known:
        _refuse(
            file,
            [
                f"line {each.number}: there is an account {each.account.name} already; "
                "--skip-known leaves such as they are"
                for each in lines
                if each.account.name in known
            ],
        )
    new = [each for each in lines if each.account.name not in known]
    devices = [each.device for each in new if each.device is not None]
    if devices and passwords is None and not check:
        raise click.UsageError("there are devices: say by --passwords where theirs shall go")
    if check:
        click.echo(f"nothing is wrong with {file}: {_told(new, devices, len(known))}")
        return
    _add(book, new, devices, passwords)
    click.echo(f"added: {_told(new, devices, len(known))}")


def _lines(book: Book, file: Path, *, own_password: bool) -> Sequence[Line]:
    checks = Checks(
        upstream=lambda text: str(account_upstream(book.settings, text)),
        providers=frozenset(each.name for each in book.store.providers.all()),
        own_password=own_password,
        now=time.time(),
    )
    try:
        lines, wrong = lines_of(read_text(file), checks)
    except BadTable as error:
        fail(str(error))
    if wrong:
        _refuse(file, wrong)
    if not lines:
        fail(f"{file} has no accounts")
    return lines


def _refuse(file: Path, wrong: Sequence[str]) -> None:
    for text in wrong[:_MOST_SHOWN]:
        click.echo(text, err=True)
    if len(wrong) > _MOST_SHOWN:
        click.echo(f"… and {len(wrong) - _MOST_SHOWN} more", err=True)
    fail(f"nothing was added: mend {file}, and give it again")


def _told(new: Sequence[Line], devices: Sequence[Device], known: int) -> str:
    return f"{len(new)} accounts, {len(devices)} devices" + (
        f"; {known} were there and are as they were" if known else ""
    )


def _add(
    book: Book, new: Sequence[Line], devices: Sequence[Device], passwords: Path | None
) -> None:
    scram = book.settings.accounts.scram
    accounts = [each.account for each in new]
    if passwords is None:
        book.store.accounts.add_all(accounts, ())
        return
    with _new_file(passwords) as file:
        with click.progressbar(devices, label="making passwords", file=sys.stderr) as each_of:
            made = [with_new_password(each, keep=False, scram=scram) for each in each_of]
        _write(file, made)
        # On the disk before: a password that nobody has seen cannot be shown again.
        book.store.accounts.add_all(accounts, [device for device, _ in made])


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """For its owner alone; gone again if nothing was added for certain."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        fail(f"{path}: {error.strerror}: --passwords takes a file that is not there yet")
    with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
        try:
            yield file
        except Unavailable:
            click.echo(f"{path} is kept: the accounts may yet have been added", err=True)
            raise
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _write(file: TextIO, made: Sequence[_Made]) -> None:
    writer = csv.writer(file)
    writer.writerow(("account", "device", "password"))
    for device, password in made:
        writer.writerow((device.account, device.name, password.shown.get_secret_value()))
    try:
        file.flush()
        os.fsync(file.fileno())
    except OSError as error:
        fail(f"{file.name}: {error.strerror}")
