"""`test-alarm`: whether those who would be told of alarms can be told."""

from collections.abc import Mapping
from pathlib import Path

import click

from gateway.admin.alarms.letter import Letter
from gateway.admin.alarms.worries import Worry
from gateway.app.alarms import carriers
from gateway.cli.options import settings_from, settings_options
from gateway.cli.upstream.view import run
from gateway.errors import Failure

_LETTER = Letter(
    (Worry("test", "this is a test", "Somebody ran pop3-gateway test-alarm", "nothing"),), ""
)


@click.command("test-alarm")
@settings_options(())
def send_test(config: Path | None) -> None:
    """Send a test to those who are told of alarms, by each way of [alarms].

    The status is 0 if all could be told and 1 if not.
    """
    settings = settings_from(config, {}).alarms
    if not settings.wanted:
        raise click.UsageError(
            "nobody is told of alarms: set mail_to or webhook_file in [alarms], and give the "
            "file by --config"
        )
    from twisted.internet import reactor  # noqa: PLC0415 - installs it

    try:
        ways = carriers(settings, reactor)
    except Failure as error:
        raise click.ClickException(str(error)) from None

    async def tell() -> Mapping[str, str]:
        said: dict[str, str] = {}
        for name, carry in ways.items():
            try:
                said[name] = await carry(_LETTER)
            except Failure as error:
                said[name] = error.detail
        return said

    said = run(reactor, tell)
    for name, complaint in said.items():
        click.echo(f"{name}: {complaint or 'sent'}")
    raise click.exceptions.Exit(int(any(said.values())))
