"""From the JSON of a list to messages, and from any answer to the values it has."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from jsonpointer import JsonPointer, JsonPointerException

from gateway.backend.profile.schema import Profile

_MISSING: Final = object()
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_ID = 4096
_LARGEST = 1 << 50


class BadList(ValueError):
    """The answer is not what the profile promises; the text says how, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Item:
    """One message as listed.

    Attributes:
        key: What its unique-id is made of.
        id: What names it in further calls.
        octets: As the server says, None if it does not.
        received: Milliseconds since the epoch, or whatever number the server gives; 0 if the
            profile does not say where it is.
    """

    key: str
    id: str
    octets: int | None
    received: int


class Reader:
    """Reads lists.

    Args:
        profile: Where everything is.
    """

    def __init__(self, profile: Profile) -> None:
        self._list = profile.list
        self._items = JsonPointer(profile.list.items)
        self._reserved = frozenset(profile.ids.reserved)
        self._also = tuple(map(JsonPointer, profile.ids.also))
        self._id = JsonPointer(profile.list.id)
        self._size, self._received = map(_optional, (profile.list.size, profile.list.received))

    def items(self, answer: Any) -> Sequence[Item]:
        """The messages of one page, as listed.

        Raises:
            BadList: It is no list of messages.
        """
        found = at(self._items, answer)
        if found is None and self.total(answer) == 0:
            return []
        # Otherwise an empty list is [] and nothing else: null may be a fault.
        if not isinstance(found, list):
            raise BadList(f'there is no list at "{self._list.items}"')
        return [self._item(row) for row in found]

    def total(self, answer: Any) -> int | None:
        """How many messages there are in all, if the answer tells."""
        if self._list.total is None:
            return None
        total = at(JsonPointer(self._list.total), answer)
        return total if type(total) is int and total >= 0 else None

    def _item(self, row: Any) -> Item:
        identity = text_of(at(self._id, row))
        if identity is None or not 0 < len(identity) <= _LONGEST_ID:
            raise BadList(f'a message has no id at "{self._list.id}"')
        if identity in self._reserved or identity.strip(".") == "":
            raise BadList("a message has an id that means something else in a URL")
        return Item(self._key(identity, row), identity, self._octets(row), self._came(row))

    def _key(self, identity: str, row: Any) -> str:
        """What tells this message from all others, ever.

        Each part says how long it is where there are several: ("a", "b.c") and ("a.b", "c")
        must not come out alike.
        """
        parts = [identity]
        for pointer in self._also:
            value = text_of(at(pointer, row))
            parts.append("" if value is None else value)
        if len(parts) > 1:
            parts = [f"{len(part)}:{part}" for part in parts]
        return ".".join(parts)

    def _octets(self, row: Any) -> int | None:
        size = _MISSING if self._size is None else at(self._size, row)
        return size if type(size) is int and 0 <= size < _LARGEST else None

    def _came(self, row: Any) -> int:
        if self._received is None:
            return 0
        moment = _moment(at(self._received, row))
        if moment is not None:
            return moment
        if self._list.order == "received":
            raise BadList(f'a message has no time at "{self._list.received}"')
        return 0


def at(pointer: JsonPointer, value: Any) -> Any:
    """What is at a place, or something that is of no type of JSON."""
    try:
        return pointer.resolve(value, _MISSING)
    except (JsonPointerException, TypeError, ValueError):
        return _MISSING


def text_of(value: Any) -> str | None:
    """A string or whole number as text, None for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int and abs(value) < 1 << 64 else None


def take(pointers: Mapping[str, str], answer: Any) -> Mapping[str, str]:
    """Values by name.

    Raises:
        BadList: One is not there.
    """
    found: dict[str, str] = {}
    for name, pointer in pointers.items():
        value = text_of(at(JsonPointer(pointer), answer))
        # Dots alone would be a step in the path of a URL; a header is one line.
        if not value or not value.strip(".") or _CONTROLS.search(value):
            raise BadList(f'there is no {name} at "{pointer}"')
        found[name] = value
    return found


def state(pointers: Sequence[str], answer: Any) -> str:
    """The values by which the server tells that nothing changed; empty if it does not."""
    values = [at(JsonPointer(pointer), answer) for pointer in pointers]
    if not all(type(value) in (str, int) for value in values):
        return ""
    return " ".join(f"{len(str(value))}:{value}" for value in values)


def next_cursor(pointer: str, answer: Any) -> str:
    """The cursor of the next page; empty at the end.

    Raises:
        BadList: There is something that is no cursor.
    """
    value = at(JsonPointer(pointer), answer)
    if value is _MISSING or value is None or value is False:
        return ""
    text = text_of(value)
    if text is None:
        raise BadList(f'there is no cursor at "{pointer}"')
    return text


def _optional(pointer: str | None) -> JsonPointer | None:
    return None if pointer is None else JsonPointer(pointer)


def _moment(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        # NaN and infinity are not JSON, but Python reads them.
        return int(value * 1000) if abs(value) < _LARGEST else None
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)
