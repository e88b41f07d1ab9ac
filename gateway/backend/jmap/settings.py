"""Settings of the JMAP driver."""

from typing import Literal

from pydantic import Field

from gateway.settings import Section


class JmapSettings(Section):
    """How the mail on a JMAP server is treated."""

    delete: Literal["destroy", "trash"] = Field(
        default="destroy",
        description="What removing a message does: remove it for good, or move it to the "
        "mailbox for deleted mail. One that is in other mailboxes too is only taken out of "
        "the INBOX.",
    )
    page: int = Field(
        default=4096,
        ge=1,
        le=100_000,
        description="Messages listed by one request, if the server allows as many.",
    )
