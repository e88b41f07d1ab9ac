"""What is particular about Google and Microsoft, and what is not. Tables; knows no I/O.

Sources: developers.google.com/identity/protocols/oauth2 (web-server, limited-input-device,
"Refresh token expiration"), developers.google.com/gmail/imap/xoauth2-protocol;
learn.microsoft.com/entra/identity-platform (v2-oauth2-auth-code-flow, v2-oauth2-device-code,
v2-oauth2-client-creds-grant-flow, refresh-tokens) and learn.microsoft.com/exchange/
client-developer/legacy-protocols (how-to-authenticate-an-imap-pop-smtp-application-by-using-
oauth).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gateway.accounts.model import Preset, Provider
from gateway.accounts.oauth.assertion import is_service_account
from gateway.errors import Misconfigured

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}\Z")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a provider is asked for what; empty for what it does not have.

    Attributes:
        issuer: As it must stand in ID tokens. `{tenantid}` stands for the tenant in them.
        basic: Whether the client's secret goes into a header (RFC 6749 §2.3.1) rather than
            into the form.
        names_itself: Whether it tells in redirects which issuer it is (RFC 9207).
    """

    issuer: str
    authorization: str
    token: str
    device: str = ""
    userinfo: str = ""
    revocation: str = ""
    introspection: str = ""
    basic: bool = False
    names_itself: bool = False


@dataclass(frozen=True, slots=True)
class Naming:
    """Which claims say whose mailbox was signed in to.

    Attributes:
        claims: Besides `email`.
        voucher: The claim that says whether `email` was seen to be the owner's.
        must_vouch: Whether it must be there: where `email` can be anybody's without.
    """

    claims: tuple[str, ...] = ("preferred_username", "upn", "sub")
    voucher: str = "email_verified"
    must_vouch: bool = False


@dataclass(frozen=True, slots=True)
class Quirks:
    """What a provider wants or does differently.

    Attributes:
        endpoints: Where it is; None where only discovery can tell.
        scopes: By the kind of upstream; `` for any other kind.
        service_scopes: The same for client credentials; empty where there are none.
        always: Scopes asked for besides, so that there is a refresh token and a name.
        extra: Parameters of the authorization request.
        granular: Whether owners can agree to a part of it.
        no_device: Why a mailbox cannot be had by a device code; empty if it can.
        no_client: Why it cannot be had by client credentials; empty if it can.
        idle_days: After so many days without use a refresh token ends; 0 if nobody knows.
        naming: Which claims say whose mailbox it is.
    """

    endpoints: Endpoints | None
    scopes: Mapping[str, tuple[str, ...]]
    service_scopes: Mapping[str, tuple[str, ...]]
    always: tuple[str, ...]
    extra: Mapping[str, str] = field(default_factory=dict)
    granular: bool = False
    no_device: str = ""
    no_client: str = ""
    idle_days: int = 0
    naming: Naming = Naming()


_GOOGLE = Quirks(
    endpoints=Endpoints(
        issuer="https://accounts.google.com",
        authorization="https://accounts.google.com/o/oauth2/v2/auth",
        token="https://oauth2.googleapis.com/token",  # noqa: S106 - a URL
        device="https://oauth2.googleapis.com/device/code",
        userinfo="https://openidconnect.googleapis.com/v1/userinfo",
        revocation="https://oauth2.googleapis.com/revoke",
    ),
    scopes={
        "imap": ("https://mail.google.com/",),
        # Enough for all but `delete = "permanent"`.
        "gmail": ("https://www.googleapis.com/auth/gmail.modify",),
    },
    service_scopes={},
    always=("openid", "email"),
    # Without the first there is no refresh token, without the second only the first time.
    extra={"access_type": "offline", "prompt": "consent"},
    granular=True,
    no_device="Google gives no access to mail by a device code: send the owner a sign-in link",
    no_client="Google has no client credentials for mailboxes but those of a service account "
    "with domain-wide delegation (provider add --client-key-file): give that, or send the "
    "owner a sign-in link",
    idle_days=180,
    naming=Naming(claims=("sub",)),
)
_MICROSOFT = Quirks(
    endpoints=Endpoints(
        issuer="https://login.microsoftonline.com/{tenantid}/v2.0",
        authorization="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
        token="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",  # noqa: S106 - a URL
        device="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/devicecode",
    ),
    scopes={
        "imap": ("https://outlook.office.com/IMAP.AccessAsUser.All",),
        "graph": ("https://graph.microsoft.com/Mail.ReadWrite",),
    },
    service_scopes={
        "imap": ("https://outlook.office365.com/.default",),
        "graph": ("https://graph.microsoft.com/.default",),
    },
    always=("offline_access", "openid", "profile", "email"),
    # Or the browser gives whoever is signed in already, often the administrator himself.
    extra={"prompt": "select_account"},
    idle_days=90,
    # Any tenant can write any address into `email`, unless the optional claim `xms_edov` says
    # that its domain is theirs (learn.microsoft.com/entra/identity-platform/
    # migrate-off-email-claim-authorization). The domain of a user's name always is.
    naming=Naming(("preferred_username", "upn"), "xms_edov", must_vouch=True),
)
_MICROSOFT_HOSTS = ("https://login.microsoftonline.", "https://sts.windows.net/")
_OIDC = Quirks(
    endpoints=None,
    scopes={"": ()},
    service_scopes={"": ()},
    always=("openid", "offline_access", "email"),
)
QUIRKS: Mapping[Preset, Quirks] = MappingProxyType(
    {"google": _GOOGLE, "microsoft": _MICROSOFT, "oidc": _OIDC}
)


def quirks(provider: Provider) -> Quirks:
    """Of the provider's preset."""
    return QUIRKS[provider.preset]


def naming(provider: Provider, issuer: str) -> Naming:
    """Which claims of an issuer's tokens say whose mailbox it is.

    Microsoft's are Microsoft's, though somebody has registered it as any other provider.
    """
    is_microsoft = issuer.startswith(_MICROSOFT_HOSTS)
    return (_MICROSOFT if is_microsoft else quirks(provider)).naming


def known_endpoints(provider: Provider) -> Endpoints | None:
    """Where the provider is; None if its issuer must be asked.

    An issuer that is given goes before the preset's own endpoints.

    Raises:
        Misconfigured: There is no issuer, or the tenant is none.
    """
    found = quirks(provider).endpoints
    if provider.issuer:
        return None
    if found is None:
        raise Misconfigured(f"the provider {provider.name} has no issuer: give its URL")
    return _of_tenant(found, provider) if provider.preset == "microsoft" else found


def mail_scopes(provider: Provider, upstream: str) -> tuple[str, ...]:
    """What opens the mailbox.

    Args:
        provider: The provider.
        upstream: The URL of the mailbox.

    Raises:
        Misconfigured: The preset does not know this kind of upstream.
    """
    return provider.scopes or _of_kind(quirks(provider).scopes, provider, upstream)


def scopes(provider: Provider, upstream: str) -> tuple[str, ...]:
    """The same with what there must be besides: for a refresh token, and the owner's name.

    Raises:
        Misconfigured: As `mail_scopes`.
    """
    mail = mail_scopes(provider, upstream)
    return tuple(dict.fromkeys((*mail, *quirks(provider).always)))


def service_scopes(provider: Provider, upstream: str) -> tuple[str, ...]:
    """The same for client credentials, which have no owner.

    Raises:
        Misconfigured: There are no client credentials here.
    """
    own = quirks(provider)
    if own.no_client:
        if not is_service_account(provider.client_secret):
            raise Misconfigured(own.no_client)
        return mail_scopes(provider, upstream)
    return provider.scopes or _of_kind(own.service_scopes, provider, upstream)


def kind_of(upstream: str) -> str:
    """`imap`, `graph`, `gmail`, `jmap` and so on, of an upstream's URL."""
    return upstream.partition("://")[0].lower().partition("+")[0].replace("imaps", "imap")


def _of_kind(
    table: Mapping[str, tuple[str, ...]], provider: Provider, upstream: str
) -> tuple[str, ...]:
    kind = kind_of(upstream)
    found = table.get(kind, table.get(""))
    if found is None:
        raise Misconfigured(
            f"the preset {provider.preset} knows no scopes for {kind}:// upstreams: use "
            f"{' or '.join(f'{name}://' for name in table)}, or name scopes"
        )
    return found


def _of_tenant(endpoints: Endpoints, provider: Provider) -> Endpoints:
    tenant = provider.tenant or "common"
    if _TENANT.match(tenant) is None:
        raise Misconfigured(
            f"the tenant of the provider {provider.name} is neither a domain nor an id"
        )
    return Endpoints(
        issuer=endpoints.issuer,
        authorization=endpoints.authorization.format(tenant=tenant),
        token=endpoints.token.format(tenant=tenant),
        device=endpoints.device.format(tenant=tenant),
    )
