"""Profiles of HTTP mailboxes: those that come with the gateway, and files of one's own."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.backend import profile as home
from gateway.backend.profile.mistakes import Mistake, Mistakes
from gateway.backend.profile.schema import TABLES, Profile
from gateway.config.kinds import describe, in_toml, what_it_is
from gateway.config.problems import ConfigError, Problem, did_you_mean
from gateway.config.source import KEY, TABLE, Source

SHIPPED = Path(home.__file__).parent / "profiles"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
_LARGEST = 1 << 18


def shipped() -> Sequence[str]:
    """The names of the profiles that come with the gateway."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def load_profile(name: str) -> Profile:
    """A profile by its name, or by the path of its file.

    Raises:
        ConfigError: There is none, or with everything that is wrong with it.
    """
    path = Path(name) if "/" in name else SHIPPED / f"{name}.toml"
    if "/" not in name and (_NAME.fullmatch(name) is None or not path.is_file()):
        raise ConfigError([_unknown(name)])
    _check_file(path)
    source = Source.read(path, {})
    tree = source.tree()
    try:
        return Profile.model_validate_json(json.dumps(tree, default=str), strict=True)
    except ValidationError as error:
        raise ConfigError(_problems(error, tree, source)) from None
    except RecursionError:
        raise ConfigError(
            [Problem(str(path), "", "is nested too deeply", "use fewer tables in tables")]
        ) from None


def _unknown(name: str) -> Problem:
    return Problem(
        "",
        "profile",
        "there is no profile of this name",
        f"{did_you_mean(name, shipped())}known: {', '.join(shipped())}; or give the path of a "
        "file, starting with /",
        in_toml(name),
    )


def _check_file(path: Path) -> None:
    """What reading it would not tell, or not before long."""
    wrong = ""
    if not path.is_absolute():
        wrong = "is no absolute path"
    elif path.exists() and not path.is_file():
        wrong = "is no file"
    elif path.is_file() and path.stat().st_size > _LARGEST:
        wrong = f"has more than {_LARGEST} octets"
    if wrong:
        right = "name a profile that comes with the gateway, or /the/path/of/a/file.toml"
        raise ConfigError([Problem(str(path), "", wrong, right)])


def _problems(error: ValidationError, tree: dict[str, Any], source: Source) -> list[Problem]:
    found: dict[tuple[str, str], Problem] = {}
    for detail in error.errors(include_url=False):
        for place, mistake in _mistakes(detail, tree):
            key = ".".join(map(str, place))
            found[key, mistake.wrong] = Problem(
                str(source.path),
                _spoken(place),
                mistake.wrong,
                mistake.right,
                _shown(tree, place),
                _line(source.text, place),
            )
    return list(found.values())


Place = tuple[int | str, ...]


def _mistakes(detail: ErrorDetails, tree: dict[str, Any]) -> Iterator[tuple[Place, Mistake]]:
    """What one of pydantic's errors says, and of which key."""
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, Mistakes):
        for mistake in cause.mistakes:
            place = tuple(int(p) if p.isdigit() else p for p in mistake.key.split("."))
            yield place, mistake
        return
    place = _place(detail["loc"])
    if isinstance(cause, Mistake):
        yield place, cause
    elif detail["type"] == "missing":
        yield place, Mistake("is missing", _needed(place))
    elif detail["type"] == "extra_forbidden":
        yield place, _no_such(place)
    else:
        yield place, _refused(detail, place, tree)


def _place(location: Sequence[int | str]) -> Place:
    """The key: what is inside of its value is not part of it."""
    place: Place = ()
    for step in location:
        if place and _table_of(place) not in TABLES:
            break
        place = (*place, step)
    return place


def _table_of(place: Place) -> str:
    return ".".join(str(step) for step in place if isinstance(step, str))


def _field(place: Place) -> Any:
    table, _, name = _table_of(place).rpartition(".")
    section = TABLES.get(table)
    return section.model_fields.get(name) if section else None


def _needed(place: Place) -> str:
    field = _field(place)
    return "it must be given" if field is None else f"give it: {describe(field)}"


def _no_such(place: Place) -> Mistake:
    table, _, name = _table_of(place).rpartition(".")
    known = TABLES[table].model_fields if table in TABLES else {}
    homes = [home for home, section in TABLES.items() if name in section.model_fields]
    hint = did_you_mean(name, known)
    if homes and not hint:
        hint = f"it belongs to [{homes[0]}]; " if homes[0] else "it belongs before any table; "
    where = f" in [{table}]" if table else ""
    return Mistake("there is no such key", f"{hint}known{where}: {', '.join(known)}")


def _refused(detail: ErrorDetails, place: Place, tree: dict[str, Any]) -> Mistake:
    field, value = _field(place), _value(tree, place)
    right = f"it must be {describe(field)}" if field is not None else "see docs/profiles.md"
    kind = detail["type"]
    if kind == "literal_error":
        choices = str(detail.get("ctx", {}).get("expected", "")).replace("'", "")
        near = did_you_mean(str(value), choices.replace(" or ", ", ").split(", "))
        return Mistake(f"is none of the choices{f' ({near.strip()})' if near else ''}", right)
    if kind.startswith(("greater_than", "less_than")):
        return Mistake("is out of range", right)
    if kind.endswith(("too_short", "too_long")):
        return Mistake(f"is {kind.removeprefix('string_').replace('_', ' ')}", right)
    if detail["input"] != value:
        return Mistake(f"has {what_it_is(detail['input'])} in it", right)
    return Mistake(f"is {what_it_is(value)}", right)


def _value(tree: Any, place: Place) -> Any:
    for step in place:
        try:
            tree = tree[step]
        except (KeyError, IndexError, TypeError):
            return None
    return tree


def _shown(tree: dict[str, Any], place: Place) -> str | None:
    """The value for the message. A profile has no secrets, but a header could be one."""
    value = _value(tree, place)
    if value is None or isinstance(value, dict | list) or "headers" in place:
        return None
    return in_toml(value)


def _spoken(place: Place) -> str:
    """`login 2: url` for the second of several, `raw.url` else."""
    spoken = ""
    for step in place:
        if isinstance(step, int):
            spoken += f" {step + 1}:"
        else:
            spoken += (" " if spoken.endswith(":") else "." if spoken else "") + step
    return spoken


def _line(text: str, place: Place) -> int | None:
    """The line of a key, or of its table. A guess for odd notations, never a failure."""
    *outer, last = [step for step in place if isinstance(step, str)] or [""]
    wanted = next((step for step in place if isinstance(step, int)), 0)
    mine, whole = ".".join(outer), ".".join((*outer, last))
    table, seen, found = "", -1 if outer else 0, None
    for number, line in enumerate(text.splitlines(), 1):
        pair = KEY.match(line)
        if header := TABLE.match(line):
            table = header[1]
            seen += bool(outer) and table == mine
            if table in {whole, mine} and seen == wanted:
                found = number
        elif pair and (table, pair[1], seen) == (mine, last, wanted):
            return number
    return found
