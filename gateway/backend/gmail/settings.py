"""Settings of the Gmail driver."""

from typing import Literal

from pydantic import Field

from gateway.settings import Section


class GmailSettings(Section):
    """How mailboxes are used through the Gmail API."""

    mailbox: Literal["name", "me"] = Field(
        default="name",
        description="Whose mailbox is asked for: that of the name with which a client logs in, "
        "which Gmail refuses unless the token is for that address; or that of the token's "
        "owner, whatever the name, for devices that cannot send an address.",
    )
    delete: Literal["trash", "archive", "permanent"] = Field(
        default="trash",
        description="What removing a message does: put it into the trash, take it out of the "
        "inbox only, or remove it for good, for which the token needs the full scope "
        "`https://mail.google.com/`.",
    )
    units_per_minute: int = Field(
        default=6000,
        ge=600,
        le=1_000_000,
        description="Quota units that a mailbox may cost in a minute. Google allows new "
        "projects 6,000, those that used the API before May 2026 15,000.",
    )
    units_per_message: int = Field(
        default=20,
        ge=1,
        le=25,
        description="Quota units of fetching a message: 20 in new projects, 5 in older ones.",
    )
    quota_wait: float = Field(
        default=60,
        ge=0,
        le=3600,
        description="Longest time in seconds that a request waits for its quota units; beyond "
        "it the client is told to come back.",
    )
