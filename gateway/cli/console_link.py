"""`console-link`: the link by which the console gets its first administrator."""

import click

from gateway.admin.setup_token import read_link
from gateway.cli.accounts.book import Book, fail, with_book


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
    link = read_link(book.settings.state.dir)
    if not link:
        fail(
            f"there is no link in {book.settings.state.dir}: start the gateway with a console "
            "first (serve --console 127.0.0.1:8080 --accounts embedded), and give the same "
            "--config or --state-dir here"
        )
    click.echo(link)
