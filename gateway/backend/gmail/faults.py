"""What a refusal of Gmail means. Knows no I/O.

https://developers.google.com/workspace/gmail/api/guides/handle-errors
"""

import re
from typing import Final

from gateway.errors import BadCredentials, Failure, Misconfigured, Throttled

# In `errors` and in `details`, which spell them differently; the body may be cut off.
_REASON: Final = re.compile(rb'"reason"\s*:\s*"([A-Za-z_]{1,64})"')
# The quota is spent: Gmail tells that by 403 as well as by 429.
_BUSY: Final = frozenset(
    {"ratelimitexceeded", "userratelimitexceeded", "dailylimitexceeded", "quotaexceeded"}
)
_SCOPE: Final = frozenset({"insufficientpermissions", "accesstokenscopeinsufficient"})


def explained(status: int, body: bytes, *, by_name: bool) -> Failure | None:
    """The failure for an answer of which Gmail says more than its status; None if not.

    Args:
        status: Of HTTP.
        body: What was answered, or the beginning of it.
        by_name: Whether the mailbox of the client's name was asked for.
    """
    if status != 403:
        return None
    told, reasons = _told(body)
    shown = " ".join(["Gmail answers 403", *told[:3]])
    if reasons & _BUSY:
        return Throttled(shown)
    if reasons & _SCOPE:
        return Misconfigured(f"{shown}: the token lacks a scope, see docs/upstreams.md")
    if "forbidden" in reasons and by_name:
        return BadCredentials(f"{shown}: the token is not for the mailbox of this name")
    return Misconfigured(shown)


def is_not_found(body: bytes) -> bool:
    """Whether a 404 is Gmail's own word on a message, and not of something on the way."""
    return "notfound" in _told(body)[1]


def _told(body: bytes) -> tuple[list[str], set[str]]:
    """The reasons in an error's body, as they are and in one spelling."""
    told = [found.decode("ascii") for found in _REASON.findall(body)]
    return told, {each.lower().replace("_", "") for each in told}
