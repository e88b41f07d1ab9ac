"""`mailbox-server`: the example of the REST mailbox contract, over a Maildir."""

from pathlib import Path

import click

from gateway.cli.secret_files import password_in, tokens_in
from gateway.config import ListenAddress, parse_listen
from gateway.config.problems import BadValue

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("mailbox-server")
@click.option(
    "--maildir",
    required=True,
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    help="The mailbox: a directory with cur, new and tmp.",
)
@click.option(
    "--listen",
    default="127.0.0.1:8143",
    show_default=True,
    metavar="HOST:PORT",
    help="Where to serve; port 0 is any free one.",
)
@click.option("--user", metavar="NAME", help="Who may log in with a password.")
@click.option("--password-file", type=_FILE, help="Its first line is the password of NAME.")
@click.option("--token-file", type=_FILE, help="Each of its lines is a bearer token.")
@click.option(
    "--page",
    type=click.IntRange(1, 10_000),
    default=1000,
    show_default=True,
    help="Messages in one answer.",
)
@click.option(
    "--bulk-delete",
    type=click.IntRange(1, 500),
    default=500,
    show_default=True,
    help="Ids in one deletion.",
)
@click.option(
    "--history",
    type=click.IntRange(1, 1_000_000),
    default=10_000,
    show_default=True,
    help="How many events /changes can look back.",
)
def mailbox_server(
    *,
    maildir: Path,
    listen: str,
    user: str | None,
    password_file: Path | None,
    token_file: Path | None,
    page: int,
    bulk_delete: int,
    history: int,
) -> None:
    """Serve a Maildir by the REST mailbox contract: the example for webmail makers.

    The contract is in docs/rest-mailbox/, the code in gateway/mailbox_server/. There is no TLS:
    for more than a trial on this machine put a web server that has it in front.
    """
    address = _address(listen)
    if (user is None) != (password_file is None):
        raise click.UsageError("--user and --password-file belong together")
    if password_file is None and token_file is None:
        # Not even on loopback: every user and every web page on this machine can get there.
        raise click.UsageError(
            "mail is served to nobody without credentials: give --user NAME with "
            "--password-file FILE, or --token-file FILE, or all three"
        )
    if not address.is_loopback:
        click.secho(
            "WARNING: no TLS: passwords and mail can be read on the way.", fg="red", err=True
        )
    # Late, because these bring in Twisted.
    from twisted.internet import reactor  # noqa: PLC0415
    from twisted.internet.error import CannotListenError  # noqa: PLC0415

    from gateway.mailbox_server.api import Limits  # noqa: PLC0415
    from gateway.mailbox_server.credentials import Credentials  # noqa: PLC0415
    from gateway.mailbox_server.server import mailbox_site, serve  # noqa: PLC0415

    credentials = Credentials(
        user or "mailbox",
        None if password_file is None else password_in(password_file),
        () if token_file is None else tokens_in(token_file),
    )
    site = mailbox_site(maildir, credentials, Limits(page, bulk_delete), history, reactor)
    try:
        serve(site, address.host, address.port, reactor)
    except CannotListenError as error:
        click.echo(f"pop3-gateway: cannot listen at {address}: {error.socketError}", err=True)
        raise click.exceptions.Exit(1) from None


def _address(listen: str) -> ListenAddress:
    try:
        address = parse_listen(listen)
    except BadValue as error:
        raise click.BadParameter(str(error), param_hint="--listen") from None
    if not isinstance(address, ListenAddress):
        raise click.BadParameter("HOST:PORT is needed", param_hint="--listen")
    return address
