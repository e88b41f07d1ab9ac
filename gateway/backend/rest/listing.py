"""The list of messages: all pages in one state, or what changed since another."""

from collections.abc import Mapping

from gateway.backend.http.api import Listing, Row
from gateway.backend.rest.shapes import Changes, Message, Page, Session
from gateway.backend.rest.talk import Talk, shaped
from gateway.errors import Unavailable

_TRIES = 3
_PAGE = 2000
_MOST_PAGES = 20_000
_MOST_MESSAGES = 2_000_000


async def whole_list(talk: Talk, session: Session, known: Mapping[str, str] | None) -> Listing:
    """All messages.

    Args:
        talk: The way to the server.
        session: What the server can do.
        known: The state of the last list, to hear that it is still the same; or None.

    Raises:
        Unavailable: Also if the pages do not fit together.
    """
    for _ in range(_TRIES):
        listing = await _pages(talk, session, known)
        if listing is not None:
            return listing
    raise Unavailable("the list changes faster than its pages can be read")


async def _pages(
    talk: Talk, session: Session, known: Mapping[str, str] | None
) -> Listing | None:
    """None if the server does not keep the list until it is read."""
    tag = (known or {}).get("etag")
    headers = {"If-None-Match": tag} if tag else None
    query = {"limit": _limit(session)}
    first = await talk.try_get("messages", query, headers, (200, 304) if tag else (200,))
    if first.status == 304:
        return Listing(session.generation, (), dict(known or {}), changes=True)
    page = shaped(first, Page, "messages")
    begin, rows = page, _rows(page.messages)
    while page.next is not None:
        if not page.messages or len(rows) > min(begin.total, _MOST_MESSAGES):
            raise Unavailable(f"the pages do not end: {len(rows)} of {begin.total} messages")
        query["cursor"] = page.next
        answer = await talk.try_get("messages", query, None, (200, 410))
        if answer.status == 410:
            return None
        page = shaped(answer, Page, "messages")
        if (page.state, page.generation) != (begin.state, begin.generation):
            return None
        rows += _rows(page.messages)
    if begin.generation != session.generation:
        raise Unavailable("session and list are of different generations")
    state = {"state": begin.state, "etag": first.headers.get("etag", "")}
    return Listing(begin.generation, rows, state, total=begin.total)


async def changes_since(talk: Talk, session: Session, state: str) -> Listing | None:
    """What came and went; None if the server does not know the state any more.

    Raises:
        Unavailable
    """
    created: dict[str, Message] = {}
    removed: dict[str, None] = {}
    more, count = True, 0
    while more:
        query = {"since": state, "limit": _limit(session)}
        answer = await talk.try_get("changes", query, None, (200, 410))
        if answer.status == 410:
            return None
        changes = shaped(answer, Changes, "changes")
        if changes.start != state or (changes.more and changes.end == state):
            raise Unavailable("the answer to changes is of another state, or leads nowhere")
        for each in changes.destroyed:
            created.pop(each, None)
            removed[each] = None
        created |= {message.id: message for message in changes.created}
        state, more, count = changes.end, changes.more, count + 1
        if len(created) + len(removed) > _MOST_MESSAGES or count > _MOST_PAGES:
            raise Unavailable("the changes do not end")
    rows = _rows(list(created.values()))
    return Listing(
        session.generation,
        rows,
        {"state": state, "etag": ""},  # that of the list in this state was not told
        changes=True,
        removed=removed,
        total=changes.total,
    )


def _limit(session: Session) -> str:
    """As much as the server gives, in pieces that are read without stalling others."""
    return str(min(session.limits.page, _PAGE))


def _rows(messages: list[Message]) -> list[Row]:
    return [Row(message.id, message.size) for message in messages]
