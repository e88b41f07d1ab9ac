"""`throttle`: who is locked out, and letting him in again, while the gateway runs."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from gateway.accounts.throttle import Entry, ThrottleStore, open_store
from gateway.cli.options import settings_from
from gateway.config.tree import StateSettings
from gateway.errors import Failure
from gateway.telemetry import Emitter, Event

_HEAD = ("WHAT", "NAME", "WHERE", "COUNT", "SINCE", "UNTIL", "LAST SEEN")


@click.group()
def throttle() -> None:
    """Show who is locked out after wrong passwords, and lift it."""


def _with_store(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which gateway; they are those of serve."""
    command = click.option(
        "--state-dir",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="The state directory of the gateway, as serve has it.",
    )(command)
    return click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="The TOML file of the gateway; --state-dir wins over it.",
    )(command)


@throttle.command("list")
@_with_store
def list_entries(config: Path | None, state_dir: Path | None) -> None:
    """Print what is held against whom, the locked ones first.

    An account or an address without UNTIL has wrong passwords but is not locked. A password
    is one of that account which the upstream refused and which is not shown to it again.
    """
    entries = _ask(config, state_dir, lambda store: store.entries(), missing=())
    if not entries:
        click.echo("nobody is locked out, and no password is held back")
        return
    rows = [_HEAD, *map(_row, entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


@throttle.command()
@click.argument("who", metavar="[NAME|ADDRESS]", required=False)
@click.option("--all", "everything", is_flag=True, help="Everything that is held back.")
@_with_store
def lift(
    who: str | None, everything: bool, config: Path | None, state_dir: Path | None
) -> None:
    """Forget the wrong passwords of an account with its devices, or of an address.

    Locks of it end at once, and passwords that were held back are tried again. It works
    while the gateway runs.
    """
    if (who is None) is not everything:
        raise click.UsageError("give a name, or an address, or --all")
    lifted = _ask(config, state_dir, lambda store: store.lift(who), missing=0)
    whose = "everybody" if who is None else who
    if not lifted:
        click.echo(f"pop3-gateway: nothing is held against {whose}", err=True)
        raise click.exceptions.Exit(1)
    click.echo(f"forgotten: {lifted} of {whose}")


def _ask(
    config: Path | None,
    state_dir: Path | None,
    ask: Callable[[ThrottleStore], Any],
    missing: Any,
) -> Any:
    """What the store says; `missing` if there is none, which is not made here."""
    directory = _directory(config, state_dir)
    if not (directory / "throttle.sqlite").exists():
        return missing
    try:
        with closing(open_store(directory, None, time.time, Emitter(_nowhere))) as store:
            return ask(store)
    except Failure as error:
        click.echo(f"pop3-gateway: {error}", err=True)
        raise click.exceptions.Exit(1) from None


def _directory(config: Path | None, state_dir: Path | None) -> Path:
    if state_dir is not None:
        return state_dir
    return StateSettings().dir if config is None else settings_from(config, {}).state.dir


def _nowhere(event: Event, context: Mapping[str, object]) -> None:
    """This command tells by itself what it did."""


def _row(entry: Entry) -> Sequence[str]:
    until = "" if entry.until is None else _time(entry.until)
    return (
        entry.kind,
        entry.name,
        entry.where,
        str(entry.count),
        _time(entry.since),
        until,
        _time(entry.last_seen),
    )


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
