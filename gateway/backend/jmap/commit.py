"""Takes messages out of the INBOX (RFC 8621 §4.6)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jsonpointer import escape

from gateway.backend.jmap.calls import (
    MethodError,
    Methods,
    good,
    listed,
    table,
    text,
    texts,
)

# RFC 8620 §5.3: what is not there any more is removed.
_GONE = "notFound"
_LOOKS = 5


async def remove(
    methods: Methods, ids: Sequence[str], inbox: str, bin_: str | None
) -> set[str]:
    """Remove messages from the INBOX, and for good those that are nowhere else.

    Args:
        methods: Calls methods.
        ids: Which; as many as fit into one request.
        inbox: Its id.
        bin_: The mailbox to which they go instead of being destroyed; None to destroy.

    Returns:
        Those that are certainly gone from the INBOX.

    Raises:
        Failure: Nobody knows what was done.
    """
    for _ in range(_LOOKS):
        seen = await _look(methods, ids, inbox, bin_)
        try:
            return seen.gone | await _set(methods, seen)
        except MethodError as error:
            if error.kind != "stateMismatch":
                raise
    # Somebody is at work there all the time. What is nowhere else stays, as it may be by now.
    return seen.gone | await _set(methods, replace(seen, destroy=()))


@dataclass(frozen=True, slots=True)
class _Seen:
    """Where messages are, and what is to be done with each.

    Attributes:
        state: Of all messages then.
        gone: Those that are in the INBOX no more.
        destroy: Those that are nowhere else.
        update: The others, with their patches.
    """

    state: str
    gone: set[str]
    destroy: Sequence[str]
    update: Mapping[str, Mapping[str, Any]]


async def _look(methods: Methods, ids: Sequence[str], inbox: str, bin_: str | None) -> _Seen:
    (answer,) = await methods.call(
        ("Email/get", {"ids": list(ids), "properties": ["id", "mailboxIds"]})
    )
    got = good(answer)
    gone = set(texts(got.get("notFound") or []))
    destroy: list[str] = []
    update: dict[str, Mapping[str, Any]] = {}
    for email in map(table, listed(got.get("list"))):
        id_, mailboxes = str(email.get("id")), table(email.get("mailboxIds"))
        if not mailboxes:
            continue  # each is in one at least (RFC 8621 §4.1.1): nobody knows where
        if inbox not in mailboxes:
            gone.add(id_)  # somebody moved it: it is not in the maildrop any more
        elif len(mailboxes) > 1:
            update[id_] = _out_of(inbox)
        elif bin_ is not None:
            update[id_] = {**_out_of(inbox), f"mailboxIds/{escape(bin_)}": True}
        else:
            destroy.append(id_)
    return _Seen(text(got.get("state")), gone, destroy, update)


def cost(id_: str, inbox: str, bin_: str | None) -> int:
    """Octets that removing one message takes in a request."""
    patch = {**_out_of(inbox), f"mailboxIds/{bin_}": True}
    return len(json.dumps({id_: patch}))


def _out_of(mailbox: str) -> dict[str, Any]:
    """A patch: a message may be put elsewhere meanwhile, and shall stay there."""
    return {f"mailboxIds/{escape(mailbox)}": None}


async def _set(methods: Methods, seen: _Seen) -> set[str]:
    """Do it.

    Destroyed is only what nobody can have filed elsewhere since (RFC 8620 §5.3): a copy
    there would go too. A patch leaves such a copy alone.

    Raises:
        MethodError: Of the kind `stateMismatch`: nothing was done, somebody has.
    """
    wish: dict[str, Any] = {"destroy": seen.destroy, "update": seen.update}
    if not seen.destroy and not seen.update:
        return set()
    if seen.destroy:
        wish["ifInState"] = seen.state
    (answer,) = await methods.call(("Email/set", wish))
    done = good(answer)
    refused = {**table(done.get("notDestroyed")), **table(done.get("notUpdated"))}
    missing = {id_ for id_, error in refused.items() if table(error).get("type") == _GONE}
    return {*texts(done.get("destroyed") or []), *table(done.get("updated")), *missing}
