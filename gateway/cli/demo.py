"""`demo`: the gateway in front of sample mail, with a POP3 conversation to look at."""

import secrets
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from gateway.backend.embedded.samples import make_sample_maildir
from gateway.cli.conversation import ConversationBroken
from gateway.cli.demo_child import Child, ChildFailed, free_address, serve_command
from gateway.cli.demo_play import Mailbox, play, show_how_to_connect
from gateway.config import ListenAddress, parse_listen
from gateway.config.problems import BadValue

_DEFAULT = "127.0.0.1:1110"
_SAMPLE_PASSWORD = "demo"  # noqa: S105 (known to everybody; for loopback only)


@click.command()
@click.option(
    "--maildir",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    help="Serve this Maildir instead of samples; the demo deletes nothing in it.",
)
@click.option("--listen", metavar="HOST:PORT", help=f"Where to serve.  [default: {_DEFAULT}]")
@click.option("--once", is_flag=True, help="Stop after the conversation.")
def demo(maildir: Path | None, listen: str | None, once: bool) -> None:
    """Serve sample mail and show a POP3 conversation with it.

    Needs no mail server and leaves nothing behind. Serves until Ctrl-C, so that a mail
    program can be tried.
    """
    address = _address(listen)
    try:
        with _signals_end_it(), ExitStack() as stack:
            # As short as can be: a signal in between is one that leaves the directory.
            temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pop3-")))
            mailbox = _mailbox(maildir, address, temporary)
            child = stack.enter_context(_gateway(mailbox, temporary))
            play(mailbox)
            if not once:
                show_how_to_connect(mailbox)
                child.wait()
    except KeyboardInterrupt:
        click.echo("\nStopped.")
    except (ChildFailed, ConversationBroken) as error:
        click.echo(f"pop3-gateway: the demo failed: {error}", err=True)
        raise click.exceptions.Exit(1) from None


def _address(listen: str | None) -> ListenAddress:
    try:
        address = parse_listen(listen or _DEFAULT)
    except BadValue as error:
        raise click.BadParameter(str(error), param_hint="--listen") from None
    if not isinstance(address, ListenAddress):
        raise click.BadParameter("a demo listens at HOST:PORT", param_hint="--listen")
    free = free_address(address, any_port=listen is None)
    if free is None:
        raise click.BadParameter(f"{address} cannot be listened at", param_hint="--listen")
    if free.port != address.port != 0:
        click.echo(f"Port {address.port} is taken; port {free.port} is used instead.")
    return free


def _mailbox(maildir: Path | None, address: ListenAddress, temporary: Path) -> Mailbox:
    directory = maildir or temporary / "Maildir"
    if maildir is None:
        count = make_sample_maildir(directory)
        click.echo(f"A Maildir with {count} sample messages was made: {directory}")
    elif not all((directory / place).is_dir() for place in ("cur", "new")):
        raise click.BadParameter(
            f"{directory} is not a Maildir: it has no cur and new", param_hint="--maildir"
        )
    # A known password must not open somebody's own mail to every user of this machine,
    # nor anything to the network.
    known = maildir is None and address.is_loopback
    password = _SAMPLE_PASSWORD if known else secrets.token_urlsafe(12)
    return Mailbox(directory, address, password, is_sample=maildir is None, is_known=known)


@contextmanager
def _gateway(mailbox: Mailbox, temporary: Path) -> Iterator[Child]:
    password_file = None
    if not mailbox.is_known:
        password_file = temporary / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(mailbox.password + "\n")
    command = serve_command(
        mailbox.directory, mailbox.address, temporary / "state", password_file
    )
    click.echo("The gateway is started in front of it:\n")
    click.secho(f"    {command.shown}\n", bold=True)
    with Child(command) as child:
        click.echo(child.wait_until_ready())
        yield child


@contextmanager
def _signals_end_it() -> Iterator[None]:
    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        # Once: what is then cleaned up is not to be interrupted.
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    # Set outright, since a shell starts background jobs with SIGINT ignored.
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, end) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
