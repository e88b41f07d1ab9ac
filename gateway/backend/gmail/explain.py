"""What an administrator who checks the upstream is told of the Gmail API."""

import textwrap
from collections.abc import Sequence

from gateway.backend.gmail.settings import GmailSettings
from gateway.backend.http.settings import HttpSettings

_WIDTH = 84
_LEARNED = "so that they are learned from the messages themselves"
_LOGIN = "one request, one with changes two (history)"
_FATES = {
    "trash": ("put into the trash", "gmail.modify"),
    "archive": ("taken out of the inbox and no more", "gmail.modify"),
    "permanent": ("removed for good", "https://mail.google.com/"),
}


def lines(settings: GmailSettings, http: HttpSettings) -> Sequence[str]:
    """Limits, sizes, what removing does, and what a client must prove."""
    whose = "of the name" if settings.mailbox == "name" else "of the token's owner"
    proof = (
        "clients must give the password of client_password_file"
        if http.client_password_file is not None
        else "the token opens it whatever password a client gives"
    )
    rate = settings.units_per_minute // settings.units_per_message
    fate, scope = _FATES[settings.delete]
    units = f"{settings.units_per_minute} quota units a minute for a mailbox"
    told = (
        f"Gmail API, the mailbox {whose}; {proof}",
        f"limits: {units}, enough for {rate} messages; what is more waits",
        f"sizes: Gmail's sizeEstimate is none, {_LEARNED}",
        "unique-ids are Gmail's ids, which never change",
        f"a login without news is {_LOGIN}; TOP fetches the message and stops in it",
        f"deletion is exact: what a client deleted is {fate}; the token needs {scope}",
    )
    return [textwrap.fill(line, _WIDTH) for line in told]
