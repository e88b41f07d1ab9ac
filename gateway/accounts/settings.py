"""What can be set about accounts."""

from pydantic import Field

from gateway.settings import Section


class AccountsSettings(Section):
    """Who is let in, and how."""

    client_tokens: bool = Field(
        default=False,
        description="Whether clients may show an access token of their own (AUTH OAUTHBEARER "
        "and XOAUTH2), which is passed on to the upstream. For upstreams that take such "
        "tokens.",
    )
    scram: bool = Field(
        default=True,
        description="Whether AUTH SCRAM-SHA-256 is offered where there is a directory of "
        "devices.",
    )
    digests: bool = Field(
        default=False,
        description="Whether APOP and AUTH CRAM-MD5 are offered where there is a directory of "
        "devices. They work for devices whose password is kept, which must be asked for when "
        "one is added.",
    )
