"""`account sign-in` and `account sign-out`: consent to OAuth2, where there is no console."""

import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import click
from twisted.internet.task import deferLater

from gateway.accounts.model import Grant
from gateway.accounts.oauth.causes import SignInRefused
from gateway.accounts.oauth.service import SignIn, Waiting
from gateway.accounts.store.database import Runner
from gateway.app.oauth import make_oauth
from gateway.cli.accounts.account import account
from gateway.cli.accounts.book import Book, fail, with_book
from gateway.cli.upstream.findings import CheckFailed
from gateway.cli.upstream.view import run
from gateway.errors import Failure
from gateway.telemetry import Emitter

# Nobody listens there: the browser shows an error, and its address bar what is needed.
_NOWHERE = "http://127.0.0.1:8477/signed-in"
_Work = Callable[[SignIn, Any], Awaitable[Grant | None]]


@account.command("sign-in")
@click.argument("name")
@click.option(
    "--by",
    type=click.Choice(("browser", "code", "client")),
    default="browser",
    show_default=True,
    help="In a browser anywhere; by a code to be entered in one; or as the client itself.",
)
@click.option(
    "--redirect-uri",
    metavar="URL",
    default=_NOWHERE,
    show_default=True,
    help="Of the registration at the provider; the browser ends there.",
)
@click.option(
    "--any-mailbox", is_flag=True, help="Somebody else may sign in, for a shared mailbox."
)
@with_book
def sign_in(book: Book, name: str, by: str, redirect_uri: str, any_mailbox: bool) -> None:
    """Sign in to an account's mailbox at its OAuth2 provider."""

    async def browser(oauth: SignIn, _: Any) -> Grant:
        url, pending = await oauth.begin_code(name, redirect_uri)
        click.echo(f"Open this in a browser, as {book.account(name).user}:\n\n{url}\n")
        click.echo(
            "In the end it shows a page that may be empty or an error. Copy the address of "
            "that page, and paste it here:"
        )
        query = urlsplit(sys.stdin.readline().strip()).query
        return await oauth.finish_code(pending, query, any_mailbox=any_mailbox)

    async def code(oauth: SignIn, reactor: Any) -> Grant:
        pending = await oauth.begin_device(name)
        click.echo(f"Open {pending.uri} in a browser, and enter {pending.user_code}")
        while True:
            await deferLater(reactor, pending.interval)
            state = await oauth.poll_device(pending, any_mailbox=any_mailbox)
            if not isinstance(state, Waiting):
                return state
            pending = state.pending

    async def client(oauth: SignIn, _: Any) -> Grant:
        return await oauth.client_credentials(name)

    ways: dict[str, _Work] = {"browser": browser, "code": code, "client": client}
    grant = _signing(book, ways[by])
    who = grant.subject if grant is not None else ""
    click.echo(f"signed in: {book.account(name).name}" + (who and f", by {who}"))


@account.command("sign-out")
@click.argument("name")
@with_book
def sign_out(book: Book, name: str) -> None:
    """Give the consent back, at the provider too if it takes it back."""
    owner = book.account(name)

    async def work(oauth: SignIn, _: Any) -> None:
        await oauth.withdraw(owner.name)

    _signing(book, work)
    click.echo(f"signed out: {owner.name}")


def _signing(book: Book, work: _Work) -> Grant | None:
    """Do it with a reactor; what the provider says no to is told in plain words."""
    from twisted.internet import reactor  # noqa: PLC0415 - installs it

    runner = Runner(book.store.database, reactor)
    emit = Emitter(lambda event, context: None)  # noqa: ARG005
    oauth = make_oauth(
        book.settings.accounts.oauth, book.store, runner, reactor, emit, now=time.time
    )

    wrong: list[Failure | SignInRefused] = []

    async def whole() -> Grant | None:
        try:
            return await work(oauth.sign_in, reactor)
        except (Failure, SignInRefused) as error:
            wrong.append(error)
            return None
        finally:
            await oauth.stop()
            runner.stop()

    try:
        grant = run(reactor, whole)
    except CheckFailed:
        raise click.Abort from None
    for each in wrong:
        code = each.code if isinstance(each, SignInRefused) else ""
        fail(f"{each}" + (code and f" ({code})"))
    return grant
