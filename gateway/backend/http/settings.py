"""Settings that all HTTP mailboxes share."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from gateway.settings import Section


class HttpSettings(Section):
    """How HTTP upstreams are used, whatever their API."""

    token_file: Path | None = Field(
        default=None,
        description="File with a bearer token that opens the mailbox; read again when it "
        "changes. Without it and `token_command`, the client's own name and password go to "
        "the upstream (Basic).",
    )
    token_command: str | None = Field(
        default=None,
        min_length=1,
        max_length=4096,
        description="Program with arguments that prints a bearer token, run without a shell; "
        "run again when the upstream refuses the token.",
    )
    token_timeout: float = Field(
        default=30, gt=0, le=600, description="Seconds that `token_command` may take."
    )
    client_password_file: Path | None = Field(
        default=None,
        description="File whose first line is the password that clients must give where a "
        "token opens the mailbox. Without it any password will do, and clients can come "
        "from this machine only.",
    )
    sizes: Literal["wait", "estimate"] = Field(
        default="wait",
        description="What a login does where the upstream does not tell exact sizes: read "
        "each unknown message once before it answers, or announce estimates, which some "
        "clients take for the truth. Learned sizes are kept in the index either way.",
    )
    learn_timeout: float = Field(
        default=50,
        gt=0,
        le=3600,
        description="Seconds that a login may spend on learning sizes; it then fails for "
        "the time being, and the next one goes on where it stopped.",
    )
    learn_behind: bool = Field(
        default=True,
        description='With `sizes = "estimate"`: learn sizes one message at a time while a '
        "session lasts, or is kept after QUIT.",
    )
    connections: int = Field(
        default=64,
        ge=1,
        le=10_000,
        description="Idle connections to the upstream that are kept for the next request.",
    )
    concurrency: int = Field(
        default=16,
        ge=1,
        le=256,
        description="Requests that one session may have under way, where the upstream does "
        "not set a lower limit.",
    )
    connect_timeout: float = Field(
        default=30, gt=0, le=3600, description="Seconds to wait for a connection."
    )
    response_timeout: float = Field(
        default=60, gt=0, le=3600, description="Seconds to wait for the answer to a request."
    )
    idle_timeout: float = Field(
        default=60,
        gt=0,
        le=3600,
        description="Seconds without an octet in the middle of an answer.",
    )
    answer_timeout: float = Field(
        default=300,
        gt=0,
        le=3600,
        description="Seconds that an answer may take as a whole; messages may take longer.",
    )
    retry_after: float = Field(
        default=10,
        ge=0,
        le=600,
        description="Longest time in seconds to wait when the upstream is busy and says for "
        "how long (429 and 503 with Retry-After); beyond it the client is told to come back.",
    )
    resume: int = Field(
        default=3,
        ge=0,
        le=100,
        description="How often a message is continued after a lost connection, where the "
        "upstream can send the rest (Range).",
    )
    max_answer: int = Field(
        default=8 << 20,
        ge=65_536,
        le=1 << 30,
        description="Largest answer taken, in octets; messages are not answers.",
    )
    max_message: int = Field(
        default=1 << 30,
        ge=65_536,
        description="Largest message taken, in octets.",
    )
    prefetch: bool = Field(
        default=True,
        description="Ask the upstream for the next messages while the client reads one.",
    )
    prefetch_total: int = Field(
        default=64 << 20,
        ge=0,
        description="Octets of messages asked for ahead, of all sessions together.",
    )
    prefetch_session: int = Field(
        default=1 << 20, ge=0, description="Octets of messages asked for ahead by a session."
    )
    trusted_origins: tuple[str, ...] = Field(
        default=(),
        description="Further origins, e.g. `https://files.example.org`, that the upstream may "
        "name in its answers and that may get the credentials. Without them nothing but the "
        "origin of the upstream's URL gets any.",
    )
