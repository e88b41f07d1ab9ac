"""What the contract's answers look like: as much of it as is needed, the rest is ignored.

Texts are bounded and not judged further: a mailbox with odd ids is still served, and the
checker has rules of its own.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1, max_length=2048)]
Count = Annotated[int, Field(ge=0, le=1 << 62)]
Positive = Annotated[int, Field(ge=1, le=1 << 31)]


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Limits(_Shape):
    """`limits` of the session."""

    page: Positive
    bulkDelete: Positive  # noqa: N815 - its name in the contract
    concurrency: Positive


class Session(_Shape):
    """`GET /session`."""

    account: str = Field(max_length=2048)
    generation: Text
    state: Text
    features: tuple[str, ...] = Field(max_length=1000, strict=False)
    limits: Limits


class Message(_Shape):
    """One message of a page or of changes."""

    id: Text
    size: Count
    received: str = Field(max_length=100)
    etag: str | None = Field(default=None, max_length=2048)


class Page(_Shape):
    """`GET /messages`."""

    generation: Text
    state: Text
    total: Count
    totalSize: Count  # noqa: N815 - its name in the contract
    messages: list[Message]
    next: Text | None


class Changes(_Shape):
    """`GET /changes`."""

    start: Text = Field(alias="from")
    end: Text = Field(alias="to")
    created: list[Message]
    destroyed: list[Text]
    more: bool
    total: Count | None = None


class Reason(_Shape):
    """Why a message was not removed."""

    type: str = Field(max_length=2048)
    detail: str = Field(default="", max_length=100_000)


class Deletion(_Shape):
    """`POST /messages/delete`."""

    destroyed: list[Text]
    notFound: list[Text]  # noqa: N815 - its name in the contract
    failed: dict[Text, Reason]
    state: Text


class Lock(_Shape):
    """`POST /lock` and `PUT /lock/{token}`."""

    token: Text
    ttl: Positive


class Problem(_Shape):
    """An error (RFC 9457)."""

    type: str = Field(default="about:blank", max_length=2048)
    title: str = Field(default="", max_length=100_000)
    status: int | None = None
    detail: str = Field(default="", max_length=100_000)

    @property
    def word(self) -> str:
        """The last word of the type, by which programs tell errors from each other."""
        return self.type.replace(":", "/").rstrip("/").rpartition("/")[2]
