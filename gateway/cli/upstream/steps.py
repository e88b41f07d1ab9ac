"""The steps of a check in their order: connect, log in, look, measure, and our own view."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError
from twisted.internet import reactor

from gateway.app import backend
from gateway.backend.imap.settings import ImapSettings
from gateway.cli.upstream import capabilities, connect, http, inbox, view
from gateway.cli.upstream.findings import CheckFailed, Finding, counted, doubt, good
from gateway.cli.upstream.inbox import Inbox
from gateway.config import Settings
from gateway.maildrop import Login
from gateway.telemetry import Emitter, Event


def all_of_them(settings: Settings, login: Login, sample: int) -> Iterator[Finding]:
    """Every finding, best seen while it is made.

    Raises:
        CheckFailed: The rest is pointless.
    """
    check = _CHECKS.get(settings.upstream.url.api, _http)
    yield from check(settings, login, sample)


def _http(settings: Settings, login: Login, sample: int) -> Iterator[Finding]:
    yield from http.findings(settings, login, sample, lambda task: view.run(reactor, task))


def _maildir(settings: Settings, login: Login, _: int) -> Iterator[Finding]:
    yield from _own(settings, login, None)


def _imap(settings: Settings, login: Login, sample: int) -> Iterator[Finding]:
    found: list[Inbox] = []
    yield from _independent(settings, login, sample, found)
    yield from _own(settings, login, found[0])


_Check = Callable[[Settings, Login, int], Iterator[Finding]]
# By kind of upstream; all others are HTTP mailboxes.
_CHECKS: Mapping[str, _Check] = MappingProxyType({"imap": _imap, "maildir": _maildir})


def _independent(
    settings: Settings, login: Login, sample: int, found: list[Inbox]
) -> Iterator[Finding]:
    """By IMAPClient, which shares no code with the driver but the grammar of responses."""
    client = connect.connect_imap(settings.upstream.url, settings.upstream.ca)
    try:
        yield connect.connection_found(client, settings.upstream.url)
        yield connect.log_in(client, login)
        yield from capabilities.told(client.capabilities())
        yield from _inbox(client, sample, found, settings.upstream.imap)
    except (OSError, IMAPClientError) as error:
        raise CheckFailed(f"the connection failed: {connect.told(error)}") from None
    finally:
        connect.hang_up(client)


def _inbox(
    client: IMAPClient, sample: int, found: list[Inbox], rules: ImapSettings
) -> Iterator[Finding]:
    there = inbox.examine(client)
    found.append(there)
    yield good(
        f"INBOX has {counted(len(there.sizes), 'message')}, {counted(there.octets, 'octet')}, "
        f"UIDVALIDITY {there.uidvalidity}"
    )
    if sample:
        measured = list(inbox.measure(client, there, inbox.sample(there, sample)))
        yield inbox.sizes_found(measured)
    uidplus = b"UIDPLUS" in client.capabilities()
    yield from inbox.deletion_found(there, rules, uidplus=uidplus)


def _own(settings: Settings, login: Login, there: Inbox | None) -> Iterator[Finding]:
    warnings: list[str] = []

    def sink(event: Event, context: Mapping[str, object]) -> None:
        line = view.warned(event, context)
        warnings.extend([line] if line else [])

    seen = view.run(
        reactor, lambda: view.look(backend(settings, reactor, Emitter(sink)), login)
    )
    yield from map(doubt, warnings)
    yield good("the gateway's driver opened the maildrop; a POP3 client would get:")
    stls = settings.listen.cert is not None
    yield from view.seen_by_a_client(seen, settings.pop3, stls=stls)
    yield from view.promised(seen.capabilities)
    if there is not None:
        hide = settings.upstream.imap.delete == "flag"
        yield view.compared(seen.maildrop, there, hide_deleted=hide)
