"""What must be registered at a provider, step by step, for who has never done it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from gateway.accounts.model import Preset


@dataclass(frozen=True, slots=True)
class Guide:
    """Of one preset.

    Attributes:
        preset: Which.
        title: For people.
        name: Of the provider here, unless another is entered.
        upstream: Where its mail is.
        summary: For whom it is.
        steps: What to do there; `{redirect}` stands for the redirect URI to copy.
        scopes: What it is asked for if nothing else is entered.
        tenant: What `tenant` means; empty without.
    """

    preset: Preset
    title: str
    name: str
    upstream: str
    summary: str
    steps: Sequence[str]
    scopes: Sequence[str]
    tenant: str = ""


_GOOGLE = Guide(
    "google",
    "Google",
    "google",
    "imaps://imap.gmail.com",
    "Gmail and Google Workspace",
    (
        "Open console.cloud.google.com, and make a project or choose one.",
        (
            "Under APIs & Services → OAuth consent screen choose “Internal” for Workspace. "
            "For gmail.com addresses it is “External”: publish it then, as consents given to "
            "an app in testing end after 7 days."
        ),
        (
            "Under Credentials → Create credentials → OAuth client ID choose “Web "
            "application”, and enter as authorised redirect URI the one below."
        ),
        "Copy client ID and client secret to here.",
    ),
    ("https://mail.google.com/", "openid", "email"),
)
_MICROSOFT = Guide(
    "microsoft",
    "Microsoft 365",
    "microsoft",
    "imaps://outlook.office365.com",
    "Exchange Online and outlook.com",
    (
        "Open entra.microsoft.com → Applications → App registrations → New registration.",
        "As redirect URI choose the platform “Web”, and enter the one below.",
        (
            "Under API permissions → Add → APIs my organization uses → Office 365 Exchange "
            "Online add the delegated permission IMAP.AccessAsUser.All, and grant it for "
            "everybody."
        ),
        (
            "Under Certificates & secrets make a client secret. Its value is shown once; note "
            "the day on which it ends below, and this console warns you two weeks before."
        ),
        "For signing in by code, set “Allow public client flows” under Authentication.",
        (
            "For shared mailboxes without an owner, add the application permission "
            "IMAP.AccessAsApp, and give the app access to the mailbox in Exchange."
        ),
    ),
    ("https://outlook.office.com/IMAP.AccessAsUser.All", "offline_access"),
    "Directory (tenant) ID of your organization, or its domain",
)
_OIDC = Guide(
    "oidc",
    "Another provider",
    "office",
    "",
    "Keycloak, authentik, Zitadel and others that speak OpenID Connect",
    (
        "Register a client of the kind “confidential” with the authorization code flow.",
        "Enter the redirect URI below as the only one.",
        (
            "Allow refresh tokens (the scope offline_access), and the device code flow if "
            "people shall sign in by code."
        ),
        "The mail server must take this provider's tokens: XOAUTH2 or OAUTHBEARER.",
    ),
    ("openid", "email", "offline_access"),
)
GUIDES: Mapping[str, Guide] = MappingProxyType(
    {guide.preset: guide for guide in (_GOOGLE, _MICROSOFT, _OIDC)}
)
