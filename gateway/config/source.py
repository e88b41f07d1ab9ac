"""Where a setting came from: the text of the file, and what the command line put over it."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.config.problems import ConfigError, Problem
from gateway.config.tree import FLAGS

Tree = dict[str, Any]
COMMAND_LINE, SETTINGS = "command line", "settings"
TABLE = re.compile(r"\s*\[\[?\s*([^]\[]+?)\s*\]")
KEY = re.compile(r"""\s*([\w\-."' ]+?)\s*=""")
_AT_LINE = re.compile(r" \(at line (\d+), column (\d+)\)| \(at end of document\)")
_NOT_TOML = "see the TOML text at https://toml.io, and deploy/examples for files that work"


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
            return cls(path, path.read_bytes().decode(), overrides)
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
        except tomllib.TOMLDecodeError as error:
            raise ConfigError([self._not_toml(str(error))]) from None
        for key, value in self.overrides.items():
            put(tree, key, value)
        return tree

    def _not_toml(self, message: str) -> Problem:
        found = _AT_LINE.search(message)
        line = int(found[1]) if found and found[1] else len(self.text.splitlines())
        wrong = f"is not TOML: {_AT_LINE.sub('', message)}"
        return Problem(str(self.path), "", wrong, _NOT_TOML, line=line)

    def problem(self, key: str, value: str | None, wrong: str, right: str) -> Problem:
        """A mistake, with the place where the key was given."""
        if key in self.overrides:
            return Problem(COMMAND_LINE, key, wrong, right, value, flag=FLAGS.get(key))
        if self.path is None:
            return Problem(SETTINGS, key, wrong, right, value)
        return Problem(str(self.path), key, wrong, right, value, self._line(key))

    def _line(self, key: str) -> int | None:
        """The line of a key, or of its table. A guess for odd notations, never a failure."""
        table, table_line = "", None
        for number, text in enumerate(self.text.splitlines(), 1):
            if header := TABLE.match(text):
                table = _plain(header[1])
                table_line = number if table == key else table_line
            elif (pair := KEY.match(text)) and _join(table, _plain(pair[1])) == key:
                return number
        return table_line


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
    for name in key.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def without(tree: Tree, keys: frozenset[str], prefix: str = "") -> Tree:
    """A copy of the tree that lacks these dotted keys."""
    left: Tree = {}
    for name, value in tree.items():
        key = _join(prefix, name)
        if key not in keys:
            left[name] = without(value, keys, key) if isinstance(value, dict) else value
    return left
