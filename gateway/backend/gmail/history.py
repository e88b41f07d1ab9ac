"""What Gmail tells of changes, put together. Knows no I/O.

https://developers.google.com/workspace/gmail/api/reference/rest/v1/users.history/list. Records
come in the order in which things happened; the last word on a message counts.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.errors import Unavailable

INBOX: Final = "INBOX"
_AWAY: Final = frozenset({"TRASH", "SPAM"})


class Unclear(Exception):
    """A record does not say enough: everything must be listed."""


@dataclass(slots=True)
class Changes:
    """What happened to the inbox so far.

    Attributes:
        here: Each message that anything was told of, in this order, and whether it is there.
        history: Where the next changes begin; empty until told.
    """

    here: dict[str, bool] = field(default_factory=dict)
    history: str = ""

    @property
    def came(self) -> list[str]:
        """Those that are in the inbox now, some of them as before."""
        return [name for name, here in self.here.items() if here]

    @property
    def left(self) -> set[str]:
        """Those that are not."""
        return {name for name, here in self.here.items() if not here}

    def add(self, page: Any) -> str:
        """Take a page in.

        Returns:
            The token of the next page; empty after the last one.

        Raises:
            Unclear: See there.
            Unavailable: It is no page.
        """
        if not isinstance(page, dict) or not isinstance(page.get("history", []), list):
            raise Unavailable("Gmail's answer is no history")
        for record in page.get("history", []):
            self._take(record)
        self.history = text(page, "historyId") or self.history
        return text(page, "nextPageToken")

    def _take(self, record: Any) -> None:
        if not isinstance(record, dict):
            raise Unavailable("Gmail's history has a record that is none")
        for kind, rule in _RULES:
            for name, labels, moved in _changes(record, kind):
                here = rule(labels, moved)
                if here is not None:
                    self._set(name, here=here)

    def _set(self, name: str, *, here: bool) -> None:
        if here and not self.here.get(name, False):
            self.here.pop(name, None)  # it came again: to the end of the order
        self.here[name] = here


def is_inbox(labels: set[str]) -> bool:
    """Whether a message with these labels is listed in the inbox."""
    return INBOX in labels and not labels & _AWAY


def text(value: Mapping[str, Any], name: str) -> str:
    """A member that is a text; empty if it is missing. Numbers of 64 bits are texts here."""
    found = value.get(name)
    if type(found) is int:
        return str(found)
    return found if isinstance(found, str) else ""


_Labels = set[str] | None


def _added(labels: _Labels, _moved: set[str]) -> bool:
    if labels is None:
        raise Unclear
    return is_inbox(labels)


def _labelled(labels: _Labels, moved: set[str]) -> bool | None:
    if moved & _AWAY:
        return False
    return not (labels or set()) & _AWAY if INBOX in moved else None


def _unlabelled(labels: _Labels, moved: set[str]) -> bool | None:
    if INBOX in moved:
        return False
    return _added(labels, moved) if moved & _AWAY else None


def _deleted(_labels: _Labels, _moved: set[str]) -> bool:
    return False


_RULES: Final[tuple[tuple[str, Callable[[_Labels, set[str]], bool | None]], ...]] = (
    ("messagesAdded", _added),
    ("labelsAdded", _labelled),
    ("labelsRemoved", _unlabelled),
    ("messagesDeleted", _deleted),
)


def _changes(record: Mapping[str, Any], kind: str) -> Iterator[tuple[str, _Labels, set[str]]]:
    """Of each change of a kind: the message, its labels if told, the labels that moved."""
    changes = record.get(kind, [])
    for change in changes if isinstance(changes, list) else []:
        message = change.get("message") if isinstance(change, dict) else None
        name = text(message, "id") if isinstance(message, dict) else ""
        if not name:
            raise Unavailable("Gmail's history has a change of no message")
        yield name, _labels(message), _labels(change) or set()


def _labels(value: Any) -> _Labels:
    found = value.get("labelIds")
    return {str(label) for label in found} if isinstance(found, list) else None
