"""`device`: logins of an account, each with a password of its own."""

import socket
import time
from dataclasses import replace
from typing import Any

import click
import tomlkit

from gateway.accounts.fence import parse_network
from gateway.accounts.model import Device
from gateway.accounts.names import device_fault
from gateway.accounts.new_device import with_new_password
from gateway.accounts.passwords import DevicePassword
from gateway.cli.accounts.account import when
from gateway.cli.accounts.book import AS_JSON, Book, fail, show, with_book
from gateway.cli.options import Command
from gateway.config import ListenAddress, Settings, parse_listen

_COLUMNS = ("account", "device", "state", "last_seen", "last_peer", "last_tls", "fence", "note")
# Without a file the flags of serve are not known here.
_AS_SERVED = "of --listen-tls (SSL/TLS) or --listen, as the gateway was started"


@click.group()
def device() -> None:
    """Add, list, revoke and remove devices of accounts."""


def _about(command: Command) -> Command:
    """The options that say what a device may do."""
    options = (
        click.option(
            "--fence",
            metavar="NETWORK",
            multiple=True,
            help="It may come from here alone, e.g. 192.0.2.0/24. May be repeated.",
        ),
        click.option("--tls-only", is_flag=True, help="It must come by TLS."),
        click.option("--note", metavar="TEXT", default="", help="For the administrator."),
        click.option(
            "--keep-secret",
            is_flag=True,
            help="Keep the password, encrypted: APOP and CRAM-MD5 do not work without.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@device.command()
@click.argument("account")
@click.argument("name")
@_about
@with_book
def add(book: Book, account: str, name: str, **about: Any) -> None:
    """Add a device, and print its password. It cannot be printed again."""
    owner = book.account(account)
    if owner.credential == "client":
        fail(f"the client of {owner.name} has the password of the mailbox: it needs no other")
    entered = _entered(owner.name, name, about)
    made, password = with_new_password(
        entered, keep=about["keep_secret"], scram=book.settings.accounts.scram
    )
    book.store.devices.add(made)
    _print(book, made, password)


@device.command("list")
@click.argument("account", required=False)
@AS_JSON
@with_book
def list_devices(book: Book, account: str | None, as_json: bool) -> None:
    """List the devices of an account, or of all."""
    if account is not None:
        found = list(book.store.devices.of(book.account(account).name))
    else:
        found, page = [], 1000
        while len(more := book.store.devices.all(limit=page, offset=len(found))) == page:
            found += more
        found += more
    show([_row(each) for each in found], as_json, _COLUMNS)


@device.command()
@click.argument("account")
@click.argument("name")
@with_book
def revoke(book: Book, account: str, name: str) -> None:
    """Let a device log in no more; it stays in the list.

    It takes effect within the seconds of accounts.cache. A session that is open goes on.
    """
    book.store.devices.save(replace(_found(book, account, name), revoked=time.time()))
    click.echo(f"revoked: {account}/{name}")


@device.command()
@click.argument("account")
@click.argument("name")
@with_book
def remove(book: Book, account: str, name: str) -> None:
    """Forget a device; it can log in no more."""
    book.store.devices.remove(account, name)
    click.echo(f"removed: {account}/{name}")


@device.command("hash")
@click.argument("name")
@_about
def print_hash(name: str, **about: Any) -> None:
    """Print a new password, and the lines about it for the settings file."""
    if about["keep_secret"]:
        raise click.UsageError("a password in clear has no place in the settings file")
    made, password = with_new_password(_entered("", name, about), keep=False, scram=False)
    click.echo(f"password: {password.shown.get_secret_value()}", err=True)
    click.echo("It is not shown again. Below the [[accounts.account]] of the device:", err=True)
    values: dict[str, Any] = {
        "name": made.name,
        "selector": made.selector,
        "password_hash": made.hash,
        "fence": list(made.fence),
        "tls_only": made.tls_only,
        "note": made.note,
    }
    table = tomlkit.table()
    table.update({key: value for key, value in values.items() if value})
    click.echo("[[accounts.account.device]]\n" + table.as_string(), nl=False)


def _entered(account: str, name: str, about: dict[str, Any]) -> Device:
    if fault := device_fault(name):
        raise click.UsageError(f"the device's name {fault}")
    for text in about["fence"]:
        try:
            parse_network(text)
        except ValueError as error:
            raise click.UsageError(f"--fence: {error}: {_meant(text)}") from None
    return Device(
        account,
        name,
        selector="",
        hash="",
        fence=about["fence"],
        tls_only=about["tls_only"],
        note=about["note"],
        created=time.time(),
    )


def _meant(text: str) -> str:
    """What to write instead: often an address of the network was given for the network."""
    try:
        network = parse_network(text, strict=False)
    except ValueError:
        return "write an address or a network, such as 192.0.2.0/24 or 2001:db8::/64"
    return f"write {network} for all of it, or {text.partition('/')[0]} for one address"


def _found(book: Book, account: str, name: str) -> Device:
    found = book.store.devices.get(account, name)
    if found is None:
        fail(f"{account} has no device {name}")
    return found


def _row(each: Device) -> dict[str, Any]:
    return {
        "account": each.account,
        "device": each.name,
        "state": "active" if each.revoked is None else "revoked",
        "tls_only": each.tls_only,
        "fence": list(each.fence),
        "secret_kept": each.secret is not None,
        "created": when(each.created),
        "revoked": when(each.revoked),
        "last_seen": when(each.last_seen),
        "last_peer": each.last_peer,
        "last_tls": each.last_tls,
        "note": each.note,
    }


def _print(book: Book, made: Device, password: DevicePassword) -> None:
    settings = book.settings
    click.echo(f"added: {made.account}/{made.name}. What to enter there:")
    click.echo(f"  server     {settings.console.pop3_host or socket.getfqdn()}")
    for line in _places(settings, tls_only=made.tls_only) if book.from_file else [_AS_SERVED]:
        click.echo(f"  port       {line}")
    click.echo(f"  user name  {made.account}")
    click.echo(f"  password   {password.shown.get_secret_value()}")
    click.echo("The password is not shown again. Dashes and capitals do not matter.")


def _places(settings: Settings, *, tls_only: bool) -> list[str]:
    """Where clients connect, the safest first; `tls_only` leaves out where there is no TLS."""
    listen = settings.listen
    upgrade = "STARTTLS" if listen.cert else "no TLS"
    kinds = {"implicit": "SSL/TLS", "stls": "STARTTLS", "none": "no TLS"}
    found = [(text, "SSL/TLS") for text in listen.tls]
    found += [(text, upgrade) for text in listen.plain]
    found += [(each.address, f"{kinds[each.tls]}, fenced") for each in listen.fenced]
    return [
        f"{_port(text)} ({tls})" for text, tls in found if not (tls_only and "no TLS" in tls)
    ]


def _port(text: str) -> str:
    address = parse_listen(text)
    return str(address.port) if isinstance(address, ListenAddress) else text
