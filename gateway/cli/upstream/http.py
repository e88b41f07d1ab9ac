"""The steps of a check for HTTP mailboxes: connect, our own view, a sample, a second opinion.

What a driver has to explain it says itself (`gateway.backend.http.api.explained`); a kind of
upstream needs a row in `SECOND_OPINIONS` only if there is another way to count its messages.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from gateway.app import backend
from gateway.backend.http.mailbox import HttpSession
from gateway.backend.http.origin import Origin
from gateway.backend.http.proxy import proxy_for
from gateway.cli.upstream import connect, jmap, view
from gateway.cli.upstream.findings import CheckFailed, Finding, bad, counted, doubt, good, note
from gateway.config import Settings
from gateway.errors import Failure, Misconfigured
from gateway.maildrop import Login
from gateway.telemetry import Emitter

_LARGEST = 10 * 1024 * 1024

SECOND_OPINIONS: Mapping[str, Callable[[Settings, Login], int]] = MappingProxyType(
    {"jmap": jmap.count}
)
"""By kind of upstream: how many messages the INBOX has, found out without the driver.

Raises `CheckFailed`."""


@dataclass(frozen=True, slots=True)
class Read:
    """A message that was read to count its octets."""

    unique_id: bytes
    announced: int
    sent: int


@dataclass(frozen=True, slots=True)
class Look:
    """What the driver saw, and how sure it is."""

    view: view.View
    read: Sequence[Read]
    explained: Sequence[str]


def findings(
    settings: Settings, login: Login, sample: int, run: Callable[[Callable[[], Any]], Look]
) -> Iterator[Finding]:
    """Every finding, best seen while it is made.

    Args:
        settings: The upstream's.
        login: To try.
        sample: How many messages to read.
        run: Runs the reactor for a task; can do so once.

    Raises:
        CheckFailed: The rest is pointless.
    """
    yield from connection(settings)
    opinion = SECOND_OPINIONS.get(settings.upstream.url.api)
    second = None if opinion is None else opinion(settings, login)
    warnings: list[str] = []

    def sink(event: Any, context: Mapping[str, object]) -> None:
        line = view.warned(event, context)
        warnings.extend([line] if line else [])

    patient = _with_estimates(settings)
    found = run(lambda: look(backend(patient, _reactor(), Emitter(sink)), login, sample))
    yield from map(doubt, dict.fromkeys(warnings))
    yield from map(note, found.explained)
    yield _sizes(found, settings)
    yield good("the gateway's driver opened the maildrop; a POP3 client would get:")
    stls = settings.listen.cert is not None
    yield from view.seen_by_a_client(found.view, settings.pop3, stls=stls)
    if not found.view.capabilities.stable_ids:
        yield bad("unique-ids change from session to session: clients fetch everything anew")
    if second is not None:
        yield _compared(len(found.view.maildrop), second)


async def look(driver: Any, login: Login, sample: int) -> Look:
    """Open the maildrop, read some of it, and leave without having changed anything."""
    session: HttpSession = await driver.open(login)
    try:
        maildrop = await session.snapshot()
        seen = view.View(maildrop, session.capabilities)
        read = []
        for index in _chosen(maildrop.octets, sample):
            try:
                sent = await session.body(maildrop.refs[index], 0).start(_Nobody())
            except Failure as failure:
                raise type(failure)(f"message {index + 1}: {failure.detail}") from None
            read.append(Read(maildrop.unique_ids[index], maildrop.octets[index], sent))
        return Look(seen, read, session.explained())
    finally:
        await session.close()
        await driver.close()


def connection(settings: Settings) -> Iterator[Finding]:
    """Who answers, and by which way.

    Raises:
        CheckFailed: Nobody does.
    """
    url = settings.upstream.url
    if not url.host:
        return  # where its maker has it; the driver verifies its certificate
    try:
        proxy = proxy_for(Origin.of(url.base))
    except Misconfigured as failure:
        raise CheckFailed(failure.detail) from None
    if proxy is not None:
        yield note(f"requests go through the proxy {proxy}")
        return
    client = connect.connect(url, settings.upstream.ca)
    try:
        yield connect.connection_found(client, url)
    finally:
        client.shutdown()


def _with_estimates(settings: Settings) -> Settings:
    """A check reads a sample, not everything, whatever logins do about sizes."""
    http = settings.upstream.http.model_copy(
        update={"sizes": "estimate", "learn_behind": False}
    )
    upstream = settings.upstream.model_copy(update={"http": http})
    return settings.model_copy(update={"upstream": upstream})


def _sizes(found: Look, settings: Settings) -> Finding:
    read = found.read
    if not read:
        return doubt("sizes: there is no message to try")
    wrong = [each for each in read if each.announced != each.sent]
    messages = counted(len(read), "message")
    if not wrong:
        return good(f"sizes are exact for {messages} read")
    first = wrong[0]
    text = (
        f"sizes are wrong for {len(wrong)} of {messages} read: {first.unique_id.decode()} is "
        f"announced with {first.announced} octets, but has {first.sent}\n"
    )
    if settings.upstream.http.sizes == "wait":
        return doubt(
            f"{text}The upstream does not tell exact sizes: a login reads each new message "
            "once to learn it\n(setting sizes), and keeps what it learned"
        )
    return doubt(
        f"{text}Logins announce such estimates until a message was fetched once (setting sizes)"
    )


def _compared(listed: int, second: int) -> Finding:
    if listed == second:
        return good(
            f"the driver and an independent client agree on {counted(listed, 'message')}"
        )
    return doubt(
        f"the driver lists {counted(listed, 'message')}, an independent client counts "
        f"{second}: if the mailbox is quiet, this is a mistake of the driver"
    )


def _chosen(octets: Sequence[int], count: int) -> Sequence[int]:
    """From everywhere, none of them very large."""
    small = [index for index, size in enumerate(octets) if size <= _LARGEST]
    step = max(1, -(-len(small) // count)) if count else 1
    return small[::step][:count]


def _reactor() -> Any:
    from twisted.internet import reactor  # noqa: PLC0415 - installs it

    return reactor


class _Nobody:
    """Takes a message and keeps nothing of it."""

    def begin(self, octets: int | None) -> None:
        """See `gateway.backend.port.Sink`."""

    def write(self, chunk: bytes) -> None:
        """See `gateway.backend.port.Sink`."""
