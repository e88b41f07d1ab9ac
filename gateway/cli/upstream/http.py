"""What `check-upstream` tells of a mailbox that is reached by HTTP: limits, sizes, DELE."""

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from gateway.backend.port import Backend, Capabilities
from gateway.cli.upstream.findings import Finding, bad, counted, doubt, good, note
from gateway.config import Settings
from gateway.errors import BodyBroken, EpochChanged, MessageGone, Unavailable
from gateway.maildrop import Login, Maildrop

_HEADING, _WIDTH = 10, 84


@dataclass(frozen=True, slots=True)
class Sample:
    """A maildrop of the driver, and some messages of it that were fetched.

    Attributes:
        sizes: What was announced of each, and what came; None if it did not come.
    """

    maildrop: Maildrop
    capabilities: Capabilities
    sizes: Sequence[tuple[int, int | None]]


class _Nobody:
    """Takes a message and keeps nothing of it."""

    def begin(self, octets: int | None) -> None:
        """See `gateway.backend.port.Sink`."""

    def write(self, chunk: bytes) -> None:
        """See `gateway.backend.port.Sink`."""


def without_waiting(settings: Settings) -> Settings:
    """Settings with which a login reads no message: a check shall not take minutes."""
    http = settings.upstream.http.model_copy(update={"sizes": "estimate"})
    upstream = settings.upstream.model_copy(update={"http": http})
    return settings.model_copy(update={"upstream": upstream})


async def look(backend: Backend, login: Login, sample: int) -> Sample:
    """Open the maildrop, fetch some of its newest messages, and leave everything as it is."""
    session = await backend.open(login)
    try:
        maildrop, promised = await session.snapshot(), session.capabilities
        first = max(0, len(maildrop) - sample)
        sizes: list[tuple[int, int | None]] = []
        for place in range(first, len(maildrop)):
            try:
                came = await session.body(maildrop.refs[place]).start(_Nobody())
            except MessageGone:
                continue
            except (BodyBroken, EpochChanged, Unavailable):
                sizes.append((maildrop.octets[place], None))
            else:
                sizes.append((maildrop.octets[place], came))
        return Sample(maildrop, promised, sizes)
    finally:
        await session.close()


def explained(settings: Settings) -> Iterator[Finding]:
    """What this kind of upstream promises with these settings."""
    explain = _KINDS.get(settings.upstream.url.api)
    if explain is not None:
        yield from explain(settings)
    yield _who(settings)


def measured(seen: Sample, exact: bool) -> Iterator[Finding]:
    """What the fetched messages say of the sizes."""
    broken = sum(came is None for _, came in seen.sizes)
    if broken:
        yield bad(f"{counted(broken, 'message')} of {len(seen.sizes)} could not be fetched")
    fetched = [(told, came) for told, came in seen.sizes if came is not None]
    if not fetched:
        return
    if not exact:
        octets = counted(sum(came for _, came in fetched), "octet")
        yield good(f"fetched {counted(len(fetched), 'message')}, {octets}")
        yield note("STAT above is a guess: this check reads no more than some messages")
        return
    wrong = sum(told != came for told, came in fetched)
    if wrong:
        yield doubt(f"{counted(wrong, 'size')} of {len(fetched)} were not as announced")
    else:
        yield good(f"sizes are exact for {counted(len(fetched), 'message')}")


def _who(settings: Settings) -> Finding:
    """What a client must prove."""
    http = settings.upstream.http
    if http.token_file is None and http.token_command is None:
        return note("a client's own name and password go to the upstream")
    if http.client_password_file is None:
        return doubt(
            "the token opens the mailbox whatever password a client gives: clients can come\n"
            "from this machine only (upstream.http.client_password_file)"
        )
    return note("clients must give the password of client_password_file")


def _sizes(settings: Settings) -> str:
    if settings.upstream.http.sizes == "wait":
        return (
            "a login reads each message once that is new, and then announces exact sizes "
            '(sizes = "wait")'
        )
    return 'sizes are guessed until a client has fetched a message (sizes = "estimate")'


def _row(name: str, text: str) -> str:
    """Words under a heading, in lines for a terminal."""
    gap = " " * _HEADING
    return textwrap.fill(
        text, _WIDTH, initial_indent=name.ljust(_HEADING), subsequent_indent=gap
    )


def _graph(settings: Settings) -> Iterator[Finding]:
    upstream, graph = settings.upstream, settings.upstream.graph
    place = upstream.url.origin if upstream.url.host else "https://graph.microsoft.com"
    whose = "the token's owner" if graph.mailbox == "me" else "whoever a client says he is"
    yield note(f"Microsoft Graph at {place}; the mailbox is that of {whose}")
    limits = (
        "4 requests at a time and 10 000 in ten minutes for a mailbox; when it is busy, "
        f"Graph's Retry-After is kept to, up to {upstream.http.retry_after:g} s"
    )
    yield note(_row("LIMITS", limits))
    yield note(_row("SIZES", f"Graph tells none: {_sizes(settings)}"))
    yield note(_row("UIDL", "from immutable ids: the same when a message was moved and back"))
    yield note(_row("LOGIN", "two requests if there is no news (delta query and count)"))
    yield note(_row("TOP", "fetches the message and stops in it"))
    if graph.delete == "trash":
        deed = "moves a message to Deleted Items; the token needs Mail.ReadWrite"
        yield note(_row("DELE", deed))
    else:
        deed = (
            "removes a message for good, where not even its owner finds it again; the token "
            "needs Mail.ReadWrite"
        )
        yield doubt(_row("DELE", deed))


def _gmail(settings: Settings) -> Iterator[Finding]:
    upstream, gmail = settings.upstream, settings.upstream.gmail
    place = upstream.url.origin if upstream.url.host else "https://gmail.googleapis.com"
    whose = (
        "the name, if the token is for it" if gmail.mailbox == "name" else "the token's owner"
    )
    yield note(f"Gmail API at {place}; the mailbox is that of {whose}")
    rate = gmail.units_per_minute // gmail.units_per_message
    limits = (
        f"{gmail.units_per_minute} quota units a minute for a mailbox, enough for {rate} "
        "messages; what is more waits"
    )
    yield note(_row("LIMITS", limits))
    yield note(_row("SIZES", f"Gmail's sizeEstimate is none: {_sizes(settings)}"))
    yield note(_row("UIDL", "Gmail's ids as they are; they never change"))
    yield note(_row("LOGIN", "one request if there is no news, two with changes (history)"))
    yield note(_row("TOP", "fetches the message and stops in it"))
    mark, deed = _GMAIL_DELETE[gmail.delete]
    yield mark(_row("DELE", deed))


_GMAIL_DELETE: Mapping[str, tuple[Callable[[str], Finding], str]] = MappingProxyType(
    {
        "trash": (note, "puts a message into the trash; the scope gmail.modify is enough"),
        "archive": (
            note,
            "takes a message out of the inbox and no more; the scope gmail.modify is enough",
        ),
        "permanent": (
            doubt,
            "removes a message for good; needs the full scope https://mail.google.com/",
        ),
    }
)
_KINDS: Mapping[str, Callable[[Settings], Iterator[Finding]]] = MappingProxyType(
    {"graph": _graph, "gmail": _gmail}
)
