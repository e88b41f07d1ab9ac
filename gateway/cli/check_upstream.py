"""`check-upstream`: whether the gateway can serve what is on a server, and how well."""

import os
from collections.abc import Iterator
from pathlib import Path

import click
from pydantic import SecretBytes

from gateway.cli.options import UPSTREAM_FLAGS, settings_from, settings_options
from gateway.cli.upstream.findings import CheckFailed, Finding, Mark, bad
from gateway.config import Settings
from gateway.maildrop import Login

_PASSWORD = "POP3_GATEWAY_PASSWORD"  # noqa: S105  # the name of the variable


@click.command()
@click.argument("url")
@click.option("--user", required=True, metavar="NAME", help="The name to log in with.")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help=f"Its first line is the password. Else ${_PASSWORD} is, or you are asked.",
)
@click.option(
    "--sample",
    type=click.IntRange(0, 1000),
    default=20,
    show_default=True,
    metavar="N",
    help="How many messages to fetch to see whether sizes are exact.",
)
@settings_options(UPSTREAM_FLAGS)
def check_upstream(
    url: str,
    user: str,
    password_file: Path | None,
    sample: int,
    config: Path | None,
    **flags: object,
) -> None:
    """Try an upstream, and tell what a POP3 client would get of it.

    Connects, verifies TLS, logs in, looks at the INBOX without changing anything, fetches some
    messages to see whether sizes are exact, and compares an independent client with the
    gateway's own driver.

    The status is 0 if the upstream can be served and 1 if not.
    """
    settings = settings_from(config, {"upstream.url": url, **flags})
    password = _password(password_file, asked=_is_needed(settings))
    login = Login(_octets(user), SecretBytes(password))
    status = 0
    click.echo(str(settings.upstream.url))
    for finding in _checked(settings, login, sample):
        click.echo(str(finding))
        status |= finding.mark is Mark.BAD
    raise click.exceptions.Exit(status)


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _is_needed(settings: Settings) -> bool:
    """Whether anybody looks at the password: not where a token opens the mailbox for all."""
    http = settings.upstream.http
    token = http.token_file is not None or http.token_command is not None
    return not (settings.upstream.url.http and token and http.client_password_file is None)


def _password(file: Path | None, *, asked: bool = True) -> bytes:
    if file is not None:
        return file.read_bytes().partition(b"\n")[0].removesuffix(b"\r")
    # Asked for only where it is not given, and never taken from the command line, where
    # everybody on the machine could read it.

    given = os.environ.get(_PASSWORD)
    if given is None:
        given = click.prompt("Password", hide_input=True, err=True) if asked else ""
    return _octets(given)


def _checked(settings: Settings, login: Login, sample: int) -> Iterator[Finding]:
    """Everything, one finding after the other, until something makes the rest pointless."""
    # Late, because these bring in IMAPClient and Twisted.
    from gateway.cli.upstream import steps  # noqa: PLC0415

    try:
        yield from steps.all_of_them(settings, login, sample)
    except CheckFailed as error:
        yield bad(str(error))
