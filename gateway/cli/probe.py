"""`probe`: play a client against any POP3 server, and judge what it says."""

import os
import ssl
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import click

from gateway.cli.probe_checks import Check, Verdict
from gateway.cli.probe_script import Probe
from gateway.cli.probe_target import Account, Server

_PORTS = {"pop3": 110, "pop3s": 995}
_COLOURS = {Verdict.PASS: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class _Target:
    user: bytes
    address: tuple[str, int]
    tls: bool


@click.command()
@click.argument("url", metavar="pop3[s]://USER@HOST[:PORT]")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file whose first line is the password; otherwise the environment variable"
    " POP3_PASSWORD has it, or it is asked for.",
)
@click.option("--starttls", is_flag=True, help="Begin TLS with STLS before the login.")
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Believe certificates of this authority (PEM) instead of the system's.",
)
@click.option(
    "--no-verify",
    is_flag=True,
    help="Believe any certificate: whoever is on the way can then read the password.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=30.0,
    show_default=True,
    help="Seconds that an answer may take.",
)
@click.option(
    "--no-dele",
    is_flag=True,
    help="Do not try DELE. It is taken back with RSET, but a badly broken server may"
    " delete at once.",
)
@click.option("--quiet", is_flag=True, help="Show the judgement without the conversation.")
def probe(
    *,
    url: str,
    password_file: Path | None,
    starttls: bool,
    ca: Path | None,
    no_verify: bool,
    timeout: float,
    no_dele: bool,
    quiet: bool,
) -> None:
    """Play a client against any POP3 server, and judge what it says.

    Shows the conversation and a list of checks, each PASS, WARN or FAIL. Nothing is
    deleted: DELE is taken back with RSET before QUIT. RETR is tried on up to ten
    messages, which some servers then show as read.

    The exit status is 0 if nothing fails, 1 if something does, 2 for a wrong command line.
    """
    target = _parse(url)
    if starttls and target.tls:
        raise click.UsageError("pop3s:// is TLS already; --starttls is for pop3://")
    _warn(target, starttls, no_verify)
    server = Server(target.address, _context(ca, no_verify), target.tls, starttls, timeout)
    account = Account(target.user, _password(password_file))
    tell = _silent if quiet else _show
    checks = Probe(server, account, tell, try_delete=not no_dele).run()
    _report(checks)
    raise click.exceptions.Exit(any(check.verdict is Verdict.FAIL for check in checks))


def _parse(url: str) -> _Target:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise click.BadParameter(f"{error}", param_hint="URL") from None
    if parts.scheme not in _PORTS or not parts.hostname or not parts.username:
        raise click.BadParameter("it has the form pop3[s]://USER@HOST[:PORT]", param_hint="URL")
    if parts.password is not None:
        # Everybody on the machine can read the arguments of a program. Not quoted here.
        raise click.BadParameter("the password does not belong in it", param_hint="URL")
    user = unquote_to_bytes(parts.username)
    _on_one_line(user, "the user name")
    address = (parts.hostname, port if port is not None else _PORTS[parts.scheme])
    return _Target(user, address, parts.scheme == "pop3s")


def _password(file: Path | None) -> bytes:
    if file is not None:
        with file.open("rb") as lines:
            password = lines.readline(4096).rstrip(b"\r\n")
    elif "POP3_PASSWORD" in os.environ:
        password = os.fsencode(os.environ["POP3_PASSWORD"])
    else:
        prompted: str = click.prompt("Password", hide_input=True, err=True)
        password = prompted.encode()
    _on_one_line(password, "the password")
    return password


def _on_one_line(octets: bytes, what: str) -> None:
    if any(octet in octets for octet in b"\r\n\0"):
        raise click.UsageError(f"{what} must not hold CR, LF or NUL")


def _warn(target: _Target, starttls: bool, no_verify: bool) -> None:
    if no_verify:
        click.secho(
            "WARNING: certificates are not verified. Whoever is on the way to this server"
            " can read the password and the mail.",
            fg="red",
            err=True,
        )
    if not (target.tls or starttls or target.address[0] in _LOOPBACK):
        click.secho(
            "WARNING: no TLS: the password goes over the network in plain text.",
            fg="red",
            err=True,
        )


def _context(ca: Path | None, no_verify: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca)
    except ssl.SSLError as error:
        raise click.BadParameter(f"{ca}: {error}", param_hint="--ca") from None
    if no_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _show(line: str) -> None:
    click.secho(line, dim=line.startswith("S:"), bold=line.startswith("--"))


def _silent(_line: str) -> None:
    pass


def _report(checks: Sequence[Check]) -> None:
    click.echo()
    width = max((len(check.name) for check in checks), default=0)
    for check in checks:
        verdict = click.style(check.verdict, fg=_COLOURS[check.verdict])
        click.echo(f"{verdict}  {check.name:<{width}}  {check.text}")
    counts = Counter(check.verdict for check in checks)
    click.echo(", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict))
