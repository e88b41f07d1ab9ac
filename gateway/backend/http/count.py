"""Whether an upstream's own count of its messages says that something is missing. No I/O.

Lists of changes may not tell everything, and a list may lag behind. Counts may be off, too,
but then by the same number each time: a difference that two whole lists in a row have belongs
to the mailbox, one that only the last list has may be a message that it missed.
"""

from collections.abc import Mapping
from typing import Final

_SURPLUS: Final = "surplus"
_SETTLED: Final = "settled"


def after_all(listed: int, total: int | None, before: Mapping[str, str]) -> dict[str, str]:
    """What to keep in `Listing.state` when everything was listed.

    Args:
        listed: How many messages were.
        total: How many there are by the upstream's count; None if it does not tell.
        before: The state from before.
    """
    if total is None:
        return {}
    surplus = str(total - listed)
    settled = surplus if before.get(_SURPLUS) == surplus else "0"
    return {_SURPLUS: surplus, _SETTLED: settled}


def kept(state: Mapping[str, str]) -> dict[str, str]:
    """The same when changes were listed."""
    return {name: state[name] for name in (_SURPLUS, _SETTLED) if name in state}


def is_settled(state: Mapping[str, str]) -> bool:
    """Whether nothing speaks for it that the last whole list missed anything."""
    return state.get(_SURPLUS) == state.get(_SETTLED)


def expected(total: int | None, state: Mapping[str, str]) -> int | None:
    """How many messages there must be by the upstream's count: see `Listing.total`."""
    return None if total is None else total - int(state.get(_SETTLED, "0"))
