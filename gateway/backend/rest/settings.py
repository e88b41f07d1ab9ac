"""The settings of our own REST contract."""

from typing import Literal

from pydantic import Field

from gateway.settings import Section


class RestSettings(Section):
    """How a mailbox of our REST contract is used."""

    delete: Literal["purge", "trash"] = Field(
        default="purge",
        description="What becomes of a message that a client deletes: it is gone for good, or "
        "goes to the trash, which the server must then offer.",
    )
    lock_seconds: int = Field(
        default=60,
        ge=30,
        le=3600,
        description="How long the lock of a session whose gateway has died keeps others out, "
        "where the server offers one.",
    )
