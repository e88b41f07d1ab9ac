"""What the demo plays with the gateway, and what it tells about connecting to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click

from gateway.cli.conversation import Conversation, ConversationBroken, Reply
from gateway.config import ListenAddress

_USER = "demo"
_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Mailbox:
    """What is served.

    Attributes:
        directory: The Maildir.
        address: Where POP3 is spoken.
        password: Of the user `demo`.
        is_sample: Its messages are ours, and may be deleted.
        is_known: The password is the one that everybody knows.
    """

    directory: Path
    address: ListenAddress
    password: str = field(repr=False)
    is_sample: bool
    is_known: bool


def play(mailbox: Mailbox) -> None:
    """Play the conversation on the terminal."""
    if mailbox.is_sample:
        _play_with_samples(mailbox)
    else:
        _play_with_own_mail(mailbox)


def _play_with_samples(mailbox: Mailbox) -> None:
    with _session(mailbox, "A client logs in, fetches a message and deletes it") as talk:
        _expect(talk.ask(b"STAT"))
        before = talk.fetch(b"UIDL")
        _expect(before)
        _expect(talk.fetch(b"RETR 1"))
        _expect(talk.ask(b"DELE 1"))
    with _session(mailbox, "At QUIT it was removed: the next session") as talk:
        _expect(talk.ask(b"STAT"))
        after = talk.fetch(b"UIDL")
    gone = _unique_ids(before.lines) - _unique_ids(after.lines)
    if len(gone) != 1:
        raise ConversationBroken("the deleted message should be gone, and no other")
    click.echo(f"\nThe message {gone.pop().decode()} is gone, from the Maildir as well.")


def _unique_ids(rows: list[bytes]) -> set[bytes]:
    return {row.partition(b" ")[2] for row in rows}


def _play_with_own_mail(mailbox: Mailbox) -> None:
    with _session(mailbox, "A client logs in and reads; nothing is deleted") as talk:
        stat = talk.ask(b"STAT")
        _expect(stat)
        _expect(talk.fetch(b"UIDL"))
        if not stat.line.startswith(b"+OK 0 "):
            _expect(talk.fetch(b"TOP 1 0"))
            _expect(talk.fetch(b"RETR 1", limit=1 << 30))
    click.echo("\nThis is your own mail: DELE was not played, and nothing was changed.")


@contextmanager
def _session(mailbox: Mailbox, title: str) -> Iterator[Conversation]:
    click.secho(f"\n{title}:\n", bold=True)
    address = (_reachable(mailbox.address.host), mailbox.address.port)
    talk = Conversation(address, timeout=_TIMEOUT, tell=_show)
    try:
        _expect(talk.greeting())
        _expect(talk.ask(b"USER " + _USER.encode()))
        shown = f"PASS {mailbox.password}" if mailbox.is_known else "PASS ***"
        _expect(talk.ask(b"PASS " + mailbox.password.encode(), shown))
        yield talk
        _expect(talk.ask(b"QUIT"))
    finally:
        talk.close()


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (to connect to)


def _expect(reply: Reply) -> None:
    if not reply.ok:
        raise ConversationBroken(f"the gateway answered {reply.text}")


def _show(line: str) -> None:
    click.secho(f"    {line}", fg="cyan" if line.startswith("C:") else None)


def show_how_to_connect(mailbox: Mailbox) -> None:
    """How a mail program, curl and fetchmail reach the mailbox."""
    host, port = _reachable(mailbox.address.host), mailbox.address.port
    url_host = f"[{host}]" if ":" in host else host
    # curl asks for a password that not everybody knows: arguments can be read by others.
    login = f"{_USER}:{mailbox.password}" if mailbox.is_known else _USER
    fetchmail = (
        f"poll {host} protocol POP3 service {port} username {_USER}"
        f' password "{mailbox.password}" sslproto "" keep mda "cat"'
    )
    click.echo(
        f"""
Now connect a mail program:

    server    {host}
    port      {port}   (POP3 without TLS)
    user      {_USER}
    password  {mailbox.password}

or paste one of these into another terminal:

    curl -u {login} pop3://{url_host}:{port}/1
    echo '{fetchmail}' | fetchmail -f - -v

Serving until Ctrl-C."""
    )
