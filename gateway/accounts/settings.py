"""What can be set about accounts, and about where names are led to."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from gateway.accounts.oauth.settings import IntrospectionSettings, OAuthSettings
from gateway.accounts.throttle.settings import ThrottleSettings
from gateway.settings import Section


class DeviceEntry(Section):
    """A device of the account above it, as `pop3-gateway device hash` prints it."""

    name: str = Field(
        description="Unique in the account: a-z, 0-9 and dashes. `ACCOUNT/NAME` is a login too."
    )
    selector: str = Field(description="The first four characters of its password.")
    password_hash: SecretStr = Field(description="Argon2id of its password.")
    fence: tuple[str, ...] = Field(
        default=(),
        description="Networks that it may come from, e.g. `192.0.2.0/24`; empty for any.",
    )
    tls_only: bool = Field(default=False, description="Whether it must come by TLS.")
    note: str = Field(default="", description="For whoever reads this file.")


class AccountEntry(Section):
    """An account that is kept in this file. It is looked for before those of the database."""

    name: str = Field(
        description="What the client gives to USER; upper and lower case are the same."
    )
    upstream: str = Field(
        default="",
        description="The URL of the mailbox, as in `upstream.url`; empty for where a route "
        "leads, or else for that one.",
    )
    mailbox: str = Field(
        default="", description="The user's name at the upstream; empty for the same name."
    )
    password_file: Path | None = Field(
        default=None,
        description="A file whose first line is the password at the upstream. Then the client "
        "needs a device's password; without it he needs this one himself.",
    )
    device: tuple[DeviceEntry, ...] = Field(
        default=(), description="Its devices; each has a password of its own."
    )


class RouteEntry(Section):
    """Where names lead to that have no upstream of their own. The first that fits counts."""

    match: str = Field(
        description="A domain, `example.org`, for names that end with `@example.org`; or a "
        "pattern with `*` for any characters, e.g. `*@*.example.org` or `*` for all names."
    )
    upstream: str = Field(description="The URL of the mailboxes, as in `upstream.url`.")
    user: str = Field(
        default="{user}",
        description="The name at the upstream: `{user}` is the whole name, `{local}` what is "
        "before the last `@`, and `{domain}` what is behind it.",
    )


class AccountsSettings(Section):
    """Who is let in, and how."""

    store: str = Field(
        default="",
        description="The directory of accounts and devices: `embedded` for a file in "
        "`state.dir`, or `postgresql://USER@HOST/DATABASE`. Without one, and without accounts "
        "in this file, every name goes to the upstream as it is.",
    )
    store_password_file: Path | None = Field(
        default=None, description="A file whose first line is the password for PostgreSQL."
    )
    key_file: Path | None = Field(
        default=None,
        description="File with the keys that encrypt the secrets in the directory, one a line, "
        "the newest first; see `pop3-gateway accounts new-key`.",
        json_schema_extra={
            "default_text": "what `$POP3_GATEWAY_KEY` holds, else systemd's credential "
            "`pop3-gateway-key`, else (embedded only) `key` in `state.dir`, made at first use"
        },
    )
    unknown: Literal["refuse", "pass"] = Field(
        default="refuse",
        description="What becomes of a name that the directory does not know: `pass` leads it "
        "to a route or the upstream, with the password that the client gave.",
    )
    cache: float = Field(
        default=5,
        ge=0,
        le=300,
        description="Seconds for which an account is remembered: as long a revoked device may "
        "still get in.",
    )
    outage: float = Field(
        default=300,
        ge=0,
        le=86_400,
        description="Seconds for which an account is remembered while the database does not "
        "answer; others are told to come back.",
    )
    client_tokens: bool = Field(
        default=False,
        description="Whether clients may show an access token of their own (AUTH OAUTHBEARER "
        "and XOAUTH2), which is passed on to the upstream. For upstreams that take such "
        "tokens, and see whether the name is the token's: IMAP, Gmail and Graph by name. "
        "Before others it must be asked about (`accounts.introspection`).",
    )
    scram: bool = Field(
        default=True,
        description="Whether AUTH SCRAM-SHA-256 is offered where everybody is a device of the "
        "database: no name is passed through (`unknown`), and no account is in this file. "
        "Take it away if accounts have `--own-password`: their clients would try it in vain.",
    )
    digests: bool = Field(
        default=False,
        description="Whether APOP and AUTH CRAM-MD5 are offered where there is a directory of "
        "devices. They work for devices whose password is kept, which must be asked for when "
        "one is added. Many programs try nothing else where they are offered: then no other "
        "device of such a program can log in.",
    )
    account: tuple[AccountEntry, ...] = Field(
        default=(), description="Accounts that are kept in this file."
    )
    oauth: OAuthSettings = Field(
        default_factory=OAuthSettings, description="OAuth2 providers of mailboxes."
    )
    introspection: IntrospectionSettings = Field(
        default_factory=IntrospectionSettings,
        description="Access tokens that clients bring themselves.",
    )
    throttle: ThrottleSettings = Field(
        default_factory=ThrottleSettings, description="Guessers of passwords."
    )
