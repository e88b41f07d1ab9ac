"""What a request may say: header fields, parameters and bodies, all bounded."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gateway.mailbox_server.problems import Problem, bad_request
from gateway.mailbox_server.store import Mode

ID = re.compile(r"(?!\.{1,2}\Z)[!-.0-~]{1,70}")
_RANGE = re.compile(r"bytes=(?P<first>[0-9]{0,12})-(?P<last>[0-9]{0,12})")
_VISIBLE = re.compile(r"[!-~]{1,200}")
_LARGEST_LIMIT = 100_000


class _Body(BaseModel):
    """Unknown fields are ignored: a later version may have more."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class DeleteRequest(_Body):
    """The body of a deletion."""

    generation: str = Field(min_length=1, max_length=40)
    ids: Annotated[list[str], Field(min_length=1)]
    mode: Mode


def _whole(number: object) -> object:
    """In JSON 60 and 60.0 are one number."""
    whole = isinstance(number, float) and number.is_integer()
    return int(number) if whole else number  # type: ignore[call-overload]


class LockRequest(_Body):
    """The body of a lock."""

    ttl: Annotated[int, BeforeValidator(_whole), Field(ge=1, le=3600)]


B = TypeVar("B", bound=_Body)


def body(kind: type[B], octets: bytes, content_type: str | None) -> B:
    """The body as what it shall be.

    Raises:
        Problem: It is not.
    """
    if (content_type or "").partition(";")[0].strip().lower() != "application/json":
        raise bad_request("the body must be application/json")
    try:
        return kind.model_validate_json(octets)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise bad_request(f"{where}: {first['msg']}") from None


def message_ids(given: Sequence[str], limit: int) -> Sequence[str]:
    """The ids to delete, each once.

    Raises:
        Problem: They are too many, or what no message can have.
    """
    ids = tuple(dict.fromkeys(given))
    if len(ids) > limit:
        raise Problem(413, "too-many-ids", f"{limit} ids at the most; nothing was removed.")
    if not all(map(ID.fullmatch, ids)):
        raise bad_request("ids: 1 to 70 characters of 0x21 to 0x7E, without /")
    return ids


def field(headers: Any, name: str) -> str | None:
    """A header field, whatever octets it has; None if it is not there."""
    values: Sequence[bytes] = headers.getRawHeaders(name.encode(), ())
    return values[0].decode("latin-1") if values else None


def one(args: Mapping[bytes, Sequence[bytes]], name: str) -> str | None:
    """A parameter of the query; None if it is not given.

    Raises:
        Problem: It is given more than once, or is not visible ASCII.
    """
    values = args.get(name.encode(), ())
    if len(values) > 1:
        raise bad_request(f"{name} is given more than once")
    for value in values:
        text = value.decode("ascii", "replace")
        if not re.fullmatch(r"[!-~]{1,1000}", text):
            raise bad_request(f"{name}: 1 to 1000 characters of 0x21 to 0x7E")
        return text
    return None


def limit(args: Mapping[bytes, Sequence[bytes]], largest: int) -> int:
    """How many are asked for; never more than `largest`.

    Raises:
        Problem: It is no number.
    """
    text = one(args, "limit")
    if text is None:
        return largest
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= _LARGEST_LIMIT:
        raise bad_request(f"limit: a number from 1 to {_LARGEST_LIMIT}")
    return min(int(text), largest)


def key(header: str | None) -> str:
    """The Idempotency-Key.

    Raises:
        Problem: It is missing or too long.
    """
    if header is None or not _VISIBLE.fullmatch(header):
        raise bad_request("Idempotency-Key: 1 to 200 characters of 0x21 to 0x7E, please")
    return header


def is_among(tag: str, header: str | None) -> bool:
    """Whether If-None-Match names this entity tag; weakly compared (RFC 9110 §13.1.2)."""
    if header is None:
        return False
    tags = [each.strip().removeprefix("W/") for each in header.split(",")]
    return tag in tags or tags == ["*"]


def span(header: str | None, size: int) -> tuple[int, int] | None:
    """The octets that Range asks for, from the first up to before the last (RFC 9110 §14).

    Returns:
        None for all: also if the field is not understood, or has several ranges.

    Raises:
        Problem: There is nothing there.
    """
    match = _RANGE.fullmatch((header or "").strip())
    if match is None or not (match["first"] or match["last"]):
        return None
    if not match["first"]:
        start, stop = max(0, size - int(match["last"])), size
    else:
        start = int(match["first"])
        stop = min(size, int(match["last"]) + 1) if match["last"] else size
        if match["last"] and int(match["last"]) < start:
            return None
    if start >= stop:
        raise Problem(
            416, "range-empty", "There is nothing.", {"Content-Range": f"bytes */{size}"}
        )
    return start, stop
