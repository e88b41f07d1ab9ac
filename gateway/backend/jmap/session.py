"""The session object: where the API is, which account, what the server allows (RFC 8620 §2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.backend.http.client import Caller
from gateway.backend.http.origin import segment
from gateway.errors import Misconfigured, Unavailable

CORE = "urn:ietf:params:jmap:core"
MAIL = "urn:ietf:params:jmap:mail"
WELL_KNOWN = "/.well-known/jmap"


class Limits(BaseModel):
    """What one request may hold. The defaults are what RFC 8620 §2 suggests as minimum."""

    model_config = ConfigDict(frozen=True)

    calls: int = Field(default=16, ge=1, alias="maxCallsInRequest")
    get: int = Field(default=500, ge=1, alias="maxObjectsInGet")
    set_: int = Field(default=500, ge=1, alias="maxObjectsInSet")
    octets: int = Field(default=10_000_000, ge=1024, alias="maxSizeRequest")


class _Account(BaseModel):
    name: str = ""
    read_only: bool = Field(default=False, alias="isReadOnly")
    capabilities: Mapping[str, Any] = Field(default={}, alias="accountCapabilities")


class _Object(BaseModel):
    """The parts of the session object that matter here."""

    capabilities: Mapping[str, Any]
    accounts: Mapping[str, _Account]
    primary: Mapping[str, str] = Field(default={}, alias="primaryAccounts")
    api: str = Field(alias="apiUrl")
    download: str = Field(alias="downloadUrl")


@dataclass(frozen=True, slots=True)
class Session:
    """What the session object says, checked.

    Attributes:
        url: Where it was found; no redirect from there.
        account: The account with the mail.
        api: Where method calls go; absolute, and allowed to get the credentials.
        download: The template of a blob's URL, likewise.
        limits: Of a request.
        read_only: Whether nothing can be removed.
    """

    url: str
    account: str
    api: str
    download: str
    limits: Limits
    read_only: bool

    def blob(self, blob_id: str) -> str:
        """The URL of a message's octets (RFC 8620 §6.2)."""
        url = self.download
        for name, value in (
            ("accountId", self.account),
            ("blobId", blob_id),
            ("name", "message.eml"),
            ("type", "message/rfc822"),
        ):
            url = url.replace(f"{{{name}}}", segment(value))
        return url


async def discover(caller: Caller, target: str) -> Session:
    """Get the session object; proves the credentials.

    Args:
        caller: Of the login.
        target: Where it is, or what redirects to it.

    Raises:
        BadCredentials, ConsentMissing, Throttled, Unavailable, Misconfigured
    """
    answer = await caller.answer("GET", target, headers={"Accept": "application/json"})
    try:
        found = _Object.model_validate(answer.json())
        limits = Limits.model_validate(found.capabilities.get(CORE) or {})
    except ValidationError:
        raise Misconfigured(
            "what is at the upstream's URL is no JMAP session object: give the URL of one, or "
            f"a host that has one at {WELL_KNOWN}"
        ) from None
    account = _mail_account(found)
    return Session(
        answer.url,
        account,
        caller.resolve(found.api, answer.url),
        _template(caller, found.download, answer.url),
        limits,
        found.accounts[account].read_only,
    )


def _mail_account(found: _Object) -> str:
    """The primary account for mail, or the only one that has any."""
    if MAIL not in found.capabilities:
        raise Misconfigured("the upstream's JMAP has no mail")
    primary = found.primary.get(MAIL)
    if primary in found.accounts:
        return str(primary)
    with_mail = [id_ for id_, account in found.accounts.items() if MAIL in account.capabilities]
    if len(with_mail) != 1:
        raise Misconfigured("the upstream's JMAP does not say which account has the mail")
    return with_mail[0]


def _template(caller: Caller, template: str, base: str) -> str:
    """The template made absolute: its braces are no part of a URL until they are filled."""
    if "{blobId}" not in template:
        raise Unavailable("the upstream's JMAP does not say where messages are")
    # Filled with names that stand for themselves, it can be resolved and checked.
    names = ("accountId", "blobId", "name", "type")
    for name in names:
        template = template.replace(f"{{{name}}}", f"-jmap-{name}-")
    url = caller.resolve(template, base)
    for name in names:
        url = url.replace(f"-jmap-{name}-", f"{{{name}}}")
    return url
