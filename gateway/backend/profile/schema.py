"""What a profile can say: one class for each table of the TOML file."""

import re
from typing import Annotated, Any, Literal

from jsonpointer import JsonPointer, JsonPointerException
from pydantic import AfterValidator, Field, model_validator

from gateway.backend.profile import rules
from gateway.backend.profile.mistakes import Mistake, Mistakes
from gateway.backend.profile.template import check_header, check_template, check_url, names_in
from gateway.settings import Section

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}")
_TAKEN = re.compile(r"[a-z][a-z0-9_]{0,30}")
# These say where an answer ends or who asks; a profile has no business with them.
_NOT_OURS = frozenset(
    {"content-length", "transfer-encoding", "host", "connection", "content-encoding", "te"}
)


def _pointer(text: str) -> str:
    try:
        JsonPointer(text)
    except JsonPointerException:
        raise Mistake(
            "it is no JSON pointer (RFC 6901)",
            'write /name, /outer/inner or /list/0; "" is the whole value',
        ) from None
    return text


def _header_name(text: str) -> str:
    if _HEADER_NAME.fullmatch(text) is None or text.lower() in _NOT_OURS:
        raise Mistake("it is no header that can be set", "write a name such as X-Api-Key")
    return text


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        _header_name(name)
        check_header(value)
    return headers


def _body(body: dict[str, Any]) -> dict[str, Any]:
    names_in(body)
    return body


def _taken(taken: dict[str, str]) -> dict[str, str]:
    for name, pointer in taken.items():
        if _TAKEN.fullmatch(name) is None:
            raise Mistake(f'"{name}" is no name', "use a-z, 0-9 and _")
        _pointer(pointer)
    return taken


def _statuses(statuses: tuple[int, ...]) -> tuple[int, ...]:
    if not all(200 <= status <= 599 for status in statuses):
        raise Mistake("there is no such status", "give numbers from 200 to 599")
    return statuses


Pointer = Annotated[str, AfterValidator(_pointer)]
UrlTemplate = Annotated[str, Field(max_length=2000), AfterValidator(check_url)]
TextTemplate = Annotated[str, Field(max_length=2000), AfterValidator(check_template)]
HeaderTemplate = Annotated[str, Field(max_length=2000), AfterValidator(check_header)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
Headers = Annotated[dict[str, str], AfterValidator(_headers)]
Body = Annotated[dict[str, Any], AfterValidator(_body)]
Taken = Annotated[dict[str, str], AfterValidator(_taken)]
Statuses = Annotated[tuple[int, ...], AfterValidator(_statuses)]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class Auth(Section):
    """What proves to the server who asks."""

    form: Literal["none", "basic", "bearer", "header"] = Field(
        default="none",
        description="`none` sends nothing; `basic` the client's name and password; `bearer` "
        "`value` in an Authorization header; `header` `value` in the header `header`.",
    )
    header: HeaderName | None = Field(
        default=None, description="With the form `header`: its name, e.g. `X-Api-Key`."
    )
    value: HeaderTemplate | None = Field(
        default=None,
        description="With the forms `bearer` and `header`: what is sent, e.g. `{token}` where "
        "a login takes a token, `{password}` where the client's password is the API's key, or "
        "`{service}` for the token of the settings. It is sent as soon as all its names are "
        "known.",
    )
    refused: Statuses = Field(
        default=(401,),
        description="Statuses by which the server refuses name and password, or the token.",
    )


class Call(Section):
    """A request whose answer is of interest only for its status."""

    method: Method = Field(default="GET", description="The request's method.")
    url: UrlTemplate = Field(
        description="Path and query below the upstream's URL, e.g. `/messages/{id}`."
    )
    headers: Headers = Field(
        default_factory=dict,
        description="Further headers. One whose value comes out empty is not sent.",
    )
    body: Body | None = Field(
        default=None,
        description="What is sent as JSON: a table whose strings are templates.",
    )


class Login(Call):
    """A call made at login; there may be several, made in their order."""

    take: Taken = Field(
        default_factory=dict,
        description="What to take from the JSON answer, by name: pointers to strings or "
        "numbers. Further calls can use the names, as in `{token}`.",
    )
    refused: Statuses = Field(
        default=(),
        description="Statuses by which this call refuses name and password, besides those of "
        "`[auth]`.",
    )
    code: Pointer | None = Field(
        default=None,
        description="Where the JSON answer says why, if the statuses alone do not tell a wrong "
        "password from a service token that is no good.",
    )
    codes: tuple[str, ...] = Field(
        default=(),
        description="What is at `code` when name and password are refused. With any other "
        "code nobody's password is to blame.",
    )


class Page(Section):
    """How a long list comes in pieces."""

    style: Literal["none", "offset", "page", "cursor"] = Field(
        default="none",
        description="`none`: all at once. `offset`: the URL has `{offset}`, the number of "
        "messages before the page. `page`: it has `{page}`. `cursor`: it has `{cursor}`, taken "
        "from the page before.",
    )
    limit: int = Field(
        default=100,
        ge=1,
        le=100_000,
        description="Messages a page, in the URL as `{limit}`. A shorter page is not yet the "
        "last: a server may give less than asked for.",
    )
    first: int = Field(default=0, ge=0, le=1, description="The number of the first `{page}`.")
    cursor: Pointer | None = Field(
        default=None,
        description="With the style `cursor`: where the answer has the next one. Missing, "
        "null, false or empty ends the list.",
    )


class List(Section):
    """How to get the list of messages."""

    url: UrlTemplate = Field(description="What is asked for by GET, e.g. `/messages`.")
    items: Pointer = Field(
        default="", description='Where the answer has the array; "" if it is the array.'
    )
    id: Pointer = Field(description="In each item: what names the message in further calls.")
    size: Pointer | None = Field(
        default=None, description="In each item: octets of the message, if it has them."
    )
    exact: bool = Field(
        default=False,
        description="Whether `size` is what a client will get, for every message: octets of "
        "the message as `[raw]` gives it, with CRLF line ends. If not, octets are learned by "
        "reading each message once.",
    )
    received: Pointer | None = Field(
        default=None,
        description="In each item: when it came, as ISO 8601 text or a number.",
    )
    order: Literal["listed", "reversed", "received"] = Field(
        default="listed",
        description="Where the oldest message is: first as listed, last as listed, or by "
        "`received`.",
    )
    total: Pointer | None = Field(
        default=None, description="Where the answer has the number of all messages."
    )
    page: Page = Field(default_factory=Page, description="How a long list comes in pieces.")


class Unchanged(Section):
    """A cheap way to see that nothing came and nothing went since the last login."""

    url: UrlTemplate | None = Field(
        default=None,
        description="What is asked for by GET before the list. Without it and with `etag`, "
        "the list itself is asked for with If-None-Match.",
    )
    values: tuple[Pointer, ...] = Field(
        default=(),
        description="Where the answer has what is another value after every change: a counter "
        "of changes, never the number of messages alone.",
    )
    etag: bool = Field(
        default=False,
        description="Whether the list's ETag changes whenever a message comes or goes; for "
        "lists without pages.",
    )


class Ids(Section):
    """How unique-ids are made of what the server gives."""

    scope: TextTemplate = Field(
        default="",
        description="What is put before each id, from names known after login, where ids mean "
        "something only within a mailbox, e.g. `{inbox}`.",
    )
    also: tuple[Pointer, ...] = Field(
        default=(),
        description="In each item: what makes the unique-id besides `id`, and never changes. "
        "Needed where a server gives a removed message's id to a new one; a list is then read "
        "again before anything is deleted.",
    )
    reserved: tuple[str, ...] = Field(
        default=(),
        description="Ids that no message may have, because the server takes them for "
        "something else in a URL, e.g. `all`. A list that has one is refused.",
    )


class Raw(Section):
    """How to get a message as it is, with GET."""

    url: UrlTemplate = Field(description="What is asked for, e.g. `/messages/{id}/raw`.")
    headers: Headers = Field(
        default_factory=dict, description="Further headers, e.g. `Accept`."
    )
    encoding: Literal["octets", "base64url", "base64", "json-text"] = Field(
        default="octets",
        description="`octets`: the answer is the message. The others: it is a string in a "
        "JSON answer, encoded so, or as it is.",
    )
    at: Pointer | None = Field(
        default=None, description="Where the JSON answer has the string, e.g. `/raw`."
    )
    newlines: Literal["crlf", "lf", "mixed"] = Field(
        default="crlf",
        description="Line ends of the message. With `lf` or `mixed`, each bare LF becomes CRLF "
        "before octets are counted.",
    )
    gone: Statuses = Field(
        default=(404, 410), description="Statuses by which the message is not there any more."
    )


class Bulk(Call):
    """A call that deletes many messages, by `{ids}` in its body."""

    method: Method = Field(default="POST", description="The request's method.")
    most: int = Field(
        default=100, ge=1, le=10_000, description="How many messages one call may delete."
    )
    join: str | None = Field(
        default=None,
        min_length=1,
        max_length=1,
        description="What is put between ids to make one string of `{ids}`; without it "
        '`"{ids}"` becomes a list. Ids other than of letters, digits, - and _ are then deleted '
        "one by one.",
    )


class Delete(Call):
    """How to delete one message."""

    method: Method = Field(default="DELETE", description="The request's method.")
    done: Statuses = Field(
        default=(200, 202, 204), description="Statuses by which the message was deleted."
    )
    gone: Statuses = Field(
        default=(404, 410), description="Statuses by which it was not there any more."
    )
    unsure: Statuses = Field(
        default=(),
        description="Statuses that can also mean that it was not there any more. `[raw]` then "
        "tells.",
    )
    bulk: Bulk | None = Field(
        default=None,
        description="How to delete many at once. What became of them is seen in the list, "
        "which is read again.",
    )


class Profile(Section):
    """What stands before any table."""

    name: str = Field(
        min_length=1, max_length=100, description="What the server is called, for people."
    )
    verified: str = Field(
        default="",
        max_length=100,
        description="Version of the server with which the profile was tried; empty if it was "
        "written from documents only.",
    )
    deletes: str = Field(
        default="for good",
        max_length=200,
        description="What becomes of a deleted message, for people.",
    )
    parallel: int = Field(
        default=8, ge=1, le=64, description="How many calls a session may have under way."
    )
    auth: Auth = Field(default_factory=Auth, description="What proves who asks.")
    login: tuple[Login, ...] = Field(
        default=(), max_length=8, description="Calls made at login."
    )
    logout: Call | None = Field(
        default=None, description="A call made at the end, e.g. to give back a token."
    )
    list: List = Field(description="How to get the list of messages.")
    unchanged: Unchanged | None = Field(
        default=None, description="How to see that nothing changed."
    )
    ids: Ids = Field(default_factory=Ids, description="How unique-ids are made.")
    raw: Raw = Field(description="How to get a message.")
    delete: Delete = Field(description="How to delete a message.")

    @model_validator(mode="after")
    def _consistent(self) -> "Profile":
        mistakes = list(rules.broken(self))
        if mistakes:
            raise Mistakes(mistakes)
        return self


TABLES: dict[str, type[Section]] = {
    "": Profile,
    "auth": Auth,
    "login": Login,
    "logout": Call,
    "list": List,
    "list.page": Page,
    "unchanged": Unchanged,
    "ids": Ids,
    "raw": Raw,
    "delete": Delete,
    "delete.bulk": Bulk,
}
"""Every table of the file by its dotted name; `login` may be there several times."""
