"""What was told already, so that nobody is told the same every ten minutes: rules, no I/O."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.admin.alarms.worries import Worry

_DAY = 86_400.0
# What lasts is told again after a week.
_AGAIN = 7 * _DAY
_NEVER = float("-inf")
_MOST = 1000
Told = Mapping[str, float]
"""When each worry was told, by its key."""


@dataclass(frozen=True, slots=True)
class News:
    """What is to be told now.

    Attributes:
        worries: All there are, the new ones first; empty if nobody needs to be told anything.
        told: To be remembered once they are told.
    """

    worries: tuple[Worry, ...]
    told: Told


def news(told: Told, worries: Sequence[Worry], now: float) -> News:
    """Compare what is with what was told. What has gone is forgotten, and new if it returns."""
    worries = worries[:_MOST]
    new = [each for each in worries if not now - _AGAIN < told.get(each.key, _NEVER) <= now]
    if not new:
        return News((), {each.key: told[each.key] for each in worries})
    fresh = {each.key for each in new}
    others = [each for each in worries if each.key not in fresh]
    kept = {each.key: told[each.key] for each in others}
    return News((*new, *others), kept | dict.fromkeys(fresh, now))


def written(told: Told) -> str:
    """For the store."""
    return json.dumps(dict(told))


def read(text: str | None) -> Told:
    """What `written` wrote; nothing of what cannot be read, which is then told once more."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: float(at) for key, at in found.items() if isinstance(at, int | float)}
