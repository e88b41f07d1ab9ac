"""What an administrator who checks the upstream is told of Microsoft Graph."""

import textwrap
from collections.abc import Sequence

from gateway.backend.graph.settings import GraphSettings
from gateway.backend.http.settings import HttpSettings

_WIDTH = 84
_BUSY = "when Graph is busy, its Retry-After is kept to, up to"
_LOGIN = "two requests, a delta query and the folder's count"
_SCOPE = "the token needs Mail.ReadWrite for it"
_FATES = {
    "trash": "moved to Deleted Items",
    "permanent": "removed for good, where not even the owner finds it",
}


def lines(settings: GraphSettings, http: HttpSettings) -> Sequence[str]:
    """Limits, sizes, what removing does, and what a client must prove."""
    whose = "of the token's owner" if settings.mailbox == "me" else "of the name"
    proof = (
        "clients must give the password of client_password_file"
        if http.client_password_file is not None
        else "the token opens it whatever password a client gives"
    )
    wait = f"{http.retry_after:g} s"
    told = (
        f"Microsoft Graph, the mailbox {whose}; {proof}",
        f"limits: 4 requests at a time and 10 000 in ten minutes for a mailbox; {_BUSY} {wait}",
        "sizes: Graph tells none, so that they are learned from the messages themselves",
        "unique-ids are made from immutable ids: the same after a message was moved and back",
        f"a login without news is {_LOGIN}; TOP fetches the message and stops in it",
        f"deletion is exact: what a client deleted is {_FATES[settings.delete]}; {_SCOPE}",
    )
    return [textwrap.fill(line, _WIDTH) for line in told]
