"""`account`: who is served, from where, and by what."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from gateway.accounts.model import Account
from gateway.accounts.names import account_fault
from gateway.cli.accounts.book import AS_JSON, Book, secret_from, show, with_book
from gateway.cli.options import Command
from gateway.config.account_rules import account_upstream
from gateway.config.problems import BadValue

_COLUMNS = ("name", "enabled", "credential", "provider", "upstream", "mailbox", "note")


@click.group()
def account() -> None:
    """Add, show, change and remove accounts."""


def _about(command: Command) -> Command:
    """The options that say what an account is."""
    options = (
        click.option(
            "--upstream", metavar="URL", help="Where its mail is, if not where usual."
        ),
        click.option("--mailbox", metavar="NAME", help="The user's name there, if another."),
        click.option("--provider", metavar="NAME", help="It signs in by OAuth2 at this one."),
        click.option(
            "--keep-password",
            is_flag=True,
            help="Keep the password of the mailbox, and ask for it now.",
        ),
        click.option(
            "--password-file",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="Keep the password in the first line; - is standard input.",
        ),
        click.option(
            "--own-password",
            is_flag=True,
            help="Nothing is kept: the client logs in with the password of the mailbox.",
        ),
        click.option("--note", metavar="TEXT", help="For the administrator."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@account.command()
@click.argument("name")
@_about
@with_book
def add(book: Book, name: str, **about: Any) -> None:
    """Add an account: say what opens its mailbox.

    Give one of --provider, --keep-password, --password-file and --own-password.
    """
    if fault := account_fault(name):
        raise click.UsageError(f"the name {fault}")
    if not _ways(about):
        raise click.UsageError(
            "say what opens the mailbox: --provider, --keep-password, --password-file or "
            "--own-password"
        )
    made = _changed(book, Account(name, created=time.time()), about)
    book.store.accounts.add(made)
    click.echo(f"added: account {name}")
    if made.credential == "oauth":
        click.echo(f"next: pop3-gateway account sign-in {name}")
    if made.credential != "client":
        click.echo(f"next: pop3-gateway device add {name} DEVICE")


@account.command()
@click.argument("name")
@_about
@with_book
def change(book: Book, name: str, **about: Any) -> None:
    """Change what is given; the rest stays."""
    book.store.accounts.save(_changed(book, book.account(name), about))
    click.echo(f"changed: account {name}")


@account.command("list")
@click.argument("text", required=False, default="")
@AS_JSON
@with_book
def list_accounts(book: Book, text: str, as_json: bool) -> None:
    """List accounts, or those with TEXT in their name, mailbox or note."""
    rows: list[dict[str, Any]] = []
    page = 1000
    while True:
        found = book.store.accounts.find(text, limit=page, offset=len(rows))
        rows += [as_row(each) for each in found]
        if len(found) < page:
            break
    show(rows, as_json, _COLUMNS)


@account.command("show")
@click.argument("name")
@AS_JSON
@with_book
def show_account(book: Book, name: str, as_json: bool) -> None:
    """Show an account with its devices, and how its consent stands."""
    found = book.account(name)
    row = as_row(found) | {"consent": _consent(book, found)}
    row["devices"] = [each.name for each in book.store.devices.of(name)]
    if as_json:
        show([row], as_json, ())
        return
    for key, value in row.items():
        text = ", ".join(value) if isinstance(value, list) else value
        click.echo(f"{key:<11} {'-' if text in ('', None) else text}")


@account.command()
@click.argument("name")
@with_book
def enable(book: Book, name: str) -> None:
    """Let its devices log in again."""
    book.store.accounts.save(replace(book.account(name), enabled=True))
    click.echo(f"enabled: account {name}")


@account.command()
@click.argument("name")
@with_book
def disable(book: Book, name: str) -> None:
    """Let nobody log in; everything else is kept."""
    book.store.accounts.save(replace(book.account(name), enabled=False))
    click.echo(f"disabled: account {name}")


@account.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_book
def remove(book: Book, name: str, yes: bool) -> None:
    """Forget an account with its devices and its consent. Its mail stays where it is."""
    found = book.account(name)
    if not yes:
        click.confirm(f"forget {found.name} with all its devices?", abort=True, err=True)
    book.store.accounts.remove(name)
    click.echo(f"removed: account {found.name}")


def as_row(each: Account) -> dict[str, Any]:
    """What may be shown of an account."""
    return {
        "name": each.name,
        "enabled": each.enabled,
        "credential": each.credential,
        "provider": each.provider,
        "upstream": each.upstream,
        "mailbox": each.mailbox,
        "note": each.note,
        "created": when(each.created),
    }


def when(seconds: float | None) -> str | None:
    """A time for people and programs (RFC 3339)."""
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _ways(about: Mapping[str, Any]) -> list[str]:
    names = ("provider", "keep_password", "password_file", "own_password")
    return [name for name in names if about[name]]


def _changed(book: Book, before: Account, about: Mapping[str, Any]) -> Account:
    if len(_ways(about)) > 1:
        raise click.UsageError(
            "--provider, --keep-password, --password-file and --own-password exclude each other"
        )
    texts = {
        key: about[key] for key in ("upstream", "mailbox", "note") if about[key] is not None
    }
    if texts.get("upstream"):
        texts["upstream"] = checked_upstream(book, texts["upstream"])
    return _opened_by(book, replace(before, **texts), about)


def _opened_by(book: Book, account: Account, about: Mapping[str, Any]) -> Account:
    if provider := about["provider"]:
        if book.store.providers.get(provider) is None:
            raise click.ClickException(f"there is no provider {provider}")
        return replace(account, credential="oauth", provider=provider, password=None)
    if about["keep_password"] or about["password_file"]:
        secret = secret_from(about["password_file"], "password of the mailbox")
        return replace(account, credential="password", provider="", password=secret)
    if about["own_password"]:
        return replace(account, credential="client", provider="", password=None)
    return account


def checked_upstream(book: Book, text: str) -> str:
    """The URL as all its spellings are.

    Raises:
        UsageError: It is none, or may not be kept in the database.
    """
    try:
        return str(account_upstream(book.settings, text))
    except BadValue as error:
        raise click.UsageError(f"--upstream {text}: {error}") from None


def _consent(book: Book, account: Account) -> str | None:
    if account.credential != "oauth":
        return None
    grant = book.store.grants.get(account.name)
    if grant is None:
        return "nobody has signed in yet"
    if grant.broken:
        return f"ended: {grant.broken}"
    who = f" by {grant.subject}" if grant.subject else ""
    return f"given{who}, {when(grant.obtained) or 'some time ago'}"
