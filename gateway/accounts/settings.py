"""What can be set about who is let in."""

from pydantic import Field

from gateway.accounts.throttle.settings import ThrottleSettings
from gateway.settings import Section


class AccountsSettings(Section):
    """Who is let in."""

    throttle: ThrottleSettings = Field(
        default_factory=ThrottleSettings, description="Guessers of passwords."
    )
