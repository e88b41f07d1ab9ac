"""What the pages of administrators and of owners share about signing in."""

from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from pydantic import SecretStr

from gateway.accounts.model import Account, Visit
from gateway.accounts.oauth.causes import SignInRefused
from gateway.accounts.oauth.service import DevicePending, Waiting
from gateway.admin.console import visits
from gateway.admin.console.ports import SignIn
from gateway.admin.console.site import Site
from gateway.admin.console.web import Answer, Ask
from gateway.errors import Misconfigured, Unavailable

T = TypeVar("T")
_TITLES = {
    "access_denied": "You said no",
    "other_mailbox": "That was another mailbox",
    "partial_consent": "One box was not ticked",
}
_KINDS = {
    "ended": "That took too long",
    "consent": "The provider did not let us in",
    "passing": "The provider cannot do it just now",
}
_SETUP = "The provider does not accept this gateway yet"
LATE = SignInRefused(
    "ended",
    "the sign-in was not finished in time, or was begun in another browser",
    "begin again",
)


@dataclass(frozen=True, slots=True)
class Why:
    """Why a sign-in did not come off.

    Attributes:
        title: In a few words.
        cause: What has happened.
        advice: What to do.
        code: The provider's word for it, for administrators.
    """

    title: str
    cause: str
    advice: str
    code: str = ""


async def tried(work: Awaitable[T]) -> T:
    """The result of something that a provider does.

    Raises:
        SignInRefused: It does not, whatever the reason.
    """
    try:
        return await work
    except Unavailable as failure:
        raise SignInRefused(
            "passing", "the provider does not answer", "try again later", failure.detail
        ) from None
    except Misconfigured as failure:
        raise SignInRefused(
            "setup",
            "something in the provider's settings is not right",
            "let the administrator look at the provider's page",
            failure.detail,
        ) from None


def why(refused: SignInRefused) -> Why:
    """In words for people."""
    title = _TITLES.get(refused.code) or _KINDS.get(refused.kind, _SETUP)
    return Why(title, _sentence(refused.cause), _sentence(refused.advice), refused.code)


def _sentence(text: str) -> str:
    """Begins with a capital, unless that is the name of somebody."""
    begins = text.partition(" ")[0].isalpha()
    return f"{text[:1].upper()}{text[1:]}." if begins else f"{text}."


def failed(site: Site, ask: Ask, account: Account, reason: Why) -> Answer:
    """The page that says so, with a way on."""
    is_administrator = ask.visit is not None and ":" not in ask.visit.who
    return site.page(
        "sign_in_failed",
        ask,
        status=400,
        account=account,
        why=reason,
        is_administrator=is_administrator,
    )


async def keep_code(site: Site, visit: Visit, pending: DevicePending, **more: Any) -> None:
    """Remember a code that is to be entered."""
    plain = asdict(pending) | {"device_code": pending.device_code.get_secret_value()}
    # The first question comes after the interval too (RFC 8628 §3.5).
    await visits.keep(site, visit, code=plain, polled=site.now(), **more)


async def forget_code(site: Site, visit: Visit) -> Visit:
    """It was entered, or has ended."""
    return await visits.keep(site, visit, code=None, polled=None, code_of=None)


async def poll(site: Site, oauth: SignIn, visit: Visit) -> DevicePending | None:
    """The code of a session that is still to be entered; None if it was.

    Raises:
        SignInRefused
    """
    data = visits.data_of(visit)
    plain = data["code"]
    pending = DevicePending(**plain | {"device_code": SecretStr(plain["device_code"])})
    if site.now() - data.get("polled", 0) < pending.interval:
        return pending  # reloaded by hand: the provider would tell us to slow down
    result = await tried(oauth.poll_device(pending))
    if not isinstance(result, Waiting):
        return None
    await keep_code(site, visit, result.pending)
    return result.pending
