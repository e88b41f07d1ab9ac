"""What can be set about alarms."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from gateway.settings import Section


class AlarmSettings(Section):
    """Who is told, without looking, that mail will stop or has stopped.

    Told are consents and client secrets that end or have ended, and mail servers that fail
    for half an hour; something new within ten minutes, what lasts once a week.
    """

    mail_to: tuple[str, ...] = Field(
        default=(), description="Addresses that are told by mail; empty for no mail."
    )
    mail_from: str = Field(default="", description="The sender's address of that mail.")
    smtp_host: str = Field(default="", description="The mail server that takes it.")
    smtp_port: int = Field(
        default=0, ge=0, le=65_535, description="Its port; 0 for 587, with implicit TLS 465."
    )
    smtp_tls: Literal["starttls", "implicit", "none"] = Field(
        default="starttls",
        description="How that connection is encrypted; `none` is for this machine and for "
        "servers that ask for no password.",
    )
    smtp_user: str = Field(
        default="", description="The user name there; empty if it asks for none."
    )
    smtp_password_file: Path | None = Field(
        default=None, description="File with the password of that user on its first line."
    )
    ca: Path | None = Field(
        default=None,
        description="PEM file with the only authorities to trust for `smtp_host` and the "
        "webhook; those of the system without it.",
    )
    webhook_file: Path | None = Field(
        default=None,
        description="File with a URL on its first line, to which each alarm is posted as JSON "
        "(`text`, as chat systems take it, and `worries`). A file, as such URLs are secrets.",
    )
    silent_days: float = Field(
        default=0,
        ge=0,
        le=3650,
        description="Days after which a device that comes no more is told too; 0 for never.",
    )

    @property
    def wanted(self) -> bool:
        """Whether anybody is told anything."""
        return bool(self.mail_to or self.webhook_file)
