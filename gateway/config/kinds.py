"""What a field takes, in words: for the messages and for the reference alike."""

import json
from collections.abc import Mapping
from pathlib import Path, PurePath
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import Secret, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from gateway.config.upstream_url import UpstreamUrl
from gateway.settings import Section

_WORDS: Mapping[Any, str] = MappingProxyType(
    {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "a string",
        Path: "a path",
        SecretStr: "a string",
        SecretBytes: "a string",
        UpstreamUrl: "a URL",
    }
)
_PLURALS: Mapping[Any, str] = MappingProxyType({str: "strings", int: "whole numbers"})
_TOML = (
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number with a fraction"),
    (str, "a string"),
    (list, "a list"),
    (Mapping, "a table"),
)
_BOUNDS = (
    (Ge, "ge", "of at least {}"),
    (Gt, "gt", "above {}"),
    (Le, "le", "at most {}"),
    (Lt, "lt", "below {}"),
    (MinLen, "min_length", "that is not empty"),
    (MaxLen, "max_length", "of {} characters at most"),
)


def describe(field: FieldInfo) -> str:
    """What the field takes: `a whole number of at least 1`."""
    return " ".join((_words(field.annotation), _bounds(field.metadata))).strip()


def _words(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return f"{_words(arguments[0])} {_bounds(list(arguments[1:]))}".strip()
    if origin is Literal:
        return alternatives(json.dumps(choice) for choice in arguments)
    if origin in (Union, UnionType):
        return alternatives(_words(part) for part in arguments if part is not NoneType)
    if origin in (tuple, list, frozenset):
        return f"a list of {_plural(arguments[0])}"
    if origin is dict or _is_table(kind):
        return "a table"
    return _WORDS.get(kind, getattr(kind, "__name__", str(kind)))


def _plural(kind: Any) -> str:
    return "tables" if _is_table(kind) else _PLURALS.get(kind) or _words(kind)


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def _bounds(metadata: list[Any]) -> str:
    found = [
        words.format(f"{getattr(bound, attribute):_}".replace("_", " "))
        for kind, attribute, words in _BOUNDS
        for bound in metadata
        if isinstance(bound, kind)
    ]
    return " and ".join(found)


def alternatives(words: Any) -> str:
    """`a, b or c`."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else str(last)


def what_it_is(value: object) -> str:
    """The TOML type of a value given, in the words of `describe`."""
    for kind, words in _TOML:
        if isinstance(value, kind):
            return words
    return f"a {type(value).__name__}"


def is_secret(field: FieldInfo) -> bool:
    """Whether the field's value must not be shown."""
    kinds = (field.annotation, *get_args(field.annotation))
    return any(isinstance(kind, type) and issubclass(kind, Secret) for kind in kinds) or any(
        kind in (SecretStr, SecretBytes) for kind in kinds
    )


def tidy(value: bool | float) -> bool | float:
    """60 for 60.0: seconds are written without a fraction where there is none."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def in_toml(value: object) -> str:
    """A value in (nearly) TOML's notation, on one line and not too long."""
    if isinstance(value, PurePath | UpstreamUrl):
        value = str(value)
    elif isinstance(value, float):
        value = tidy(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 120 else text[:119] + "…"
