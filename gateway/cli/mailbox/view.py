"""The mailbox as the checker has found it: its session and its whole list."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from gateway.backend.rest.shapes import Message, Page, Problem, Session
from gateway.cli.mailbox.rules import Breach, CannotGoOn
from gateway.cli.mailbox.wire import Answer, Target

_MOST_PAGES = 10_000
_MOST_MESSAGES = 1_000_000
S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class View:
    """What there is.

    Attributes:
        pages: As they came, with their answers less the body.
        messages: Of all pages.
    """

    target: Target
    session: Session
    pages: tuple[tuple[Answer, Page], ...]
    messages: tuple[Message, ...]

    @property
    def state(self) -> str:
        """That of the first page."""
        return self.pages[0][1].state

    def offers(self, feature: str) -> bool:
        """Whether the session names this feature."""
        return feature in self.session.features


def look(target: Target, limit: int | None = None) -> View:
    """Get the session and all pages.

    Raises:
        CannotGoOn: One of them is not what it must be.
        NoAnswer
    """
    session = ask_for(target, Session, "/session")[1]
    pages = list(_pages(target, limit))
    messages = tuple(message for _, page in pages for message in page.messages)
    return View(target, session, tuple(pages), messages)


def _pages(target: Target, limit: int | None) -> Iterator[tuple[Answer, Page]]:
    query = {} if limit is None else {"limit": str(limit)}
    cursors: set[str] = set()
    messages = 0
    while len(cursors) < _MOST_PAGES and messages < _MOST_MESSAGES:
        answer, page = ask_for(target, Page, "/messages", query)
        messages += len(page.messages)
        yield replace(answer, body=b""), page
        if page.next is None:
            return
        if page.next in cursors:
            break
        cursors.add(page.next)
        query["cursor"] = page.next
    raise CannotGoOn(
        Breach(6, "the pages have no end", "make next null on the last page of the list")
    )


def ask_for(
    target: Target, shape: type[S], path: str, query: dict[str, str] | None = None
) -> tuple[Answer, S]:
    """GET something that must be there.

    Raises:
        CannotGoOn: It is not.
        NoAnswer
    """
    answer = target.ask("GET", path, query)
    if answer.status != 200:
        raise CannotGoOn(
            Breach(
                12 if answer.status in {401, 403} else 13,
                f"GET {path}: {answer.shown()}",
                "answer 200 to these credentials; or is the URL wrong, or the password?",
            )
        )
    return answer, shaped(answer, shape, f"GET {path}")


def shaped(answer: Answer, shape: type[S], what: str) -> S:
    """The JSON of an answer.

    Raises:
        CannotGoOn: It is not of this shape.
    """
    if answer.media_type != "application/json":
        seen = f"{what}: Content-Type is {answer.media_type or 'missing'}"
        raise CannotGoOn(Breach(13, seen, "send Content-Type: application/json"))
    try:
        return shape.model_validate_json(answer.body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        breach = Breach(
            13, f"{what}: {where}: {first['msg']}", "compare it with the schema in openapi.yaml"
        )
        raise CannotGoOn(breach) from None


def problem_breaches(answer: Answer, what: str) -> Iterator[Breach]:
    """Whether an error has the form of one."""
    try:
        problem = Problem.model_validate_json(answer.body)
    except ValidationError:
        problem = None
    if answer.media_type != "application/problem+json" or problem is None:
        yield Breach(
            13,
            f"{what}: the {answer.status} has Content-Type {answer.media_type or '(none)'}",
            "send errors as application/problem+json: type, title, status (RFC 9457)",
        )
