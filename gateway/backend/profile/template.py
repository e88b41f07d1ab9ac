"""Templates of URLs, headers and bodies: `{name}` is put in so that it stays one value.

Names come from the client and from the server. Whatever is in them, a value in a path
stays one segment, a value in a query stays one parameter, and a value in a header stays one
line.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from urllib.parse import quote

from gateway.backend.profile.mistakes import Mistake

Values = Mapping[str, str]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_PATH = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*")
_QUERY = re.compile(r"[A-Za-z0-9\-._~!$'()*+,;:@%/?&=]*")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HEADER = re.compile(r"[\x20-\x7e\x80-\U0010ffff]*")
_DOTS = (".", "..")


class BadValue(ValueError):
    """A value that would change the meaning of what it is put into; the text says which."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text with names in it.

    Attributes:
        parts: Literal texts and names in turn, beginning and ending with a literal.
    """

    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Template":
        """The template of a text; `{{` and `}}` are braces.

        Raises:
            Mistake: It is none.
        """
        parts = [""]
        try:
            pieces = list(Formatter().parse(text))
        except ValueError:
            raise _unclear() from None
        for literal, name, form, conversion in pieces:
            parts[-1] += literal
            if name is None:
                continue
            if form or conversion or not _NAME.fullmatch(name):
                raise _unclear()
            parts += [name, ""]
        return cls(tuple(parts))

    @property
    def names(self) -> frozenset[str]:
        """What has to be known to fill it in."""
        return frozenset(self.parts[1::2])

    @property
    def only(self) -> str | None:
        """The name, if there is nothing else in it."""
        return self.parts[1] if len(self.parts) == 3 and not "".join(self.parts[::2]) else None

    def fill(self, values: Values) -> str:
        """The text with the values as they are."""
        return "".join(
            values[part] if index % 2 else part for index, part in enumerate(self.parts)
        )

    def header(self, values: Values) -> bytes:
        """The value of a header.

        Raises:
            BadValue: It would not stay one line.
        """
        text = self.fill(values)
        if _HEADER.fullmatch(text) is None:
            raise BadValue("a control character cannot go into a header")
        try:
            return text.strip().encode()
        except UnicodeEncodeError:
            raise BadValue("half a character cannot go into a header") from None

    def quoted(self, values: Values) -> str:
        """The text with every value percent-encoded whole."""
        return "".join(
            _quoted(values[part]) if index % 2 else part
            for index, part in enumerate(self.parts)
        )


@dataclass(frozen=True, slots=True)
class Url:
    """A path below the upstream's URL, and a query.

    Attributes:
        segments: Of the path, without the slash in front of each.
        query: The parameters, each with its `=` if it has one.
    """

    segments: tuple[Template, ...]
    query: tuple[tuple[Template, Template | None], ...]

    @classmethod
    def parse(cls, text: str) -> "Url":
        """The template of a URL: `/path/{id}?query={name}`.

        Raises:
            Mistake: It is none, or one that could lead elsewhere.
        """
        path, mark, query = text.partition("?")
        if not path.startswith("/") or path.startswith("//"):
            raise Mistake(
                "the path does not start with one slash",
                "write the path alone, as in /messages/{id}: scheme and host are in the "
                "upstream's URL",
            )
        segments = tuple(_segment(one) for one in path[1:].split("/"))
        return cls(segments, _query(query) if mark else ())

    @property
    def names(self) -> frozenset[str]:
        """What has to be known to fill it in."""
        templates = [*self.segments, *(key for key, _ in self.query)]
        templates += [value for _, value in self.query if value is not None]
        return frozenset().union(*(one.names for one in templates))

    def fill(self, values: Values) -> str:
        """The path and query, encoded. A parameter that is only an empty value is left out.

        Raises:
            BadValue: A value would make another path of it.
        """
        path = "".join("/" + _filled(segment, values) for segment in self.segments)
        query = "&".join(
            key.quoted(values) + ("" if value is None else "=" + value.quoted(values))
            for key, value in self.query
            if value is None or value.only is None or values[value.only]
        )
        return f"{path}?{query}" if query else path


def check_url(text: str) -> str:
    """The text, if it is the template of a URL."""
    Url.parse(text)
    return text


def check_template(text: str) -> str:
    """The text, if it is a template."""
    Template.parse(text)
    return text


def check_header(text: str) -> str:
    """The text, if it is the template of a header's value."""
    literal = "".join(Template.parse(text).parts[::2])
    if not literal.isascii() or _HEADER.fullmatch(literal) is None:
        raise Mistake("it cannot be in a header", "use printable ASCII characters")
    return text


def names_in(body: object) -> frozenset[str]:
    """The names in all strings of a JSON value.

    Raises:
        Mistake: A string is no template, or a table's key has a brace.
    """
    if isinstance(body, str):
        return Template.parse(body).names
    if isinstance(body, Mapping):
        return frozenset().union(*map(names_in, body.values()))
    if isinstance(body, list):
        return frozenset().union(*map(names_in, body))
    return frozenset()


def filled(body: object, values: Values, lists: Mapping[str, Sequence[str]]) -> object:
    """A JSON value with the names in its strings filled in.

    Args:
        body: From the profile.
        values: By name.
        lists: By name; a string that is nothing but such a name becomes the list.
    """
    if isinstance(body, str):
        template = Template.parse(body)
        if template.only in lists:
            return list(lists[template.only or ""])
        return template.fill(values)
    if isinstance(body, Mapping):
        return {key: filled(value, values, lists) for key, value in body.items()}
    if isinstance(body, list):
        return [filled(value, values, lists) for value in body]
    return body


def _unclear() -> Mistake:
    return Mistake(
        "the braces are not clear",
        "write {name} for a value, with a name of a-z, 0-9 and _, and {{ for a brace",
    )


def _quoted(value: str) -> str:
    return quote(value.encode("utf-8", "surrogatepass"), safe="")


def _filled(segment: Template, values: Values) -> str:
    """One segment. Servers and proxies resolve dots even where they are encoded."""
    if not segment.names:
        return segment.parts[0]
    for name in segment.names:
        if not values[name]:
            raise BadValue(f"an empty {name} would make another URL of it")
    text = segment.quoted(values)
    if text in _DOTS or segment.fill(values) in _DOTS:
        raise BadValue("dots alone would lead to another URL")
    return text


def _segment(text: str) -> Template:
    template = Template.parse(text)
    literal = "".join(template.parts[::2])
    _check(literal, _PATH)
    if not template.names and text in (*_DOTS, "%2e", "%2E"):
        raise Mistake("there are dots for a directory in the path", "leave them out")
    return template


def _query(text: str) -> tuple[tuple[Template, Template | None], ...]:
    found: list[tuple[Template, Template | None]] = []
    for pair in text.split("&"):
        key, equals, value = pair.partition("=")
        parsed = Template.parse(value) if equals else None
        for template in filter(None, (Template.parse(key), parsed)):
            _check("".join(template.parts[::2]), _QUERY)
        found.append((Template.parse(key), parsed))
    return tuple(found)


def _check(literal: str, allowed: re.Pattern[str]) -> None:
    if allowed.fullmatch(literal) is None or _ESCAPE.search(literal):
        raise Mistake(
            "there is a character that a URL cannot have here",
            "percent-encode it, as in %20 for a space",
        )
