"""Who is kept outside: too many tries from one address, and requests of other sites."""

import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from types import MappingProxyType
from urllib.parse import urlsplit

from gateway.admin.console.web import Ask, Refusal

_MOST_ADDRESSES = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many tries at once, and a new one every so many seconds."""

    tries: int
    seconds: float


# Of a password there are ten tries, then one every half a minute; of a token of 256 bits
# there is no guessing, and the numbers keep the log and the database in peace.
ALLOWANCES: Mapping[str, Allowance] = MappingProxyType(
    {
        "login": Allowance(10, 30),
        "token": Allowance(20, 15),
        "sign-in": Allowance(30, 10),
        "program": Allowance(60, 1),
    }
)


class Gate:
    """Counts tries by address: what is left of each allowance, refilled as time goes by."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._left: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def pass_(self, kind: str, address: str) -> None:
        """Take one from an address' allowance.

        Raises:
            Refusal: There is none left (429).
        """
        allowance, now = ALLOWANCES[kind], self._now()
        key = (kind, neighbourhood(address))
        left, at = self._left.pop(key, (float(allowance.tries), now))
        left = min(allowance.tries, left + max(0.0, now - at) / allowance.seconds)
        enough = left >= 1
        self._left[key] = (left - 1 if enough else left, now)
        while len(self._left) > _MOST_ADDRESSES:
            self._left.popitem(last=False)
        if not enough:
            raise Refusal(429, wait=int((1 - left) * allowance.seconds) + 1)


def neighbourhood(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 one, which is as cheap to come by."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)


def check_host(ask: Ask, url: str) -> None:
    """Refuse names that are not ours: a page elsewhere whose name was made to lead here.

    An address is no name, and cannot be made to lead here.

    Raises:
        Refusal: The name is another's (421).
    """
    name = _host(f"//{ask.host}")
    if name in {_host(url), "localhost"}:
        return
    try:
        ip_address(name)
    except ValueError:
        raise Refusal(421) from None


def check_origin(ask: Ask, url: str) -> None:
    """Refuse a form that another site has sent.

    Raises:
        Refusal: Another site did (403).
    """
    if ask.fetch_site in {"same-origin", "none"}:
        return  # pages cannot choose this field
    scheme = urlsplit(url).scheme
    ours = {f"{scheme}://{urlsplit(url).netloc.lower()}", f"{scheme}://{ask.host}"}
    if ask.fetch_site or (ask.origin is not None and ask.origin.lower() not in ours):
        raise Refusal(403)


def check_csrf(ask: Ask, expected: str) -> None:
    """Refuse a form that is not of this session.

    Raises:
        Refusal: It is not (403).
    """
    given = ask.form.get("csrf", "")
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        raise Refusal(
            403,
            "The page was too old, or from another sign-in. Go back, reload it, "
            "and try once more.",
        )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
