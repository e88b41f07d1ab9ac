"""What can be wrong with settings: one value per mistake, and one exception for all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


class BadValue(ValueError):
    """A value that does not do.

    Args:
        wrong: What is wrong with it.
        right: What would be right.
    """

    def __init__(self, wrong: str, right: str) -> None:
        super().__init__(f"{wrong}; {right}")
        self.wrong = wrong
        self.right = right


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake.

    Attributes:
        where: The file, or "command line".
        key: Dotted name in the settings tree; empty if it concerns the file as a whole.
        value: As given, in TOML's notation; None if there is none. Secrets are "***".
        wrong: What is wrong.
        right: What would be right.
        line: The line in the file, if it was found.
        flag: The flag that gave the value, if one did.
    """

    where: str
    key: str
    wrong: str
    right: str
    value: str | None = None
    line: int | None = None
    flag: str | None = None

    def __str__(self) -> str:
        place = self.where if self.line is None else f"{self.where}:{self.line}"
        name = self.flag or self.key
        shown = name if self.value is None else f"{name} = {self.value}"
        return ": ".join(part for part in (place, shown, f"{self.wrong}; {self.right}") if part)


class ConfigError(Exception):
    """The settings cannot be used; `problems` has every reason, in the file's order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = tuple(
            sorted(problems, key=lambda p: (p.where, p.line or 0))
        )
        super().__init__("\n".join(map(str, self.problems)))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean "…"? `, or nothing if nothing is near."""
    near = get_close_matches(word, tuple(known), n=1)
    return f'did you mean "{near[0]}"? ' if near else ""
