"""Rules 4 to 8: ids, order, pages, states, changes."""

import re
from collections import Counter
from collections.abc import Iterator

from gateway.backend.rest.shapes import Changes, Message
from gateway.cli.mailbox.raw_checks import Result
from gateway.cli.mailbox.rules import Breach, Skipped
from gateway.cli.mailbox.view import View, ask_for, look, problem_breaches

_ID = re.compile(r"(?!\.{1,2}\Z)[!-.0-~]{1,70}")
_GENERATION = re.compile(r"[!-~]{1,40}")
_MOST_SHOWN = 3


def ids(view: View, _sample: int) -> Result:
    """Rule 4."""
    odd = [message.id for message in view.messages if not _ID.fullmatch(message.id)]
    for each in odd[:_MOST_SHOWN]:
        yield Breach(
            4,
            f"the id {each[:100]!r} ({len(each)} characters) cannot be one",
            "use a database key or a hash; ids become POP3 unique-ids and parts of URLs",
        )
    counts = Counter(message.id for message in view.messages)
    for each in [each for each, count in counts.items() if count > 1][:_MOST_SHOWN]:
        yield Breach(
            4,
            f"the id {each[:100]!r} is in the list {counts[each]} times",
            "give every message an id of its own, also if two have the same content",
        )
    if not _GENERATION.fullmatch(view.session.generation):
        seen = f"the generation {view.session.generation[:60]!r} cannot be one"
        yield Breach(4, seen, "use 1 to 40 characters of 0x21 to 0x7E, e.g. a number")
    if {page.generation for _, page in view.pages} != {view.session.generation}:
        seen = "session and list have different generations"
        yield Breach(4, seen, "change it only when ids are given anew, and then everywhere")
    yield f"{len(counts)} ids are good and unique"


def order(view: View, _sample: int) -> Result:
    """Rule 5."""
    again = look(view.target)
    if again.state == view.state and _ids(again.messages) != _ids(view.messages):
        seen = "the list had another order the second time"
        yield Breach(
            5, seen, "sort by a key that decides between all messages, e.g. (date, id)"
        )
    dates = [message.received for message in view.messages]
    if len(set(dates)) > 1 and dates == sorted(dates, reverse=True):
        seen = "the newest message is the first of the list"
        yield Breach(5, seen, "list the oldest first; a new message goes to the end")
    yield "the order is the same each time"


def pages(view: View, _sample: int) -> Result:
    """Rule 6, in pages so small that there are several."""
    limit = max(1, min(view.session.limits.page, -(-len(view.messages) // 3)))
    small = look(view.target, limit)
    if small.state != view.state:
        yield Skipped("the list changed meanwhile: the pages were not compared")
        return
    if any(len(page.messages) > limit for _, page in small.pages):
        yield Breach(6, f"limit={limit} got more messages", "send no more than limit on a page")
    if _ids(small.messages) != _ids(view.messages):
        yield Breach(
            6,
            f"pages of {limit} have {len(small.messages)} messages together, "
            f"pages without limit {len(view.messages)}, or others",
            "let the cursor name the place after the last message sent, in a list that is "
            "kept or sorted by a fixed key",
        )
    if len({page.state for _, page in small.pages}) > 1:
        seen = "the pages of one list have several states"
        yield Breach(6, seen, "keep the state of the first page in the cursor")
    yield from _totals(view)
    yield f"{len(small.pages)} pages of {limit} are the whole list"


def _totals(view: View) -> Iterator[Breach]:
    page = view.pages[0][1]
    if page.total != len(view.messages):
        seen = f"total is {page.total}, there are {len(view.messages)} messages"
        yield Breach(6, seen, "count all messages of the list, not those of the page")
    size = sum(message.size for message in view.messages)
    if page.totalSize != size:
        seen = f"totalSize is {page.totalSize}, the sizes make {size}"
        yield Breach(6, seen, "send the sum of the sizes of all pages")


def states(view: View, _sample: int) -> Result:
    """Rule 7: what makes a login cheap."""
    answer, page = view.pages[0]
    tag = answer.headers.get("etag", "")
    if not tag:
        remedy = 'send ETag: "the state" with the list'
        yield Breach(7, "GET /messages has no ETag", remedy)
        return
    again = view.target.ask("GET", "/messages", headers={"If-None-Match": tag})
    if again.status == 200 and again.headers.get("etag") != tag:
        yield Skipped("the list changed meanwhile, or its ETag does; the 304 was not tried")
    elif again.status != 304:
        seen = f"If-None-Match with the ETag of the list is {again.status}"
        yield Breach(7, seen, "answer 304 without a body while the state is the same")
    other = view.target.ask("GET", "/messages", headers={"If-None-Match": '"check-mailbox"'})
    if other.status != 200:
        seen = f"If-None-Match with another ETag is {other.status}"
        yield Breach(7, seen, "answer 200 with the list if the ETag is not the present one")
    second = look(view.target)
    if _ids(second.messages) == _ids(view.messages) and (
        second.state,
        second.session.state,
    ) != (
        page.state,
        page.state,
    ):
        seen = "the list is the same and its state is another, or the session has another"
        yield Breach(
            7, seen, "make the state of what was delivered and removed, not of the time"
        )
    yield "an unchanged list is a 304"


def changes(view: View, _sample: int) -> Result:
    """Rule 8, as far as can be seen without changing anything."""
    if not view.offers("changes"):
        yield Skipped(
            "the feature changes is not offered: a changed list is read whole at each login"
        )
        return
    unknown = view.target.ask("GET", "/changes", {"since": "check-mailbox-no-such-state"})
    if unknown.status != 410:
        seen = f"changes since a state that never was is {unknown.shown()}"
        yield Breach(8, seen, "answer 410: the gateway then lists everything")
    else:
        yield from problem_breaches(unknown, "changes since an unknown state")
    _, nothing = ask_for(view.target, Changes, "/changes", {"since": view.state})
    if nothing.start != view.state:
        seen = f"changes since {view.state!r} has from {nothing.start!r}"
        yield Breach(8, seen, "send since back as from")
    if nothing.end == view.state and (nothing.created or nothing.destroyed or nothing.more):
        seen = "changes since the present state are not empty"
        yield Breach(8, seen, "send what happened after since, not with it")
    if nothing.end == view.state and nothing.total not in {None, len(view.messages)}:
        seen = f"changes say that there are {nothing.total} messages, the list has others"
        yield Breach(8, seen, "leave total out, or count the messages that are there now")
    yield "changes since the present state are empty, an unknown state is a 410"


def _ids(messages: tuple[Message, ...]) -> list[str]:
    return [message.id for message in messages]
