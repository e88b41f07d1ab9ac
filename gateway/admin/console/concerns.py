"""What somebody should look after: silent devices and old TLS; and the first steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from gateway.accounts.model import Account, Device, Grant, Provider
from gateway.admin.live import LiveSession

_DAY = 86_400.0
SILENT = 7 * _DAY
_OLD_TLS = {"TLSv1", "TLSv1.0", "TLSv1.1", "SSLv3"}


def silent(devices: Sequence[Device], now: float) -> list[Device]:
    """Those that have not been there for a week, the longest first."""
    found = [
        each
        for each in devices
        if each.revoked is None and (each.last_seen or each.created) < now - SILENT
    ]
    return sorted(found, key=lambda each: each.last_seen or 0)


@dataclass(frozen=True, slots=True)
class OldTls:
    """Somebody who still uses TLS 1.0 or 1.1.

    Attributes:
        account: The account's name, or what the client gave as its name.
        device: Its name; may be empty.
        peer: The client's address.
        tls: The version.
        at: When; None for now.
    """

    account: str
    device: str
    peer: str
    tls: str
    at: float | None


def old_tls(sessions: Sequence[LiveSession], devices: Sequence[Device]) -> list[OldTls]:
    """Who is there now with it, and whose last login was with it."""
    found = {(each.account, each.device): each for each in _seen(devices)}
    for each in sessions:
        if each.legacy:
            key = (each.account or each.user, each.device or each.peer)
            found[key] = OldTls(key[0], each.device, each.peer, each.tls, None)
    return sorted(found.values(), key=lambda each: (each.account, each.device))


def _seen(devices: Sequence[Device]) -> list[OldTls]:
    return [
        OldTls(each.account, each.name, each.last_peer, each.last_tls, each.last_seen)
        for each in devices
        if each.revoked is None and each.last_tls in _OLD_TLS
    ]


@dataclass(frozen=True, slots=True)
class Step:
    """One of the first steps.

    Attributes:
        title: What to do.
        text: Why, in a sentence.
        page: Where.
        done: Whether it is.
    """

    title: str
    text: str
    page: str
    done: bool


def steps(
    providers: Sequence[Provider],
    first: Account | None,
    devices: Sequence[Device],
    grants: Sequence[Grant],
) -> list[Step]:
    """The evening's work; nothing once mail has been fetched."""
    if any(each.last_seen is not None for each in devices):
        return []
    needs = first is None or first.credential == "oauth"
    page = "/accounts" if first is None else f"/account?{_query(first.name)}"
    return [
        Step(
            "Connect the provider",
            "Tell Google, Microsoft or your own identity provider about this gateway.",
            "/provider/new",
            bool(providers) or not needs,
        ),
        Step(
            "Add an account",
            "One for each mailbox that a device shall read.",
            "/account/new",
            first is not None,
        ),
        Step(
            "Open the mailbox",
            "Its owner signs in at the provider once: by a link that you send, or here.",
            page,
            bool(grants) or not needs,
        ),
        Step(
            "Make a device password",
            "Short enough for a printer's panel, and of use nowhere else.",
            page,
            bool(devices),
        ),
        Step(
            "See it fetch mail",
            "Enter the settings in the device; this list goes away at its first login.",
            page,
            done=False,
        ),
    ]


def _query(name: str) -> str:
    return urlencode({"name": name})
