"""Several requests in one: what is sent, and what became of each. Knows no I/O.

https://learn.microsoft.com/graph/json-batching
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.errors import Unavailable

MOST: Final = 20
"""How many requests a batch may hold."""
# Codes are told in several spellings: /graph/errors and those of Exchange below it.
_GONE: Final = frozenset({"erroritemnotfound", "itemnotfound"})


@dataclass(frozen=True, slots=True)
class Part:
    """What became of one request of a batch.

    Attributes:
        status: Of HTTP; 0 if nothing was said of it.
        code: Graph's own word for an error; empty without one.
        retry_after: Seconds for which Graph wants to be left alone; None if it does not say.
        body: The object that was answered; empty without one.
    """

    status: int = 0
    code: str = ""
    retry_after: float | None = None
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether it succeeded."""
        return 200 <= self.status < 300

    @property
    def busy(self) -> bool:
        """Whether it may succeed later (429: the mailbox has too many requests at once)."""
        return self.status in {429, 503, 504}

    @property
    def gone(self) -> bool:
        """Whether there is no such message. Other things may be missing, too (404)."""
        return self.status == 404 and is_gone(self.code)


def is_gone(code: str) -> bool:
    """Whether an error's code says that there is no such message."""
    return code.lower() in _GONE


def request(
    method: str, urls: Sequence[str], headers: Mapping[str, str], body: Any = None
) -> Any:
    """What is sent for the same deed on several messages, named by their places.

    Args:
        method: Of HTTP.
        urls: At most `MOST`, relative to the version's URL, with a slash in front.
        headers: Of each; those of the batch itself do not count for its parts.
        body: Of each.
    """
    given = dict(headers)
    if body is not None:
        given["Content-Type"] = "application/json"
    more = {} if body is None else {"body": body}
    return {
        "requests": [
            {"id": str(place), "method": method, "url": url, "headers": given, **more}
            for place, url in enumerate(urls)
        ]
    }


def outcomes(answer: Any, count: int) -> list[Part]:
    """What became of each, in the order of asking.

    Raises:
        Unavailable: It is no answer to a batch.
    """
    told = answer.get("responses") if isinstance(answer, dict) else None
    if not isinstance(told, list):
        raise Unavailable("Graph's answer is none to a batch")
    parts, places = [Part()] * count, {str(place): place for place in range(count)}
    for each in told:
        name = each.get("id") if isinstance(each, dict) else None
        place = places.get(name) if isinstance(name, str) else None
        if place is not None:
            parts[place] = _part(each)
    return parts


def error_code(body: Any) -> str:
    """The code in an error's body; empty if there is none."""
    error = body.get("error") if isinstance(body, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) else ""


def _part(told: Mapping[str, Any]) -> Part:
    status, body, headers = told.get("status"), told.get("body"), told.get("headers")
    return Part(
        status if type(status) is int else 0,
        error_code(body),
        _seconds(headers),
        body if isinstance(body, dict) else {},
    )


def _seconds(headers: Any) -> float | None:
    if not isinstance(headers, dict):
        return None
    for name, value in headers.items():
        text = str(value)
        if name.lower() == "retry-after" and text.isascii() and text.isdigit():
            return float(text[:9])
    return None
