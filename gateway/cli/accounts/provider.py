"""`provider`: where accounts sign in by OAuth2."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import click
from pydantic import SecretStr

from gateway.accounts.model import Preset, Provider
from gateway.accounts.oauth.assertion import check_key
from gateway.cli.accounts.account import checked_upstream, when
from gateway.cli.accounts.book import AS_JSON, Book, secret_from, show, with_book
from gateway.cli.secret_files import whole_file
from gateway.errors import Misconfigured

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_COLUMNS = ("name", "preset", "upstream", "client_id", "issuer", "tenant", "secret_ends")


@click.group()
def provider() -> None:
    """Add, list and remove OAuth2 providers."""


@provider.command()
@click.argument("name")
@click.option("--preset", type=click.Choice(get_args(Preset)), required=True, help="Whose.")
@click.option("--upstream", metavar="URL", required=True, help="Where the mailboxes are.")
@click.option("--client-id", metavar="ID", required=True, help="Of our registration there.")
@click.option("--client-secret", is_flag=True, help="There is a client secret: ask for it.")
@click.option(
    "--client-secret-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Its first line is the client secret; - is standard input.",
)
@click.option(
    "--client-key-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Instead of a secret: PEM with the private key and its certificate (Microsoft), or "
    "the JSON file of a Google service account.",
)
@click.option(
    "--secret-ends",
    metavar="DATE",
    type=click.DateTime(["%Y-%m-%d"]),
    help="When the client secret ends: there is an alarm before.",
)
@click.option("--issuer", metavar="URL", default="", help="Of the preset oidc.")
@click.option("--tenant", metavar="NAME", default="", help="Of the preset microsoft.")
@click.option("--scope", metavar="SCOPE", multiple=True, help="Instead of the preset's.")
@with_book
def add(book: Book, name: str, **about: Any) -> None:
    """Add a provider, or change it: everything is given anew."""
    if not _NAME.fullmatch(name):
        raise click.UsageError("the name must be of a-z, 0-9 and dashes")
    if (about["preset"] == "oidc") != bool(about["issuer"]):
        raise click.UsageError("--issuer belongs to the preset oidc, which needs it")
    ends: datetime | None = about["secret_ends"]
    secret = None
    if file := about["client_key_file"]:
        secret = _key(file)
    elif about["client_secret"] or about["client_secret_file"]:
        secret = secret_from(about["client_secret_file"], "client secret")
    made = Provider(
        name,
        about["preset"],
        checked_upstream(book, about["upstream"]),
        about["client_id"],
        secret,
        issuer=about["issuer"],
        tenant=about["tenant"],
        scopes=about["scope"],
        secret_ends=ends.replace(tzinfo=UTC).timestamp() if ends else None,
    )
    book.store.providers.save(made)
    click.echo(f"kept: provider {name}")
    if made.secret_ends is not None and made.secret_ends < time.time():
        click.echo("its client secret has ended already", err=True)


@provider.command("list")
@AS_JSON
@with_book
def list_providers(book: Book, as_json: bool) -> None:
    """List them."""
    show([_row(each) for each in book.store.providers.all()], as_json, _COLUMNS)


@provider.command()
@click.argument("name")
@with_book
def remove(book: Book, name: str) -> None:
    """Forget one that no account uses."""
    book.store.providers.remove(name)
    click.echo(f"removed: provider {name}")


def _key(file: Path) -> SecretStr:
    try:
        secret = SecretStr(whole_file(file).decode())
        check_key(secret)
    except UnicodeDecodeError:
        raise click.UsageError(f"{file}: it is no text") from None
    except Misconfigured as error:
        raise click.UsageError(f"{file}: {error.detail}") from None
    return secret


def _row(each: Provider) -> dict[str, Any]:
    return {
        "name": each.name,
        "preset": each.preset,
        "upstream": each.upstream,
        "client_id": each.client_id,
        "client_secret": "kept" if each.client_secret is not None else None,
        "issuer": each.issuer,
        "tenant": each.tenant,
        "scopes": list(each.scopes),
        "secret_ends": when(each.secret_ends),
    }
