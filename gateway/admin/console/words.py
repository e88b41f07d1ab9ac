"""How times, octets and outcomes are said to people."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from jinja2 import pass_context
from markupsafe import Markup

_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"))

# What a page says after something was done. Its key is in the URL, so that nobody can make
# the console say something else by a link.
NOTICES: Mapping[str, str] = MappingProxyType(
    {
        "account-added": "The account is there. Now its mailbox must be opened, once.",
        "account-saved": "The account was changed.",
        "account-enabled": "The account can log in again.",
        "account-disabled": "The account is disabled. Nothing was deleted.",
        "account-removed": "The account is gone. Its mail is where it was.",
        "connected": "The mailbox is open: the provider gave us a token.",
        "consent-withdrawn": "The tokens are forgotten. Devices get no mail until somebody "
        "signs in again.",
        "device-saved": "The device was changed.",
        "device-revoked": "The device is revoked: its password stops working within seconds.",
        "device-removed": "The device is gone.",
        "links-withdrawn": "None of the links works any more.",
        "provider-saved": "The provider was saved.",
        "provider-removed": "The provider is gone.",
        "session-ended": "The session was ended. Nothing was deleted.",
        "session-gone": "That session was over already, or is just finishing its deletions.",
        "lifted": "It was lifted.",
        "administrator-added": "The administrator was added.",
        "administrator-removed": "The administrator is gone.",
        "password-changed": "The password was changed. Other browsers must log in again.",
        "logged-out": "You are signed out.",
        "welcome": "Welcome. The console is yours.",
    }
)


def filters() -> dict[str, Callable[..., object]]:
    """For templates; those of times need `now` in the context, in seconds since 1970."""
    return {
        "ago": pass_context(lambda page, at: _time(at, ago(page["now"] - at))),
        "ahead": pass_context(lambda page, at: _time(at, ahead(at - page["now"]))),
        "lasted": pass_context(lambda page, since: lasted(page["now"] - since)),
        "octets": octets,
        "number": lambda value: f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}"),
    }


def span(seconds: float) -> str:
    """The largest unit that fits: `3 hours`."""
    for size, unit in _UNITS:
        number = int(seconds // size)
        if number:
            return f"{number} {unit}{'s' if number > 1 else ''}"
    return "less than a minute"


def lasted(seconds: float) -> str:
    """How long something has gone on: `3 s`, `2 minutes`."""
    return f"{max(0, int(seconds))} s" if seconds < 60 else span(seconds)


def ago(seconds: float) -> str:
    """A time in the past, by its distance."""
    return "just now" if seconds < 60 else f"{span(seconds)} ago"


def ahead(seconds: float) -> str:
    """A time to come, by its distance."""
    return "is over" if seconds <= 0 else f"in {span(seconds)}"


def octets(number: float) -> str:
    """In the binary unit that gives the fewest digits: `3.4 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1000 or unit == "GiB":
            break
        number /= 1024
    return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"


def _local(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).astimezone()


def _time(at: float, shown: str) -> Markup:
    whole = _local(at)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        whole.isoformat(timespec="seconds"), f"{whole:%Y-%m-%d %H:%M:%S %Z}", shown
    )
