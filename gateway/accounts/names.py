"""Which names accounts and devices can have, and where a pattern of names leads to."""

import re
from dataclasses import dataclass

# Of devices' passwords. Nothing that looks like something else on a printer's panel: no
# 0 o 1 l i.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_DEVICE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_LONGEST = 320
_FIELD = re.compile(r"\{(user|local|domain)\}")


def account_fault(name: str) -> str:
    """What is wrong with the name of an account; empty if nothing is.

    A slash would be taken for the one before a device's name.
    """
    if not name or len(name) > _LONGEST:
        return f"must have 1 to {_LONGEST} characters"
    if "/" in name or not name.isprintable() or name != name.strip():
        return "must have no slash, no control characters and no blanks around it"
    return ""


def device_fault(name: str) -> str:
    """What is wrong with the name of a device; empty if nothing is."""
    if _DEVICE.fullmatch(name):
        return ""
    return "must be 1 to 64 of a-z, 0-9 and dashes, with no dash at its ends"


def same_name(one: str, other: str) -> bool:
    """Whether another system means the same user by both.

    Letter case counts for nothing in ASCII alone: elsewhere folding makes one name of those
    of two people, as of `straße` and `strasse`, or `kim` with a Kelvin sign and `kim`.
    """
    both_ascii = one.isascii() and other.isascii()
    return one == other or (both_ascii and one.lower() == other.lower())


def split(user: bytes) -> tuple[str, str]:
    """What a client calls himself: an account's name, and a device's or nothing.

    Octets that are not UTF-8 are of no account's name.
    """
    text = user.decode("utf-8", "surrogateescape")
    account, slash, device = text.rpartition("/")
    return (account, device) if slash else (text, "")


@dataclass(frozen=True, slots=True)
class Route:
    """Where names of a kind lead to.

    Attributes:
        match: A domain, or a pattern with `*`.
        upstream: The URL of the mailboxes.
        user: The name there, with `{user}`, `{local}` and `{domain}`.
    """

    match: str
    upstream: str
    user: str = "{user}"

    def leads(self, name: str) -> bool:
        """Whether this name is of the kind; upper and lower case are the same."""
        pattern = self.match if "*" in self.match else f"*@{self.match}"
        parts = (re.escape(part) for part in pattern.casefold().split("*"))
        return re.fullmatch(".*".join(parts), name.casefold(), re.DOTALL) is not None

    def mailbox(self, name: str) -> str:
        """The name at the upstream."""
        local, at, domain = name.rpartition("@")
        known = {"user": name, "local": local if at else name, "domain": domain if at else ""}
        return _FIELD.sub(lambda field: known[field[1]], self.user)


def template_fault(user: str) -> str:
    """What is wrong with `Route.user`; empty if nothing is."""
    rest = _FIELD.sub("", user)
    if "{" in rest or "}" in rest:
        return "has braces around something else than user, local or domain"
    if not _FIELD.search(user):
        return "is the same mailbox for everybody"
    return ""
