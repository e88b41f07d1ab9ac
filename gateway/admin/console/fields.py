"""What people enter, made into values: every mistake is told beside its field."""

import re
from urllib.parse import urlsplit

from gateway.accounts.fence import parse_network
from gateway.accounts.names import account_fault, device_fault

# As gateway.config.upstream_url has them; what is beyond the scheme is checked at login.
_SCHEME = re.compile(
    r"imap|imaps|imap\+starttls|maildir|graph|gmail|(?:jmap|rest|profile|graph|gmail)\+https?"
)
_NO_HOST = {"maildir", "graph", "gmail"}
_SHORTEST, _LONGEST, _LONGEST_NAME = 12, 256, 64
_COMMON = (
    "password",
    "passwort",
    "123456789",
    "qwerty",
    "abcdefgh",
    "letmein",
    "administrator",
)
_FENCES = 16


class Wrong(Exception):
    """Something cannot be taken as it was entered. The text is for whoever entered it."""


def refuse(known: object, what: str) -> None:
    """Two of one name cannot be.

    Raises:
        Wrong: There is one already.
    """
    if known is not None:
        raise Wrong(f"There is {what} of this name already.")


def device_name(text: str) -> str:
    """The name of a device or a provider.

    Raises:
        Wrong
    """
    if fault := device_fault(text):
        raise Wrong(f"The name {fault}.")
    return text


def account_name(text: str) -> str:
    """The name of an account: what the client gives to USER.

    Raises:
        Wrong
    """
    if fault := account_fault(text):
        raise Wrong(f"The name {fault}. The mailbox' address is a good one.")
    return text


def person_name(text: str) -> str:
    """The name of an administrator.

    Raises:
        Wrong
    """
    if not 0 < len(text) <= _LONGEST_NAME or ":" in text or not text.isprintable():
        raise Wrong(f"The name must have 1 to {_LONGEST_NAME} characters, and no colon.")
    return text


def new_password(first: str, second: str, name: str) -> str:
    """A password of an administrator, entered twice.

    Raises:
        Wrong
    """
    if first != second:
        raise Wrong("The two passwords differ.")
    if len(first) < _SHORTEST:
        raise Wrong(f"The password needs {_SHORTEST} characters. Four random words are good.")
    if len(first) > _LONGEST:
        raise Wrong(f"The password may have {_LONGEST} characters.")
    lowered = first.lower()
    guessed = [lowered.replace(word, "") for word in (*_COMMON, name.lower()) if word]
    if len(set(lowered)) < 5 or any(len(rest) < 6 for rest in guessed):
        raise Wrong("This password would be guessed soon. Four random words are good.")
    return first


def upstream_url(text: str, *, needed: bool) -> str:
    """Where mail is.

    Raises:
        Wrong
    """
    if not text and not needed:
        return ""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    usable = _SCHEME.fullmatch(parts.scheme) and "@" not in parts.netloc and port != 0
    if not usable or (not host and parts.scheme not in _NO_HOST):
        raise Wrong("Write where the mail is, e.g. imaps://imap.example.org")
    return text


def issuer_url(text: str) -> str:
    """The issuer of a provider of OpenID Connect.

    Raises:
        Wrong
    """
    parts = urlsplit(text)
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if not parts.hostname or not (
        parts.scheme == "https" or (parts.scheme == "http" and local)
    ):
        raise Wrong("Write the issuer's URL, e.g. https://id.example.org/realms/office")
    return text.rstrip("/")


def fence(words: tuple[str, ...]) -> tuple[str, ...]:
    """Networks that a device may come from.

    Raises:
        Wrong
    """
    if len(words) > _FENCES:
        raise Wrong(f"There may be {_FENCES} networks.")
    try:
        return tuple(str(parse_network(word, strict=False)) for word in words)
    except ValueError:
        raise Wrong("Write addresses or networks, e.g. 192.0.2.17 or 192.0.2.0/24") from None
