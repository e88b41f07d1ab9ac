"""Settings of OAuth2."""

from pathlib import Path

from pydantic import Field

from gateway.settings import Section


class OAuthSettings(Section):
    """How OAuth2 providers are talked to."""

    ca: Path | None = Field(
        default=None,
        description="File with the only authorities trusted for providers' certificates, in "
        "PEM; those of the system without it.",
    )
    timeout: float = Field(
        default=15,
        gt=0,
        le=60,
        description="Seconds that a login waits for a provider. What it answers later is kept "
        "all the same.",
    )
    refresh_every: float = Field(
        default=86_400,
        ge=60,
        le=30 * 86_400,
        description="Seconds after which a consent that nobody has used is tried by a refresh: "
        "it keeps it alive where unused ones end, and tells at once of one that is withdrawn.",
    )
    foresight_days: int = Field(
        default=14,
        ge=1,
        le=365,
        description="How many days ahead of its end a consent or a client secret is reported.",
    )


class IntrospectionSettings(Section):
    """Who is asked about tokens that POP3 clients bring themselves (RFC 7662)."""

    endpoint: str | None = Field(
        default=None,
        description="URL that is asked whose a token is. Without it such tokens are refused.",
    )
    client_id: str = Field(default="", description="Our client id there.")
    client_secret_file: Path | None = Field(
        default=None, description="File with the secret of our client there, in its first line."
    )
    basic: bool = Field(
        default=True,
        description="Send our client's name and secret in a header rather than in the form.",
    )
    name: str = Field(
        default="username",
        min_length=1,
        description="Member of the answer that has the user's name.",
    )
    audience: str = Field(
        default="",
        description="What tokens must be for (`aud`), so that one that was made for another "
        "service of this issuer opens nothing here. There must be this or `scope`.",
    )
    scope: str = Field(default="", description="A scope that tokens must have.")
