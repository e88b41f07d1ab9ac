"""What a refusal of Gmail means. Knows no I/O.

https://developers.google.com/workspace/gmail/api/guides/handle-errors
"""

import json
from typing import Any, Final

from gateway.errors import BadCredentials, Failure, Misconfigured, Throttled
from gateway.telemetry import printable

# The quota is spent: Gmail tells that by 403 as well as by 429.
_BUSY: Final = frozenset(
    {"ratelimitexceeded", "userratelimitexceeded", "dailylimitexceeded", "quotaexceeded"}
)
_SCOPE: Final = frozenset({"insufficientpermissions", "access_token_scope_insufficient"})


def explained(status: int, body: bytes, *, by_name: bool) -> Failure | None:
    """The failure for an answer of which Gmail says more than its status; None if not.

    Args:
        status: Of HTTP.
        body: What was answered, or the beginning of it.
        by_name: Whether the mailbox of the client's name was asked for.
    """
    if status != 403:
        return None
    reason = _reason(body)
    told = f"Gmail answers 403 {printable(reason.encode())}".rstrip()
    if reason in _BUSY:
        return Throttled(told)
    if reason == "forbidden" and by_name:
        return BadCredentials(f"{told}: the token is not for the mailbox of this name")
    if reason in _SCOPE:
        return Misconfigured(f"{told}: the token lacks a scope, see docs/upstreams.md")
    return Misconfigured(told)


def _reason(body: bytes) -> str:
    """The reason in an error's body, in lower case; empty if there is none."""
    try:
        error: Any = json.loads(body)["error"]
        return str(error["errors"][0]["reason"]).lower()
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return ""
