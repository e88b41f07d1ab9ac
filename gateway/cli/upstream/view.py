"""The upstream as a POP3 client would find it: through the gateway's own driver."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, ensureDeferred

from gateway.backend.port import Backend, Capabilities
from gateway.cli.upstream.findings import CheckFailed, Finding, bad, counted, doubt, good, note
from gateway.cli.upstream.inbox import Inbox
from gateway.errors import BadCredentials, Failure
from gateway.maildrop import Login, Maildrop
from gateway.pop3 import capa, replies
from gateway.pop3.offer import Offer
from gateway.pop3.settings import Pop3Settings
from gateway.telemetry import Event

T = TypeVar("T")
_UNIQUE_IDS = 3


@dataclass(frozen=True, slots=True)
class View:
    """A maildrop of the driver, and what the driver promises about it."""

    maildrop: Maildrop
    capabilities: Capabilities


async def look(backend: Backend, login: Login) -> View:
    """Open the maildrop, and leave without having changed anything."""
    session = await backend.open(login)
    try:
        maildrop = await session.snapshot()
        return View(maildrop, session.capabilities)
    finally:
        await session.close()


def run(reactor: Any, task: Callable[[], Awaitable[T]]) -> T:
    """The result of a task for which the reactor runs; it can do so once in a process.

    Raises:
        CheckFailed: The driver failed, and how.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def start() -> None:
        deferred: Deferred[T] = ensureDeferred(task())  # type: ignore[arg-type]
        deferred.addCallbacks(results.append, lambda reason: errors.append(reason.value))
        deferred.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(start)
    reactor.run()
    for error in errors:
        if isinstance(error, BadCredentials):
            raise CheckFailed(f"the gateway's driver was refused: {error.detail}") from None
        if isinstance(error, Failure):
            kind = type(error).__name__
            raise CheckFailed(f"the gateway's driver failed ({kind}): {error.detail}") from None
        raise error
    if not results:
        raise CheckFailed("interrupted")
    return results[0]


def seen_by_a_client(view: View, rules: Pop3Settings, *, stls: bool) -> Iterator[Finding]:
    """The replies to STAT, UIDL and CAPA, as they would be sent."""
    maildrop = view.maildrop
    yield note(f"STAT  {_text(replies.stat(len(maildrop), maildrop.total))}")
    ids = maildrop.unique_ids[:_UNIQUE_IDS]
    shown = [f"{number} {one.decode('ascii')}" for number, one in enumerate(ids, 1)]
    more = len(maildrop) - len(shown)
    yield note(f"UIDL  {', '.join(shown) or 'nothing'}{f' and {more} more' if more else ''}")
    lines = capa.reply(rules, Offer(), stls=stls).split(b"\r\n")[1:-2]
    yield note(f"CAPA  {', '.join(map(_text, lines))}")


def _text(octets: bytes) -> str:
    return octets.decode("ascii").rstrip()


def promised(capabilities: Capabilities) -> Iterator[Finding]:
    """What of it a client can rely on."""
    if not capabilities.stable_ids:
        yield bad("unique-ids change from session to session: clients fetch everything anew")
    if not capabilities.exact_octets:
        yield doubt("announced octets are estimates until a message was fetched once")


def compared(maildrop: Maildrop, inbox: Inbox, *, hide_deleted: bool) -> Finding:
    """Whether the driver and the independent client found the same messages and sizes."""
    expected: Mapping[object, int] = {
        uid: octets
        for uid, octets in inbox.sizes.items()
        if not (hide_deleted and uid in inbox.deleted)
    }
    found = dict(zip(maildrop.refs, maildrop.octets, strict=True))
    if found == expected:
        return good(f"the driver and an independent client agree on {_count(maildrop)}")
    # Mail comes and goes between the two looks, which is no mistake of either.
    both = expected.keys() & found.keys()
    wrong = sum(expected[ref] != found[ref] for ref in both)  # type: ignore[index]
    if wrong:
        return bad(f"the driver and an independent client differ in {counted(wrong, 'size')}")
    came, went = len(found.keys() - both), len(expected.keys() - both)
    return doubt(
        f"between two looks {counted(came, 'message')} came and {went} went: if the mailbox is "
        "quiet, this is a mistake of the driver"
    )


def _count(maildrop: Maildrop) -> str:
    return f"{counted(len(maildrop), 'message')} and {counted(maildrop.total, 'octet')}"


def warned(event: Event, _context: Mapping[str, object]) -> str | None:
    """An event of the driver as a line, None for those of no interest here."""
    if event.level not in {"warning", "error"}:
        return None
    values = ", ".join(f"{name} {value}" for name, value in event.values().items())
    return f"{type(event).name()}: {values}"
