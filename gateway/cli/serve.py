"""`serve`: the gateway itself."""

from pathlib import Path

import click

from gateway.cli.options import given, settings_from, settings_options
from gateway.config import load
from gateway.errors import Failure


@click.command()
@settings_options()
def serve(config: Path | None, **flags: object) -> None:
    """Serve POP3 until told to stop.

    One line is printed when every address accepts clients. SIGTERM and Ctrl-C drain: nobody
    new is let in, messages on their way are finished, and so is every UPDATE.

    The status is 2 if the settings are wrong and 1 if it cannot run with them.
    """
    settings = settings_from(config, flags)
    # Late, because this brings in Twisted, and wrong settings shall be told at once.
    from gateway.app import run  # noqa: PLC0415

    try:
        status = run(settings, lambda: load(config, given(flags)))
    except (Failure, OSError) as error:
        click.echo(f"pop3-gateway: cannot serve: {error}", err=True)
        status = 1
    raise click.exceptions.Exit(status)
