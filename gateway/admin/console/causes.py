"""What a failure means in plain words, and what to do: a table that is read from above."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.admin.console.happenings import HAPPENINGS
from gateway.admin.live import Trouble


@dataclass(frozen=True, slots=True)
class Cause:
    """A row of the table.

    Attributes:
        failure: Of the closed set; empty for any.
        pattern: Found in the detail; empty for any.
        meaning: What has happened.
        action: What helps.
    """

    failure: str
    pattern: str
    meaning: str
    action: str


_CAUSES: Sequence[Cause] = (
    Cause(
        "ConsentMissing",
        r"\bnot signed in|never|no grant|has not",
        "Nobody has signed in to this mailbox yet.",
        "Open the account and send its owner a link to sign in.",
    ),
    Cause(
        "ConsentMissing",
        "",
        "The provider does not let us into this mailbox any more: the consent was withdrawn, "
        "has ended, or the owner changed the password.",
        "Open the account and send its owner a new link. The device keeps its password.",
    ),
    Cause(
        "BadCredentials",
        r"revoked",
        "A device whose password was revoked still tries to log in.",
        "Switch its mail reception off, or give it a new device password.",
    ),
    Cause(
        "BadCredentials",
        r"fence|not from this address|outside",
        "The right password came from an address that the device may not come from.",
        "If the device has moved, change the addresses on its page.",
    ),
    Cause(
        "BadCredentials",
        r"upstream refuses|\(401\)|AUTHENTICATIONFAILED|LOGIN failed",
        "The mail server says that name or password is wrong.",
        "For Google and Microsoft a password alone does not do any more: make an account "
        "that signs in at the provider. Otherwise correct the password.",
    ),
    Cause(
        "BadCredentials",
        "",
        "A wrong name or password.",
        "Type the device password into the device again, or make a new one on its page.",
    ),
    Cause(
        "Throttled",
        "",
        "Too many logins in too short a time.",
        "Let the device look for mail less often, every five minutes say; see Locks if it "
        "was locked out.",
    ),
    Cause(
        "MaildropBusy",
        "",
        "Two programs fetch from the same mailbox at one time.",
        "Give each an account of its own, or let one of them look less often.",
    ),
    Cause(
        "Misconfigured",
        r"certificate|TLS|verify",
        "The mail server's certificate is not trusted, or is for another name.",
        "Check the server's name in the settings; give a private CA in upstream.ca.",
    ),
    Cause(
        "Misconfigured",
        r"scope|Mail\.ReadWrite|permission",
        "The provider gave us less than we need.",
        "Add the permissions that the provider's page here lists, and sign in again.",
    ),
    Cause(
        "Misconfigured",
        r"client secret|invalid_client|client_secret|AADSTS7000",
        "The provider does not accept our client secret: it has ended, or was mistyped.",
        "Make a new secret at the provider and enter it on the provider's page here.",
    ),
    Cause(
        "Misconfigured",
        r"proxy",
        "The web proxy does not let us through.",
        "Have it allow the mail server's host and port, or name the host in NO_PROXY.",
    ),
    Cause(
        "Misconfigured",
        "",
        "Something must be changed before this can work.",
        "The detail says what; pop3-gateway check-upstream tells more.",
    ),
    Cause(
        "Unavailable",
        r"refused the connection|Connection refused",
        "The mail server does not take connections.",
        "Is it running, and are host and port right? Devices try again by themselves.",
    ),
    Cause(
        "Unavailable",
        r"resolve|DNS|not known|no address",
        "The mail server's name was not found.",
        "Check its spelling, and this machine's name service.",
    ),
    Cause(
        "Unavailable",
        r"in time|timed out|silent|timeout",
        "The mail server did not answer in time.",
        "Usually this passes. If it stays, a firewall may swallow the connection.",
    ),
    Cause(
        "Unavailable",
        r"\b429\b|too many|OVERQUOTA|limit",
        "The provider has had enough of us for the moment.",
        "Let devices look for mail less often; it passes by itself.",
    ),
    Cause(
        "Unavailable",
        "",
        "The mail server could not do its work for the moment.",
        "Devices try again by themselves. If it stays, look at the mail server.",
    ),
    Cause(
        "EpochChanged",
        "",
        "The mailbox was replaced while a device had it open; nothing was deleted.",
        "Nothing, unless it happens often.",
    ),
    Cause(
        "BodyBroken",
        "",
        "A message broke off on its way and was not passed on as whole.",
        "The device fetches it again. If always the same one breaks, look at it in webmail.",
    ),
    Cause(
        "PartialCommit",
        "",
        "Some messages that a device deleted are still in the mailbox.",
        "They will be offered again. Check that the mailbox may be written to.",
    ),
    Cause(
        "MessageGone",
        "",
        "A message was removed by another program while a device wanted it.",
        "Nothing.",
    ),
)
_UNKNOWN = Cause("", "", "Something went wrong.", "The detail and the log say more.")


def cause_of(trouble: Trouble) -> Cause:
    """The first row that fits, or what the event itself means."""
    if not trouble.failure and trouble.event in HAPPENINGS:
        return Cause("", "", *HAPPENINGS[trouble.event])
    return explain(trouble.failure, trouble.detail)


def explain(failure: str, detail: str) -> Cause:
    """The first row that fits a failure and its detail."""
    for cause in _CAUSES:
        if cause.failure == failure and re.search(cause.pattern, detail, re.IGNORECASE):
            return cause
    return _UNKNOWN


@dataclass(frozen=True, slots=True)
class Group:
    """Like failures in one row.

    Attributes:
        cause: What they mean.
        count: How many.
        latest: The last one.
        users: Names that were given, at the most five.
    """

    cause: Cause
    count: int
    latest: Trouble
    users: tuple[str, ...]


def grouped(troubles: Sequence[Trouble]) -> list[Group]:
    """Like ones together, the latest first."""
    groups: dict[tuple[Cause, str], list[Trouble]] = {}
    for trouble in troubles:
        key = (cause_of(trouble), trouble.upstream)
        groups.setdefault(key, []).append(trouble)
    made = [
        Group(
            cause,
            len(members),
            max(members, key=lambda each: each.at),
            tuple(dict.fromkeys(each.user for each in members if each.user))[:5],
        )
        for (cause, _), members in groups.items()
    ]
    return sorted(made, key=lambda each: -each.latest.at)
