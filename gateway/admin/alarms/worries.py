"""What is worth an alarm: rules, no I/O."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.accounts.model import Device
from gateway.accounts.oauth.watch import Foreboding
from gateway.admin.live import UpstreamHealth

_DAY = 86_400.0
# A server that is restarted is nobody's worry.
_FAILING = 1800.0
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Worry:
    """Something that somebody must do something about.

    Attributes:
        key: The same for as long as it is the same worry.
        what: What has stopped or will stop, in one line.
        why: The cause; may be empty, may quote an upstream.
        advice: What to do.
    """

    key: str
    what: str
    why: str
    advice: str


def of_forebodings(forebodings: Sequence[Foreboding]) -> Iterator[Worry]:
    """Consents and client secrets. One that has ended is another worry than its coming end."""
    for each in forebodings:
        if each.account:
            subject = f"the mail of {each.account}"
            kind = f"consent {each.account}"
        else:
            subject = f"the mail of all accounts of {each.provider}"
            kind = f"secret {each.provider}"
        state = "has stopped" if each.stopped else f"stops {_in_days(each.days)}"
        key = f"{kind} {'stopped' if each.stopped else 'ends'}"
        yield Worry(key, _line(f"{subject} {state}"), _line(each.cause), _line(each.advice))


def of_upstreams(upstreams: Sequence[UpstreamHealth], now: float) -> Iterator[Worry]:
    """Mail servers of which nothing was had for half an hour, though somebody wanted it."""
    for each in upstreams:
        bad = each.last_bad
        if bad is None or each.last_good is None or bad < now - _FAILING:
            continue
        if bad - each.last_good >= _FAILING:
            yield Worry(
                f"upstream {each.name}",
                _line(f"no mail comes from {each.name}"),
                _line(each.detail or each.failure),
                "see whether the mail server runs; pop3-gateway check-upstream says more",
            )


def of_silent(devices: Sequence[Device], now: float, days: float) -> Iterator[Worry]:
    """Devices that have stopped coming; those that never came are still being set up."""
    for each in devices:
        seen = each.last_seen
        if each.revoked is None and seen is not None and seen < now - days * _DAY:
            ago = int((now - seen) // _DAY)
            yield Worry(
                f"silent {each.account}/{each.name}",
                _line(f"{each.account}/{each.name} has fetched no mail for {ago} days"),
                "",
                "see whether it is switched on, or revoke it",
            )


def _in_days(days: int) -> str:
    words = {0: "today", 1: "tomorrow"}
    return words.get(days, f"in {days} days")


def _line(text: str) -> str:
    """One line of bounded length: it becomes a subject."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
