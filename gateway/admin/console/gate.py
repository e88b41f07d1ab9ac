"""Who is kept outside: too many tries from one address or at one name, and other sites."""

import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from types import MappingProxyType
from urllib.parse import urlsplit

from gateway.admin.console.web import Ask, Refusal

_MOST = 10_000
_NAME = (
    "Somebody tries many passwords for this name. Wait a little, then try again, or use a "
    "browser that you have signed in with before: it is let in."
)


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many tries at once, and a new one every so many seconds."""

    tries: int
    seconds: float


# Of a password there are ten tries, then one every half a minute; of a token of 256 bits
# there is no guessing, and the numbers keep the log and the database in peace. Of a name
# there are as many tries from all addresses together, but for browsers that it has used
# before; names that nobody has are counted apart, so that they push none out.
ALLOWANCES: Mapping[str, Allowance] = MappingProxyType(
    {
        "login": Allowance(10, 30),
        "name": Allowance(20, 30),
        "nobody": Allowance(20, 30),
        "known browser": Allowance(10, 30),
        "token": Allowance(20, 15),
        "sign-in": Allowance(30, 10),
        "program": Allowance(60, 1),
    }
)


class Gate:
    """Counts tries: what is left of each allowance, refilled as time goes by."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._left: dict[str, OrderedDict[str, tuple[float, float]]] = {
            kind: OrderedDict() for kind in ALLOWANCES
        }

    def pass_(self, kind: str, address: str) -> None:
        """Take one from an address' allowance.

        Raises:
            Refusal: There is none left (429).
        """
        if wait := self._take(kind, neighbourhood(address)):
            raise Refusal(429, wait=wait)

    def pass_name(self, kind: str, name: str) -> None:
        """Take one from what a name, or a browser, has.

        Raises:
            Refusal: There is none left (429).
        """
        if wait := self._take(kind, name):
            raise Refusal(429, _NAME, wait=wait)

    def _take(self, kind: str, key: str) -> int:
        """Take one; else the seconds until there is one."""
        allowance, now, known = ALLOWANCES[kind], self._now(), self._left[kind]
        left, at = known.pop(key, (float(allowance.tries), now))
        left = min(allowance.tries, left + max(0.0, now - at) / allowance.seconds)
        enough = left >= 1
        known[key] = (left - 1 if enough else left, now)
        while len(known) > _MOST:
            known.popitem(last=False)
        return 0 if enough else int((1 - left) * allowance.seconds) + 1


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
