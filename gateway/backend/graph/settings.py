"""Settings of the Microsoft Graph driver."""

from typing import Literal

from pydantic import Field

from gateway.settings import Section


class GraphSettings(Section):
    """How mailboxes are used through Microsoft Graph."""

    mailbox: Literal["me", "name"] = Field(
        default="me",
        description="Whose mailbox is served: that of the token's owner, or that of the name "
        "with which a client logs in. With `name` and a token of an application, whoever has "
        "the clients' password can open every mailbox that the token can.",
    )
    user: str = Field(
        default="",
        max_length=500,
        description="The only name that clients may log in with, in any letter case; empty "
        'takes any. Give it with `mailbox = "me"`, so that one mailbox has one name and one '
        "session at a time.",
    )
    delete: Literal["trash", "permanent"] = Field(
        default="trash",
        description="What removing a message does: move it to the folder Deleted Items, or "
        "remove it for good, where not even the owner can get at it. `permanent` exists in "
        "the global cloud only.",
    )
    page: int = Field(
        default=500,
        ge=10,
        le=1000,
        description="How many messages an answer shall list.",
    )
