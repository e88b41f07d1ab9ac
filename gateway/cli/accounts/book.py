"""The directory as the commands see it: opened as the gateway would, closed in the end."""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

import click
from pydantic import SecretStr

from gateway.accounts.model import Account
from gateway.accounts.opened import Opened, open_store
from gateway.accounts.store import Store, StoreRefusal
from gateway.cli.options import Command, given, refuse, settings_options
from gateway.cli.secret_files import password_in
from gateway.config import ConfigError, Settings, load
from gateway.errors import Failure

_KEYS = ("accounts.store", "state.dir")


@dataclass(frozen=True, slots=True)
class Book:
    """The directory and the settings that it was found by.

    Attributes:
        settings: Those of the file, or the defaults.
        opened: The directory.
        from_file: Whether there is a file; where the gateway listens is not known without.
    """

    settings: Settings
    opened: Opened
    from_file: bool

    @property
    def store(self) -> Store:
        """The database."""
        return self.opened.store

    def account(self, name: str) -> Account:
        """One that is there.

        Raises:
            ClickException: It is not.
        """
        found = self.store.accounts.get(name)
        if found is None:
            raise click.ClickException(
                f"there is no account {name} in {self._where}: pop3-gateway account list has "
                "all, account add makes one; --config or --state-dir names another directory"
            )
        return found

    @property
    def _where(self) -> str:
        store = self.settings.store
        return str(store) if self.settings.accounts.store == "embedded" else "the database"


def with_book(command: Command) -> Command:
    """Adds the options that say which directory; the command gets a `Book` first."""

    @settings_options(_KEYS)
    @wraps(command)
    def run(
        config: Path | None, accounts__store: str | None, state__dir: str | None, **rest: Any
    ) -> None:
        flags = {"accounts__store": accounts__store, "state__dir": state__dir}
        settings = _settings(config, given(flags))
        _check_owner(settings)
        if settings.store is None:
            raise click.UsageError("accounts.store is not set: give --accounts embedded")
        try:
            opened = open_store(settings.store, settings.accounts)
            try:
                command(Book(settings, opened, config is not None), **rest)
            finally:
                opened.store.close()
        except (StoreRefusal, Failure) as error:
            fail(str(error))

    return run


def _settings(config: Path | None, flags: Mapping[str, object]) -> Settings:
    """Without a file and a flag there is only one directory that can be meant."""
    if config is None:
        flags = {"accounts.store": "embedded", **flags}
    try:
        return load(config, flags)
    except ConfigError as error:
        refuse(error)


def _check_owner(settings: Settings) -> None:
    """Root must not make files that the gateway then cannot write to."""
    directory = settings.state.dir
    if settings.accounts.store != "embedded" or os.geteuid() or not directory.exists():
        return
    owner = directory.stat().st_uid
    if owner:
        raise click.UsageError(
            f"{directory} belongs to another user: run this as him, e.g. with "
            f"setpriv --reuid={owner} or sudo -u '#{owner}'"
        )


def fail(text: str) -> NoReturn:
    """Say why it cannot be done, and end with status 1."""
    click.echo(f"pop3-gateway: {text}", err=True)
    raise click.exceptions.Exit(1)


def secret_from(file: Path | None, prompt: str) -> SecretStr:
    """A secret: the first line of a file (`-` is standard input), or what somebody types."""
    if file is None:
        typed: str = click.prompt(prompt, hide_input=True, confirmation_prompt=True, err=True)
        return SecretStr(typed)
    if str(file) == "-":
        text = sys.stdin.readline().rstrip("\r\n")
    else:
        text = password_in(file).decode("utf-8", "surrogateescape")
    if not text or not text.isprintable():
        raise click.UsageError("the first line, which is the secret, is empty or is no text")
    return SecretStr(text)


def show(rows: Sequence[Mapping[str, Any]], as_json: bool, columns: Sequence[str]) -> None:
    """Print rows as a table for people, or all that is in them as JSON."""
    if as_json:
        click.echo(json.dumps(list(rows), indent=2))
        return
    table = [[each.upper() for each in columns]]
    table += [[_cell(row[each]) for each in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for cells in table:
        line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        click.echo(line.rstrip())


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) or "-" if isinstance(value, list) else str(value)


AS_JSON: Callable[[Command], Command] = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON."
)
