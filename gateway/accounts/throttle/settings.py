"""What can be set about guessing."""

from pydantic import Field

from gateway.settings import Section


class ThrottleSettings(Section):
    """Guessers of passwords, and what is remembered of them."""

    enabled: bool = Field(
        default=True,
        description="Whether wrong passwords are counted and known ones held back. Without "
        "it `pop3.failed_login_delay` and `pop3.max_failed_logins` are all there is.",
    )
    window: float = Field(
        default=3600,
        ge=60,
        le=604_800,
        description="For how many seconds a wrong password counts. A lock ends when few "
        "enough of them are younger.",
    )
    account_limit: int = Field(
        default=10,
        ge=2,
        le=100,
        description="Different wrong passwords for one name until it is locked. An address "
        "from which the name has logged in is locked only by those tried there; all others "
        "count together.",
    )
    address_limit: int = Field(
        default=100,
        ge=2,
        le=1000,
        description="Different wrong pairs of name and password from one address (of IPv6: "
        "one /64) until it is locked. Whoever has logged in from there still can.",
    )
    longest_wait: float = Field(
        default=30,
        ge=0,
        le=30,
        description="Seconds that the answer to a wrong password takes at the most: 2 for "
        "the first one, then 4, 8, 16 and so on.",
    )
    remember_wrong: float = Field(
        default=2_592_000,
        ge=3600,
        description="How long a password that the upstream refused is not shown to it again, "
        "in seconds since somebody last tried it. As long is remembered which passwords and "
        "addresses are good.",
    )
    max_rows: int = Field(
        default=200_000,
        ge=1000,
        description="Wrong passwords, good passwords and good addresses that are remembered, "
        "of each so many; the oldest go first, and of wrong passwords those that lock nobody. "
        "1,000 of each take about 400 KiB.",
    )
