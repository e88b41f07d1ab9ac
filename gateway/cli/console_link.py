"""`console-link`: the link by which the console gets its first administrator."""

import time
from pathlib import Path

import click

from gateway.admin.setup_token import read_link
from gateway.cli.accounts.book import Book, fail, with_book

_PATIENCE = 15.0
_LOOK_SECONDS = 0.1


@click.command("console-link")
@with_book
def console_link(book: Book) -> None:
    """Print the link that makes the first administrator of the console.

    It works once. Whoever has it can make himself the administrator: open it in your own
    browser, and send it to nobody.
    """
    if people := book.store.administrators.all():
        names = ", ".join(each.name for each in people)
        fail(
            f"the console has its administrator ({names}): sign in there; for a forgotten "
            "password there is pop3-gateway admin password NAME"
        )
    link = _wait_for_link(book.settings.state.dir)
    if not link:
        fail(
            f"there is no link in {book.settings.state.dir}: start the gateway with a console "
            "first (serve --console 127.0.0.1:8080 --accounts embedded), and give the same "
            "--config or --state-dir here"
        )
    click.echo(link)


def _wait_for_link(state: Path) -> str:
    """The office writes it some time after the gateway's ready line; empty if it does not."""
    until = time.monotonic() + (_PATIENCE if (state / "run").is_dir() else 0)
    while not (link := read_link(state)) and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
    return link
