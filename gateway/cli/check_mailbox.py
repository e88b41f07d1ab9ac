"""`check-mailbox`: whether a server keeps the REST mailbox contract."""

import base64
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import click

from gateway.cli.mailbox import access_checks, list_checks, raw_checks
from gateway.cli.mailbox.delete_checks import Permission, deletion
from gateway.cli.mailbox.raw_checks import Result
from gateway.cli.mailbox.rules import Breach, CannotGoOn, Skipped
from gateway.cli.mailbox.view import View, look
from gateway.cli.mailbox.wire import NoAnswer, Target, target_of
from gateway.cli.secret_files import password_in, tokens_in

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_MOST_SHOWN = 3
_CHECKS: Sequence[tuple[str, Callable[[View, int], Result]]] = (
    ("size", raw_checks.sizes),
    ("raw", raw_checks.octets),
    ("ranges", raw_checks.ranges),
    ("ids", list_checks.ids),
    ("order", list_checks.order),
    ("pages", list_checks.pages),
    ("state", list_checks.states),
    ("changes", list_checks.changes),
    ("lock", access_checks.lock),
    ("access", access_checks.credentials),
)


@click.command("check-mailbox")
@click.argument("url", metavar="http[s]://HOST[:PORT][/BASE]")
@click.option("--user", metavar="NAME", help="The name to log in with.")
@click.option("--password-file", type=_FILE, help="Its first line is the password of NAME.")
@click.option("--token-file", type=_FILE, help="Its first line is a bearer token.")
@click.option("--ca", type=_FILE, help="Believe this CA (PEM) instead of those of the system.")
@click.option(
    "--sample",
    type=click.IntRange(1, 10_000),
    default=20,
    show_default=True,
    help="Messages to fetch.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1, max=600),
    default=30.0,
    show_default=True,
    help="Seconds to wait for an answer.",
)
@click.option(
    "--delete-id", multiple=True, metavar="ID", help="Try deletion, on this message alone."
)
@click.option(
    "--destructive", is_flag=True, help="Try deletion: the last message of the list is lost."
)
def check_mailbox(
    *,
    url: str,
    user: str | None,
    password_file: Path | None,
    token_file: Path | None,
    ca: Path | None,
    sample: int,
    timeout: float,
    delete_id: tuple[str, ...],
    destructive: bool,
) -> None:
    """Check a server against the REST mailbox contract (docs/rest-mailbox/).

    Everything that is wrong is told with the rule that it breaks and what to do. Deletion is
    tried only if a message is given for it. Wrong credentials are tried a dozen times. Best run
    on a mailbox with some mail of all kinds, and while nothing is delivered.

    The status is 0 if the contract is kept and 1 if not.
    """
    authorization = _authorization(user, password_file, token_file)
    target = target_of(url, authorization, None if ca is None else str(ca), timeout)
    _warn(url)
    permission = Permission(delete_id, destructive)
    breaches = 0
    for line in _findings(target, sample, permission):
        breaches += isinstance(line, Breach)
        click.echo(_shown(str(line)))
    click.echo(
        f"\nThe contract is broken in {breaches} way{'s' if breaches != 1 else ''}."
        if breaches
        else "\nThe contract is kept, as far as was looked."
    )
    raise click.exceptions.Exit(breaches > 0)


def _shown(text: str) -> str:
    """What a server says must not steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def _authorization(user: str | None, password: Path | None, tokens: Path | None) -> str:
    if (user is None) != (password is None) or (password is None) == (tokens is None):
        raise click.UsageError("give --user with --password-file, or --token-file")
    if tokens is not None:
        return f"Bearer {tokens_in(tokens)[0].decode('ascii')}"
    pair = f"{user}:".encode() + (password_in(password) if password else b"")
    return f"Basic {base64.b64encode(pair).decode('ascii')}"


def _warn(url: str) -> None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        is_here = ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    if parts.scheme == "http" and not is_here:
        click.secho("WARNING: no TLS: the credentials can be read on the way.", err=True)


def _findings(target: Target, sample: int, permission: Permission) -> Iterator[Breach | str]:
    try:
        view = look(target)
    except CannotGoOn as error:
        yield error.breach
        return
    except NoAnswer as error:
        yield _unanswered(error)
        return
    session = view.session
    yield f"      account {session.account}, {len(view.messages)} messages"
    yield f"      features: {', '.join(session.features) or 'none'}"
    for name, check in _CHECKS:
        yield from _carried_out(name, partial(check, view, sample))
    yield from _carried_out("delete", partial(deletion, view, permission))


def _carried_out(name: str, check: Callable[[], Result]) -> Iterator[Breach | str]:
    """The breaches of one check, each kind once; what it says at its end if there is none."""
    kinds: dict[tuple[int, str], list[Breach]] = {}
    said = ""
    for result in _without_raising(check):
        if isinstance(result, Breach):
            kinds.setdefault((result.rule, result.remedy), []).append(result)
        else:
            said = result
    for breaches in kinds.values():
        yield breaches[0]
        yield from (f"      So too: {each.seen}" for each in breaches[1:_MOST_SHOWN])
        if len(breaches) > _MOST_SHOWN:
            yield f"      and {len(breaches) - _MOST_SHOWN} more like these"
    if not kinds:
        yield f"{'' if isinstance(said, Skipped) else 'ok':<6}{name}: {said}"


def _without_raising(check: Callable[[], Result]) -> Result:
    try:
        yield from check()
    except CannotGoOn as error:
        yield error.breach
    except NoAnswer as error:
        yield _unanswered(error)


def _unanswered(error: NoAnswer) -> Breach:
    remedy = (
        "answer every request by HTTP, and soon; or is the address wrong, or the CA (--ca)?"
    )
    return Breach(13, f"no answer: {error}", remedy)
