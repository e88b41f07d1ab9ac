"""The nouns of the directory: who is served, from where, and by which passwords."""

from dataclasses import dataclass, field
from typing import Literal

from pydantic import SecretStr

Preset = Literal["google", "microsoft", "oidc"]
CredentialKind = Literal["client", "password", "oauth"]
Flow = Literal["code", "device", "client"]
Opens = tuple[str, str]
"""A provider and the name of a mailbox there: what a grant is for."""


def opens(provider: str, mailbox: str, name: str) -> Opens:
    """The same for all spellings of a name; empty `mailbox` for `name`."""
    return provider, (mailbox or name).lower()


@dataclass(frozen=True, slots=True)
class Provider:
    """Where accounts sign in by OAuth2, and where their mail is.

    Attributes:
        name: Its name, for people and in URLs of the console: a-z, 0-9 and dashes.
        preset: Whose endpoints, scopes and quirks.
        upstream: The URL of the mailboxes, as `upstream.url` has it.
        client_id: Of our registration there.
        client_secret: Of our registration there; None for a public client.
        issuer: The issuer's URL of a provider of the preset `oidc`.
        tenant: Of Microsoft: a domain, a number, or `common`.
        scopes: Instead of those of the preset.
        secret_ends: When the client secret ends, in seconds since 1970; None if nobody knows.
    """

    name: str
    preset: Preset
    upstream: str
    client_id: str
    client_secret: SecretStr | None = None
    issuer: str = ""
    tenant: str = ""
    scopes: tuple[str, ...] = ()
    secret_ends: float | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """One POP3 user.

    Attributes:
        name: What the client gives to USER; unique without regard to letter case.
        upstream: The URL of the mailbox; empty for that of the provider, or of the settings.
        mailbox: The user's name at the upstream; empty for `name`.
        credential: What opens the mailbox: the client's own password, one that we keep,
            or OAuth2.
        provider: The name of the OAuth2 provider; empty without.
        password: The kept one.
        note: For the administrator.
        enabled: Whether anybody can log in.
        created: Seconds since 1970.
    """

    name: str
    upstream: str = ""
    mailbox: str = ""
    credential: CredentialKind = "oauth"
    provider: str = ""
    password: SecretStr | None = None
    note: str = ""
    enabled: bool = True
    created: float = 0

    @property
    def user(self) -> str:
        """The name at the upstream."""
        return self.mailbox or self.name

    @property
    def opens(self) -> Opens:
        """What a grant of it is for."""
        return opens(self.provider, self.mailbox, self.name)


@dataclass(frozen=True, slots=True)
class Device:
    """A login of an account with a password of its own.

    Attributes:
        account: The account's name.
        name: Unique in the account: a-z, 0-9 and dashes. `ACCOUNT/NAME` is a login too.
        selector: The first four characters of its password, which find it.
        hash: Argon2id of the normalised password.
        secret: The password itself, where somebody chose to keep it (APOP, CRAM-MD5).
        scram: The verifier, `iterations:salt:stored_key:server_key` with base64; empty without.
        fence: Networks it may come from, e.g. `192.0.2.0/24`; empty for any.
        tls_only: Whether it must come by TLS.
        note: For the administrator.
        created: Seconds since 1970, as all times here.
        revoked: When; None if it may log in.
        last_seen: Of its last login; None if there was none.
        last_peer: Its address then.
        last_tls: The version of TLS then; empty without.
    """

    account: str
    name: str
    selector: str
    hash: str
    secret: SecretStr | None = None
    scram: str = field(default="", repr=False)
    fence: tuple[str, ...] = ()
    tls_only: bool = False
    note: str = ""
    created: float = 0
    revoked: float | None = None
    last_seen: float | None = None
    last_peer: str = ""
    last_tls: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """All that admission needs to know of an account.

    Attributes:
        devices: All of it, revoked ones too.
        upstream: The URL of the mailbox: the account's, or else its provider's; empty if
            neither has one.
    """

    account: Account
    devices: tuple[Device, ...]
    upstream: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What an account's owner has consented to, and the tokens that came of it.

    Attributes:
        account: The account's name.
        flow: How it was got: in a browser, by device code, or as the client itself.
        refresh: The refresh token; None with client credentials.
        previous: The refresh token before that, until the new one has been seen to work.
        access: The access token.
        expires: When that ends.
        consent_ends: When the refresh token ends, if that can be foreseen.
        subject: Whose mailbox was signed in to, as the provider tells it.
        scopes: What was granted.
        obtained: When the owner consented.
        refreshed: Of the last success.
        broken: Why there are no more tokens, in plain words; empty if all is well.
        version: Goes up with every change; guards against two writers.
        opens: What it is for, as the account says; known of those that the store gives.
    """

    account: str
    flow: Flow
    refresh: SecretStr | None
    access: SecretStr
    expires: float
    previous: SecretStr | None = None
    consent_ends: float | None = None
    subject: str = ""
    scopes: tuple[str, ...] = ()
    obtained: float = 0
    refreshed: float = 0
    broken: str = ""
    version: int = 0
    opens: Opens | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Invite:
    """A link by which a mailbox' owner signs in, once.

    Attributes:
        account: Whose.
        digest: SHA-256 of the token in the link, in hexadecimal digits.
        expires: When it ends.
        device: The name of the device that its owner will get.
        used: When; None if it was not.
    """

    account: str
    digest: str
    expires: float
    device: str
    used: float | None = None


@dataclass(frozen=True, slots=True)
class Administrator:
    """Who may use the console.

    Attributes:
        hash: Argon2id of the password.
    """

    name: str
    hash: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A console session.

    Attributes:
        digest: SHA-256 of the cookie, in hexadecimal digits.
        who: The administrator's name, or `invite:` and the account's.
        csrf: What forms must carry.
        expires: When it ends.
        data: What a page keeps for the next one, as JSON; encrypted at rest.
    """

    digest: str
    who: str
    csrf: str
    expires: float
    data: str = field(default="", repr=False)
