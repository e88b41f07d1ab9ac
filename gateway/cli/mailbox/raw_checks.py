"""Rules 1 to 3: the octets of messages."""

import re
from collections.abc import Iterator

from gateway.backend.rest.shapes import Message
from gateway.cli.mailbox.rules import Breach, Skipped
from gateway.cli.mailbox.view import View, problem_breaches
from gateway.cli.mailbox.wire import Answer, NoAnswer, raw_path

Result = Iterator[Breach | str]
_STRONG = re.compile(r'"[!#-~\x80-\xff]+"')
_BARE_LF = re.compile(rb"(?<!\r)\n")
_COUNT = (
    "count the octets that GET raw will send, with CRLF line ends; not those of the file, "
    "of the database column or of the characters"
)


def sizes(view: View, sample: int) -> Result:
    """Rule 1, before all others: POP3 clients are told the size and then count."""
    checked = 0
    for message in chosen(view.messages, sample):
        answer = raw(view, message)
        what = f"message {message.id!r}: the list says {message.size} octets"
        if answer.status != 200:
            yield Breach(1, f"{what}, and GET raw is {answer.shown()}", "send what is listed")
            continue
        told = answer.headers.get("content-length")
        if answer.length != message.size:
            yield Breach(1, f"{what}, raw has {answer.length}{_guess(answer, message)}", _COUNT)
        elif told is None:
            remedy = "send Content-Length with raw instead of chunks: a cut is else not seen"
            yield Breach(1, f"message {message.id!r}: raw has no Content-Length", remedy)
        elif told != str(message.size):
            yield Breach(1, f"{what}, Content-Length says {told}", _COUNT)
        checked += 1
    yield f"{checked} messages have the size that the list says"


def _guess(answer: Answer, message: Message) -> str:
    """The usual reasons, by their numbers."""
    lines = answer.body.count(b"\r\n")
    if lines and answer.length - lines == message.size:
        return ": that is the size with LF line ends"
    feeds = answer.body.count(b"\n") - lines
    if feeds and answer.length + feeds == message.size:
        return ": it lacks the CR before each LF"
    if answer.length == message.size + 2:
        return ": a line end was added or not counted"
    text = answer.body.decode("utf-8", "replace")
    if len(text) == message.size:
        return ": that is the number of characters"
    return ""


def octets(view: View, sample: int) -> Result:
    """Rule 2: line ends, header fields, and the same again."""
    messages = chosen(view.messages, sample)
    for message in messages:
        answer = raw(view, message)
        if answer.status != 200:
            continue
        yield from _form(message, answer)
        yield from _fields(message, answer)
        yield from _again(view, message, answer)
        yield from _head(view, message, answer)
    unknown = view.target.ask("GET", raw_path("check-mailbox-no-such-id"))
    if unknown.status not in {404, 410}:
        yield Breach(
            2,
            f"raw of an unknown id is {unknown.shown()}",
            "answer 404, or 410 if it was there",
        )
    else:
        yield from problem_breaches(unknown, "raw of an unknown id")
    yield f"{len(messages)} messages are the same octets each time"


def _form(message: Message, answer: Answer) -> Iterator[Breach]:
    if _BARE_LF.search(answer.body):
        yield Breach(
            2,
            f"message {message.id!r}: raw has lines that end in LF alone",
            "turn every bare LF into CRLF before counting and sending",
        )


def _fields(message: Message, answer: Answer) -> Iterator[Breach]:
    what = f"message {message.id!r}: raw"
    encoding = answer.headers.get("content-encoding", "identity")
    if encoding != "identity":
        remedy = "send raw as it is; switch compression off for it"
        yield Breach(2, f"{what} has Content-Encoding {encoding}", remedy)
    if answer.media_type != "message/rfc822":
        seen = f"{what} has Content-Type {answer.media_type or '(none)'}"
        yield Breach(2, seen, "send Content-Type: message/rfc822")
    tag = answer.headers.get("etag", "")
    if not _STRONG.fullmatch(tag):
        yield Breach(
            2,
            f"{what} has {f'the ETag {tag}' if tag else 'no ETag'}",
            'send a strong one, e.g. ETag: "the id"; W/ is weak and forbids to resume',
        )
    elif message.etag not in {None, tag}:
        seen = f"{what} has ETag {tag}, the list says {message.etag}"
        yield Breach(2, seen, "send the same in both places, quotes included")


def _again(view: View, message: Message, first: Answer) -> Iterator[Breach]:
    second = raw(view, message)
    if second.digest != first.digest:
        seen = f"message {message.id!r}: raw was other octets the second time"
        yield Breach(2, seen, "send stored octets; do not build the message anew each time")
    elif second.headers.get("etag") != first.headers.get("etag"):
        seen = f"message {message.id!r}: raw had another ETag the second time"
        yield Breach(2, seen, "make the ETag of the id or of a digest, not of the time")


def _head(view: View, message: Message, got: Answer) -> Iterator[Breach]:
    head = raw(view, message, method="HEAD")
    if head.status != 200:
        seen = f"message {message.id!r}: HEAD raw is {head.shown()}, GET is 200"
        yield Breach(2, seen, "answer HEAD as GET, without the octets")
        return
    for name in ("content-length", "etag"):
        if head.headers.get(name) != got.headers.get(name):
            yield Breach(
                2,
                f"message {message.id!r}: HEAD raw has {name} {head.headers.get(name)}, "
                f"GET has {got.headers.get(name)}",
                "send the header fields of GET with HEAD",
            )


def ranges(view: View, _sample: int) -> Result:
    """Rule 3, on the largest message of the first ones."""
    if not view.offers("range"):
        yield Skipped("the feature range is not offered: a message that breaks off begins anew")
        return
    message = max(view.messages[:100], key=lambda each: each.size, default=None)
    if message is None or message.size < 4:
        yield Skipped("no message is large enough to try a range")
        return
    whole = raw(view, message)
    tag = whole.headers.get("etag", '""')
    if whole.headers.get("accept-ranges") != "bytes":
        seen = "raw has no Accept-Ranges: bytes, and the feature range is offered"
        yield Breach(
            3, seen, "send it with each 200, so that clients know that they may resume"
        )
    middle = message.size // 2
    for first, last in ((middle, None), (1, 2), (0, 0)):
        yield from _one_range(view, message, whole, first, last)
    yield from _conditional(view, message, tag)
    yield from _after_the_end(view, message)
    yield "ranges are exact"


def _one_range(
    view: View, message: Message, whole: Answer, first: int, last: int | None
) -> Iterator[Breach]:
    field = f"bytes={first}-{'' if last is None else last}"
    part = raw(view, message, Range=field)
    stop = message.size if last is None else last + 1
    shown = f"bytes {first}-{stop - 1}/{message.size}"
    if part.status != 206:
        remedy = "answer 206, or do not offer the feature range"
        yield Breach(3, f"Range: {field} is {part.status}", remedy)
    elif part.headers.get("content-range") != shown:
        seen = f"Range: {field}: Content-Range is {part.headers.get('content-range')}"
        yield Breach(3, seen, f"send Content-Range: {shown}")
    elif part.length != stop - first or part.body != whole.body[first:stop][: len(part.body)]:
        seen = f"Range: {field}: these are not octets {first} to {stop - 1} of the whole"
        yield Breach(3, seen, "cut the octets that a GET without Range sends; both ends count")


def _conditional(view: View, message: Message, tag: str) -> Iterator[Breach]:
    same = raw(view, message, Range="bytes=1-2", If_Range=tag)
    if same.status != 206:
        seen = f"If-Range with the ETag of the message is {same.status}"
        yield Breach(3, seen, "answer 206 if If-Range is the present ETag")
    other = raw(view, message, Range="bytes=1-2", If_Range='"check-mailbox-other"')
    if other.status != 200 or other.length != message.size:
        seen = f"If-Range with another ETag is {other.status} with {other.length} octets"
        yield Breach(3, seen, "answer 200 with the whole message: the pieces would not fit")


def _after_the_end(view: View, message: Message) -> Iterator[Breach]:
    answer = raw(view, message, Range=f"bytes={message.size}-")
    if answer.status != 416:
        seen = f"a range that begins after the last octet is {answer.status}"
        yield Breach(3, seen, f"answer 416 with Content-Range: bytes */{message.size}")
    else:
        yield from problem_breaches(answer, "a range after the end")


def chosen(messages: tuple[Message, ...], sample: int) -> tuple[Message, ...]:
    """So many of them, spread evenly, the first and the last among them."""
    count = len(messages)
    if count <= sample:
        return messages
    return tuple(
        messages[number * (count - 1) // max(1, sample - 1)] for number in range(sample)
    )


def raw(view: View, message: Message, method: str = "GET", **headers: str) -> Answer:
    """Ask for the octets; a connection that breaks is an answer without any."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        return view.target.ask(
            method,
            raw_path(message.id),
            {"generation": view.session.generation},
            headers=fields,
        )
    except NoAnswer as error:
        return Answer(0, {}, str(error).encode(), 0, b"")
