"""From pydantic's errors to problems that say what would be right."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from gateway.config.kinds import describe, in_toml, is_secret, what_it_is
from gateway.config.problems import BadValue, Problem, did_you_mean
from gateway.config.source import Source, take, without_entries
from gateway.config.tree import header, sections

_SECRETIVE = re.compile("pass|pw|secret|token|key", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=//).*@|^(?!.*//).*@")
HIDDEN = '"***"'
_UTF_8 = "give names and paths in UTF-8"


def explain(error: ValidationError, source: Source) -> Sequence[Problem]:
    """One problem for each key that pydantic refused."""
    found: dict[str, Problem] = {}
    tree = source.tree()
    for detail in error.errors(include_url=False):
        if detail["type"] == "json_invalid":
            return (source.problem("", None, "there are octets that are not UTF-8", _UTF_8),)
        key = key_of(detail["loc"])
        if key not in found:
            found[key] = _problem(key, detail, take(tree, key), source)
    return tuple(found.values())


def key_of(place: Sequence[int | str]) -> str:
    """The dotted key of a place.

    Entries of a list of tables are counted from 1 on, as in `listen.fenced[2].allow`; other
    list indexes, and members of unions, are not part of it.
    """
    tables, key = sections(), ""
    for step in place:
        if key.endswith("]") and isinstance(step, int):
            break
        if without_entries(key) not in tables:
            break
        if isinstance(step, int):
            key = f"{key}[{step + 1}]"
        else:
            key = f"{key}.{step}" if key else step
    return key


def field_of(key: str) -> FieldInfo | None:
    """The declaration of a key, None if it is unknown."""
    table, _, name = without_entries(key).rpartition(".")
    section = sections().get(table)
    return section.model_fields.get(name) if section else None


def shown(key: str, value: object) -> str | None:
    """A value for a message; None if there is none to show."""
    field = field_of(key)
    if value is None or _has_table(value):
        return None
    if field is not None and is_secret(field):
        return HIDDEN
    # A password does not belong into a URL, but that is just what this message may be about.
    return in_toml(_USERINFO.sub("***@", value) if isinstance(value, str) else value)


def _has_table(value: object) -> bool:
    """Tables are not shown: there may be a secret anywhere in them."""
    return isinstance(value, dict) or (isinstance(value, list) and any(map(_has_table, value)))


def _problem(key: str, detail: ErrorDetails, value: object, source: Source) -> Problem:
    if detail["type"] == "missing":
        return source.problem(key, None, "is missing", "it must be given")
    if detail["type"] == "extra_forbidden":
        text = _unknown_value(key, value)
        return source.problem(key, text, *_unknown(key, isinstance(value, dict)))
    return source.problem(key, shown(key, value), *_refused(key, detail, value))


def _unknown_value(key: str, value: object) -> str | None:
    """An unknown key may be a misspelt secret: so is any in a table that has one."""
    table, _, name = without_entries(key).rpartition(".")
    neighbours = sections()[table].model_fields.values()
    if any(map(is_secret, neighbours)) or _SECRETIVE.search(name):
        return HIDDEN
    return shown("", value)


def _unknown(key: str, table: bool) -> tuple[str, str]:
    where, _, name = without_entries(key).rpartition(".")
    known = sections()[where].model_fields
    wrong = f"there is no {'table' if table else 'key'} of this name"
    hint = did_you_mean(name, known)
    homes = [home for home, section in sections().items() if name in section.model_fields]
    if any(homes) and not hint:
        hint = f"it belongs to {header(homes[0])}; "
    place = f" in {header(where)}" if where else ""
    return wrong, f"{hint}known{place}: {', '.join(known)}"


def _refused(key: str, detail: ErrorDetails, value: object) -> tuple[str, str]:
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, BadValue):
        return cause.wrong, cause.right
    field = field_of(key)
    right = f"it must be {describe(field)}" if field else "see docs/configuration.md"
    if key.endswith("]"):
        right = "it must be a table"
    if isinstance(cause, ValueError):
        return str(cause), right
    return _wrong(detail, value, field), right


def _wrong(detail: ErrorDetails, value: object, field: FieldInfo | None) -> str:
    kind = detail["type"]
    if kind == "literal_error" or _is_choice(field, value):
        return f"is none of the choices{_nearest(detail, value)}"
    if kind.endswith(("too_short", "too_long")):
        return f"is {kind.removeprefix('string_').replace('_', ' ')}"
    if kind.startswith(("greater_than", "less_than")):
        return "is out of range"
    if kind == "finite_number":
        return "is not finite"
    if detail["input"] != value:
        return f"has {what_it_is(detail['input'])} in it"
    return f"is {what_it_is(value)}"


def _is_choice(field: FieldInfo | None, value: object) -> bool:
    return field is not None and '"' in describe(field) and isinstance(value, str)


def _nearest(detail: ErrorDetails, value: object) -> str:
    choices: Any = detail.get("ctx", {}).get("expected", "")
    near = did_you_mean(
        str(value), str(choices).replace(" or ", ", ").replace("'", "").split(", ")
    )
    return f" ({near.strip()})" if near else ""
