"""What `check-upstream` tells of a profile: what it will do, and whether it fits the server."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.backend.port import Capabilities
from gateway.backend.profile.rules import proves_password
from gateway.backend.profile.schema import Call, Profile
from gateway.cli.upstream.findings import Finding, bad, counted, doubt, good, note
from gateway.config import Settings
from gateway.config.profiles import load_profile
from gateway.errors import BodyBroken, EpochChanged, MessageGone, Unavailable
from gateway.maildrop import Login, Maildrop

_HEADING, _WIDTH = 10, 84
_BARE_LF = re.compile(rb"(?<!\r)\n")
_FIELD = re.compile(rb"(From |[\x21-\x39\x3b-\x7e]+[ \t]*:)")
# As many messages as servers like to put on a page.
_ROUND = frozenset({10, 15, 20, 25, 30, 40, 50, 100, 200, 250, 500, 1000})
_PAGES = {
    "none": "in one piece",
    "offset": "by offset",
    "page": "by page",
    "cursor": "by cursor",
}


@dataclass(frozen=True, slots=True)
class Fetched:
    """One message that was fetched.

    Attributes:
        announced: Octets by the list, or a guess where it has none.
        octets: Those that came; None if they did not.
        bare: Line ends among them that are LF alone.
        mail: Whether it begins as a message does.
    """

    announced: int
    octets: int | None = None
    bare: int = 0
    mail: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """A maildrop of the driver, and some messages of it."""

    maildrop: Maildrop
    capabilities: Capabilities
    fetched: Sequence[Fetched]


class _Counter:
    """Counts a message and keeps nothing of it but its beginning."""

    def __init__(self) -> None:
        self.head = b""
        self.bare = 0
        self._cr = False

    def begin(self, octets: int | None) -> None:
        """See `gateway.backend.port.Sink`."""

    def write(self, chunk: bytes) -> None:
        """See `gateway.backend.port.Sink`."""
        if len(self.head) < 200:
            self.head += chunk[:200]
        self.bare += len(_BARE_LF.findall(chunk)) - (self._cr and chunk.startswith(b"\n"))
        self._cr = chunk.endswith(b"\r") if chunk else self._cr


def without_waiting(settings: Settings) -> Settings:
    """Settings with which a login reads no message: some are enough for a check."""
    http = settings.upstream.http.model_copy(update={"sizes": "estimate"})
    upstream = settings.upstream.model_copy(update={"http": http})
    return settings.model_copy(update={"upstream": upstream})


async def look(backend: Any, login: Login, sample: int) -> Seen:
    """Open the maildrop, fetch some messages, and leave everything as it is."""
    session = await backend.open(login)
    try:
        maildrop, promised = await session.snapshot(), session.capabilities
        step = max(1, -(-len(maildrop) // sample)) if sample else 1
        places = range(0, len(maildrop), step) if sample else ()
        fetched: list[Fetched] = []
        for place in places:
            counter, announced = _Counter(), maildrop.octets[place]
            try:
                octets = await session.body(maildrop.refs[place]).start(counter)
            except MessageGone:
                continue
            except (BodyBroken, EpochChanged, Unavailable):
                fetched.append(Fetched(announced))
                continue
            mail = _FIELD.match(counter.head) is not None
            fetched.append(Fetched(announced, octets, counter.bare, mail))
        return Seen(maildrop, promised, fetched)
    finally:
        await session.close()
        await backend.close()


def explained(settings: Settings) -> Iterator[Finding]:
    """What the profile will do, before anything is asked of the server."""
    url = settings.upstream.url
    profile = load_profile(url.profile)
    yield note(f"{profile.name} at {url.base}, by the profile {url.profile}")
    if profile.verified:
        yield good(f"the profile was tried with {profile.name} {profile.verified}")
    else:
        yield doubt(
            "the profile was written from documents and never tried with a server: see\n"
            "whether messages come out of it whole before you let a client delete any"
        )
    yield _who(profile, settings)
    rows = {
        "LIMITS": f"{profile.parallel} calls at a time; answers of "
        f"{settings.upstream.http.max_answer} octets at the most",
        "LOGIN": _login(profile),
        "SIZES": _sizes(profile, settings),
        "UIDL": _ids(profile),
        "TOP": "fetches the message and stops in it",
        "DELE": _deletion(profile),
    }
    for name, text in rows.items():
        yield note(_row(name, text))


def measured(profile: Profile, fetched: Sequence[Fetched]) -> Iterator[Finding]:
    """Whether the fetched messages are what the profile says."""
    came = [one for one in fetched if one.octets is not None]
    if len(came) < len(fetched):
        missing = counted(len(fetched) - len(came), "message")
        yield bad(f"{missing} of {len(fetched)} could not be fetched: look at [raw]")
    if not came:
        yield doubt("there is no message to try: send one, and check again")
        return
    bare = sum(one.bare > 0 for one in came)
    yield from _exactness(profile, came, advise=not bare)
    if bare:
        yield doubt(
            f"{counted(bare, 'message')} of {len(came)} have line ends that are LF alone: "
            'set newlines = "lf" or "mixed"\nin [raw], unless the mail really is so'
        )
    odd = sum(not one.mail for one in came)
    if odd:
        yield bad(
            f"{counted(odd, 'message')} of {len(came)} do not begin with a header: [raw] gets "
            "something else\nthan messages"
        )


def piece(profile: Profile, messages: int) -> Iterator[Finding]:
    """Whether a list that shall be whole looks like a page."""
    if profile.list.page.style == "none" and messages in _ROUND:
        yield doubt(
            f"the list has {messages} messages, a round number: if the mailbox has more,\n"
            "this is a page, and [list.page] has to say how to get the others"
        )


def _exactness(profile: Profile, came: Sequence[Fetched], *, advise: bool) -> Iterator[Finding]:
    right = sum(one.announced == one.octets for one in came)
    text = f"the list has the right size for {right} of {counted(len(came), 'message')} fetched"
    if not profile.list.exact:
        yield note("STAT above is a guess: a login counts what this check did not fetch")
    if profile.list.size is None:
        yield note("the list has no sizes: they are learned by reading each message once")
    elif profile.list.exact and right < len(came):
        yield bad(f"{text}: set exact = false in [list]")
    elif profile.list.exact:
        yield good(text)
    elif right == len(came) and advise:
        yield good(f"{text};\nif it always has, exact = true in [list] saves reading each once")
    else:
        yield note(f"{text}:\nthey are learned by reading each message once")


def _who(profile: Profile, settings: Settings) -> Finding:
    """What a client must prove."""
    if proves_password(profile):
        return note("a client's own name and password go to the server")
    if settings.upstream.http.client_password_file is None:
        return doubt(
            "the server sees no password, so any will do: clients can come from this machine\n"
            "only (upstream.http.client_password_file)"
        )
    return note("clients must give the password of client_password_file")


def _login(profile: Profile) -> str:
    calls = counted(len(profile.login), "call") + " to log in, then " if profile.login else ""
    pages = f"the list, {_PAGES[profile.list.page.style]}"
    check = profile.unchanged
    if check is None:
        return f"{calls}{pages}, every time"
    how = "its ETag" if check.etag else f"a look at {check.url}"
    return f"{calls}{how}, and {pages}, only if there is news"


def _sizes(profile: Profile, settings: Settings) -> str:
    if profile.list.exact:
        return "taken from the list, which the profile says is exact"
    if settings.upstream.http.sizes == "wait":
        return (
            "learned: a login reads each message once that is new, and then announces exact "
            'sizes (sizes = "wait")'
        )
    return 'guessed until a client has fetched a message (sizes = "estimate")'


def _ids(profile: Profile) -> str:
    scope = "the mailbox and " if profile.ids.scope else ""
    if not profile.ids.also:
        return f"from {scope}the server's ids"
    also = ", ".join(pointer.removeprefix("/") for pointer in profile.ids.also)
    return f"from {scope}the server's ids, which it gives again, and {also} besides"


def _deletion(profile: Profile) -> str:
    call = profile.delete
    deed = f"{profile.deletes}: {_shown(call)} for each message"
    if call.bulk is not None:
        deed += (
            f", or {_shown(call.bulk)} for up to {call.bulk.most}, and then the list is read "
            "to see that they are gone"
        )
    if profile.ids.also:
        deed += "; the list is read before, so that no new message with an old id is deleted"
    if call.unsure:
        deed += f"; after {', '.join(map(str, call.unsure))} the message itself is asked for"
    return deed


def _shown(call: Call) -> str:
    return f"{call.method} {call.url}"


def _row(name: str, text: str) -> str:
    """Words under a heading, in lines for a terminal."""
    gap = " " * _HEADING
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=name.ljust(_HEADING),
        subsequent_indent=gap,
        break_long_words=False,
        break_on_hyphens=False,
    )
