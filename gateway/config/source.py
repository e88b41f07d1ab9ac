"""Where a setting came from: the text of the file, and what the command line put over it."""

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.config.problems import ConfigError, Problem
from gateway.config.tree import FLAGS

Tree = dict[str, Any]
# A step of a dotted key: a name, and which entry of a list of tables, from 1 on.
_STEP = re.compile(r"([^.\[\]]*)(?:\[(\d+)\])?(?:\.|$)")
_DEEPEST = 50
COMMAND_LINE, SETTINGS = "command line", "settings"
TABLE = re.compile(r"\s*\[\[?\s*([^]\[]+?)\s*\]")
KEY = re.compile(r"""\s*([\w\-."' ]+?)\s*=""")
_AT_LINE = re.compile(r" \(at line (\d+), column (\d+)\)| \(at end of document\)")
_NOT_TOML = (
    "texts stand in straight double quotes, lists in brackets; see https://toml.io, and "
    "deploy/examples for files that work"
)


@dataclass(frozen=True)
class Source:
    """A file, if any, and overrides by dotted key.

    Attributes:
        path: The file; None without one.
        text: What it says.
        overrides: Values from flags.
    """

    path: Path | None = None
    text: str = ""
    overrides: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path | None, overrides: Mapping[str, object]) -> "Source":
        """Read the file.

        Raises:
            ConfigError: It cannot be read, or is not UTF-8.
        """
        if path is None:
            return cls(overrides=overrides)
        try:
            # With or without the mark that editors of Windows put in front.
            return cls(path, path.read_bytes().decode("utf-8-sig"), overrides)
        except OSError as error:
            wrong = f"cannot be read: {error.strerror or error}"
            right = "name a TOML file that exists and that this user may read"
        except UnicodeDecodeError as error:
            wrong = f"is not UTF-8 (octet {error.start})"
            right = "save the file as UTF-8"
        raise ConfigError([Problem(str(path), "", wrong, right)])

    def tree(self) -> Tree:
        """The file's tables with the overrides in them.

        Raises:
            ConfigError: The text is not TOML.
        """
        try:
            tree: Tree = tomllib.loads(self.text)
            _check_depth(tree)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError([self._not_toml(str(error))]) from None
        except RecursionError:
            raise ConfigError([self._unusable("is nested too deeply")]) from None
        except ValueError:  # from Python's limit of digits
            raise ConfigError([self._unusable("has a number of too many digits")]) from None
        for key, value in self.overrides.items():
            put(tree, key, value)
        return tree

    def _not_toml(self, message: str) -> Problem:
        found = _AT_LINE.search(message)
        line = int(found[1]) if found and found[1] else len(self.text.splitlines())
        wrong = f"is not TOML: {_AT_LINE.sub('', message)}"
        return Problem(str(self.path), "", wrong, _NOT_TOML, line=line)

    def _unusable(self, wrong: str) -> Problem:
        return Problem(str(self.path), "", wrong, "deploy/examples has files that work")

    def problem(self, key: str, value: str | None, wrong: str, right: str) -> Problem:
        """A mistake, with the place where the key was given."""
        if key in self.overrides:
            return Problem(COMMAND_LINE, key, wrong, right, value, flag=FLAGS.get(key))
        if self.path is None:
            return Problem(SETTINGS, key, wrong, right, value)
        return Problem(str(self.path), key, wrong, right, value, self._line(key))

    def _line(self, key: str) -> int | None:
        """The line of a key, or of its table. A guess for odd notations, never a failure."""
        table, table_line, seen = "", None, Counter[str]()
        entry = key[: key.rfind("]") + 1] or key
        for number, text in enumerate(self.text.splitlines(), 1):
            if header := TABLE.match(text):
                table = _entry(_plain(header[1]), text.lstrip().startswith("[["), seen)
                table_line = number if table in {key, entry} else table_line
            elif (pair := KEY.match(text)) and _join(table, _plain(pair[1])) == key:
                return number
        # Entries that are written as a list of inline tables have no lines of their own.
        above = key.rpartition("[")[0]
        return table_line or (self._line(above) if above else None)


def _entry(table: str, another: bool, seen: Counter[str]) -> str:
    """The key of a table that begins: `a.b.c` in the second `[[a.b]]` is `a.b[2].c`.

    Args:
        table: Its name.
        another: Whether it is one more entry of a list of tables.
        seen: How many entries there were of each list, by its key.
    """
    key = ""
    for name in table.split("."):
        key = _join(key, name)
        if another and without_entries(key) == table:
            seen[key] += 1
        if seen[key]:
            key = f"{key}[{seen[key]}]"
    return key


def _check_depth(tree: Tree) -> None:
    """Nothing may be nested so deeply that what looks at it would run out of stack.

    Raises:
        RecursionError: Something is.
    """
    level: list[Any] = [tree]
    for _ in range(_DEEPEST):
        inner = [each.values() if isinstance(each, dict) else each for each in level]
        level = [below for each in inner for below in each if isinstance(below, dict | list)]
        if not level:
            return
    raise RecursionError


def _plain(dotted: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in dotted.split("."))


def _join(table: str, key: str) -> str:
    return f"{table}.{key}" if table else key


def put(tree: Tree, key: str, value: object) -> None:
    """Set a dotted key, making tables on the way; anything else in the way stays."""
    *tables, last = key.split(".")
    for name in tables:
        below = tree.setdefault(name, {})
        if not isinstance(below, dict):
            return
        tree = below
    tree[last] = value


def take(tree: Tree, key: str) -> object:
    """The value at a dotted key, None if there is none."""
    found: object = tree
    for name, entry in _steps(key):
        found = found.get(name) if isinstance(found, dict) else None
        if entry:
            there = isinstance(found, list) and len(found) >= entry
            found = found[entry - 1] if there and isinstance(found, list) else None
    return found


def _steps(key: str) -> list[tuple[str, int]]:
    """Names, each with the number of an entry, or 0."""
    return [(step[1], int(step[2] or 0)) for step in _STEP.finditer(key) if step[0]]


def without_entries(key: str) -> str:
    """The key of a declaration: `listen.fenced.allow` for `listen.fenced[2].allow`."""
    return re.sub(r"\[\d+\]", "", key)


def without(tree: Tree, keys: frozenset[str], prefix: str = "") -> Tree:
    """A copy of the tree that lacks these dotted keys, and entries of lists that have one."""
    left: Tree = {}
    for name, value in tree.items():
        key = _join(prefix, name)
        if key in keys:
            continue
        if isinstance(value, dict):
            left[name] = without(value, keys, key)
        elif isinstance(value, list):
            left[name] = _good_entries(value, keys, key)
        else:
            left[name] = value
    return left


def _good_entries(entries: list[Any], keys: frozenset[str], key: str) -> list[Any]:
    wrong = {bad[len(key) + 1 :].partition("]")[0] for bad in keys if bad.startswith(f"{key}[")}
    return [entry for n, entry in enumerate(entries, 1) if str(n) not in wrong]
