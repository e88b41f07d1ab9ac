"""Why a provider says no: which kind of no it is, and plain words with what to do.

A provider's own texts never get into these words: they go to the log.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

Kind = Literal["passing", "consent", "setup", "pending", "slow", "ended"]
"""What a refusal means: come back later; the owner must sign in again; the administrator
must change something; a device code is not used yet, or asked for too often, or is over."""

_TO_SIGN_IN = "let the mailbox' owner sign in again"
_CODE = re.compile(r"AADSTS(\d{4,8})\b")
_ERROR = re.compile(r"[A-Za-z0-9_.\-]{1,64}\Z")


class SignInRefused(Exception):
    """The provider says no.

    Args:
        kind: What sort of no.
        cause: What has happened, in plain words.
        advice: What to do.
        code: The provider's word for it, for the log.
    """

    def __init__(self, kind: Kind, cause: str, advice: str, code: str = "") -> None:
        super().__init__(f"{cause}: {advice}")
        self.kind: Kind = kind
        self.cause = cause
        self.advice = advice
        self.code = code


@dataclass(frozen=True, slots=True)
class _Row:
    kind: Kind
    cause: str
    advice: str


# RFC 6749 §4.1.2.1 and §5.2, RFC 8628 §3.5, OIDC Core §3.1.2.6, and Google's additions.
_ERRORS: Mapping[str, _Row] = MappingProxyType(
    {
        "access_denied": _Row(
            "consent",
            "the sign-in was refused or broken off at the provider",
            "sign in again and agree; with an app of Google's that is in testing, the address "
            "must be among its test users",
        ),
        "admin_policy_enforced": _Row(
            "setup",
            "the organisation does not let this app reach mail",
            "let its Google Workspace administrator allow the app's client id",
        ),
        "authorization_pending": _Row(
            "pending", "nobody has entered the code yet", "wait for it"
        ),
        "consent_required": _Row("consent", "the consent is missing", _TO_SIGN_IN),
        "deleted_client": _Row(
            "setup", "the app was deleted at the provider", "make a new one, and give its id"
        ),
        "disabled_client": _Row(
            "setup", "the app is switched off at the provider", "see why, at the provider"
        ),
        "expired_token": _Row("ended", "the code was not entered in time", "begin again"),
        "interaction_required": _Row(
            "consent", "the provider wants to see the owner again", _TO_SIGN_IN
        ),
        "invalid_client": _Row(
            "setup",
            "the provider does not accept the gateway's client id or secret",
            "compare both with the app's registration; the secret may have ended",
        ),
        "invalid_grant": _Row(
            "consent",
            "the consent was withdrawn, or has ended",
            _TO_SIGN_IN,
        ),
        "invalid_request": _Row(
            "setup", "the provider does not understand the request", "see the log"
        ),
        "invalid_scope": _Row(
            "setup",
            "the provider does not give what was asked for",
            "add the mail permissions to the app's registration, or correct the scopes",
        ),
        "login_required": _Row(
            "consent", "the provider wants to see the owner again", _TO_SIGN_IN
        ),
        "org_internal": _Row(
            "setup",
            "the app is for one organisation, and the mailbox is of another",
            "sign in with an address of the organisation, or make the app external",
        ),
        "redirect_uri_mismatch": _Row(
            "setup",
            "the provider does not know the address of this console",
            "add it to the redirect URIs of the app's registration, letter by letter",
        ),
        "server_error": _Row("passing", "the provider has a fault", "try again later"),
        "slow_down": _Row("slow", "nobody has entered the code yet", "wait for it"),
        "temporarily_unavailable": _Row("passing", "the provider is busy", "try again later"),
        "unauthorized_client": _Row(
            "setup",
            "the app may not sign in this way",
            "allow this way in the app's registration (for a device code: public client flows)",
        ),
        "unsupported_grant_type": _Row(
            "setup", "the provider does not know this way of signing in", "choose another"
        ),
        "unsupported_response_type": _Row(
            "setup", "the provider does not know this way of signing in", "choose another"
        ),
    }
)

# learn.microsoft.com/entra/identity-platform/reference-error-codes. The numbers may change;
# what is not here is told by its `error`.
_MICROSOFT: Mapping[int, _Row] = MappingProxyType(
    {
        50011: _Row(
            "setup",
            "Microsoft does not know the address of this console",
            "add it to the redirect URIs of the app (platform Web), letter by letter",
        ),
        50020: _Row(
            "setup",
            "the account that signed in is not of the provider's tenant",
            "sign in with another, or give the right tenant",
        ),
        50034: _Row(
            "setup", "there is no such account in the tenant", "see the address and the tenant"
        ),
        50053: _Row(
            "consent", "Microsoft has locked the account", "unlock it, and sign in again"
        ),
        50055: _Row("consent", "the owner's password has ended", _TO_SIGN_IN),
        50057: _Row(
            "consent", "the account is disabled at Microsoft", "enable it, and sign in"
        ),
        50074: _Row("consent", "Microsoft wants a second factor", _TO_SIGN_IN),
        50076: _Row("consent", "Microsoft wants a second factor", _TO_SIGN_IN),
        50078: _Row("consent", "the second factor was too long ago", _TO_SIGN_IN),
        50079: _Row("consent", "the owner must set up a second factor", _TO_SIGN_IN),
        50105: _Row(
            "setup",
            "the owner is not among those who may use the app",
            "assign the account to the enterprise application, or require no assignment",
        ),
        50126: _Row("consent", "the name or password was wrong", _TO_SIGN_IN),
        50173: _Row("consent", "the owner's password was changed", _TO_SIGN_IN),
        50196: _Row("passing", "the provider was asked too often", "wait a few minutes"),
        53003: _Row(
            "setup",
            "a rule of conditional access forbids the sign-in",
            "let the tenant's administrator allow this app, or this machine's address",
        ),
        54005: _Row("ended", "the sign-in was used already", "begin again"),
        65001: _Row("consent", "nobody has consented to what the app wants", _TO_SIGN_IN),
        65004: _Row("consent", "the owner did not agree", "sign in again and agree"),
        65005: _Row(
            "setup", "the app lacks permissions", "add the mail permissions to its registration"
        ),
        70008: _Row(
            "consent", "the consent has ended, as it was not used for long", _TO_SIGN_IN
        ),
        70011: _Row("setup", "a scope is none", "correct the provider's scopes"),
        70016: _Row("pending", "nobody has entered the code yet", "wait for it"),
        70020: _Row("ended", "the code was not entered in time", "begin again"),
        70043: _Row("consent", "a rule of the tenant asks for a new sign-in", _TO_SIGN_IN),
        90002: _Row("setup", "there is no such tenant", "correct the provider's tenant"),
        90006: _Row("passing", "the provider has a fault", "try again later"),
        90024: _Row("passing", "the provider is busy", "try again later"),
        90033: _Row("passing", "the provider has a fault", "try again later"),
        90094: _Row(
            "setup",
            "an administrator must consent first",
            "let the tenant's administrator grant consent for the app",
        ),
        500011: _Row(
            "setup",
            "the app does not have the API that the mail is read by",
            "add Office 365 Exchange Online, or Microsoft Graph, to its permissions",
        ),
        700016: _Row(
            "setup",
            "the tenant does not know the app",
            "compare the client id and the tenant with the app's registration",
        ),
        700082: _Row("consent", "the consent was not used for 90 days", _TO_SIGN_IN),
        700084: _Row(
            "setup",
            "the app is registered as a single page, whose consents end after 24 hours",
            "register its redirect URI for the platform Web, and sign in again",
        ),
        7000215: _Row(
            "setup",
            "the client secret is wrong",
            "give the secret's value, not its id",
        ),
        7000218: _Row(
            "setup",
            "Microsoft wants a client secret",
            "give it, or allow public client flows in the app's registration",
        ),
        7000222: _Row(
            "setup", "the client secret has ended", "make a new one at Microsoft, and give it"
        ),
        7000229: _Row(
            "setup",
            "the tenant has no service principal of the app",
            "grant admin consent for the app in the tenant",
        ),
    }
)
_UNKNOWN = _Row("setup", "the provider refuses, for a reason of its own", "see the log")
_REAUTHENTICATION = _Row(
    "consent",
    "a rule of the organisation asks for a new sign-in (session control for apps)",
    "let the owner sign in again, or its administrator exempt the app",
)


def refusal(said: Mapping[str, Any], status: int = 400) -> SignInRefused:
    """What an error answer of a provider means.

    Args:
        said: The members of the JSON, or the parameters of the redirect.
        status: Of HTTP.
    """
    error = said.get("error")
    error = error if isinstance(error, str) and _ERROR.match(error) else ""
    numbers = _numbers(said)
    known = [_MICROSOFT[number] for number in numbers if number in _MICROSOFT]
    row = known[0] if known else _ERRORS.get(error, _UNKNOWN)
    if said.get("error_subtype") == "invalid_rapt":
        row = _REAUTHENTICATION
    if status == 429 or status >= 500:
        row = _ERRORS["temporarily_unavailable" if status == 429 else "server_error"]
    shown = " ".join([error or str(status), *(f"AADSTS{number}" for number in numbers)])
    return SignInRefused(row.kind, row.cause, row.advice, shown)


def _numbers(said: Mapping[str, Any]) -> list[int]:
    """Microsoft's, of `error_codes` and the description, at most three."""
    codes = said.get("error_codes")
    numbers = [code for code in codes if type(code) is int] if isinstance(codes, list) else []
    text = said.get("error_description")
    if isinstance(text, str):
        numbers += [int(found) for found in _CODE.findall(text)]
    return list(dict.fromkeys(numbers))[:3]
