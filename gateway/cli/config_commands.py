"""`check-config`, `show-config` and `config-reference`: settings, looked at from outside."""

from pathlib import Path

import click

from gateway.cli.options import settings_from, settings_options
from gateway.config.profile_reference import profile_reference
from gateway.config.reference import reference
from gateway.config.show import show


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def check_config(file: Path) -> None:
    """Say everything that is wrong with a configuration file.

    Each mistake is told with the file and line, the key, its value, what is wrong and what
    would be right. The status is 0 if there is none, and 2 otherwise.
    """
    settings_from(file, {})
    click.echo(f"{file}: no mistakes found")


@click.command()
@settings_options()
def show_config(config: Path | None, **flags: object) -> None:
    """Print the effective settings as TOML, secrets hidden.

    Takes the flags of serve, to show what serve would do with them.
    """
    click.echo(show(settings_from(config, flags)), nl=False)


@click.command()
@click.option(
    "--profiles", is_flag=True, help="The keys of profiles (docs/profiles.md) instead."
)
def config_reference(profiles: bool) -> None:
    """Print the page of all settings (docs/configuration.md)."""
    click.echo(profile_reference() if profiles else reference(), nl=False)
