"""Where the mail is, as a value: `imaps://HOST[:PORT]` and its like, or `maildir:///DIR`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Literal
from urllib.parse import unquote_to_bytes

from gateway.config.problems import BadValue, did_you_mean

Kind = Literal["imap", "imap+starttls", "imaps", "maildir"]
PORTS: Mapping[str, int] = MappingProxyType({"imap": 143, "imap+starttls": 143, "imaps": 993})
KINDS: Mapping[str, Kind] = MappingProxyType(
    {"imaps": "imaps", "imap+starttls": "imap+starttls", "imap": "imap", "maildir": "maildir"}
)
EXAMPLES = (
    "imaps://imap.example.org, imap+starttls://imap.example.org, imap://127.0.0.1:143 "
    "or maildir:///srv/mail"
)
_AUTHORITY = re.compile(r"(?:\[(?P<six>[^]]*)\]|(?P<host>[^:]*))(?::(?P<port>.*))?")
_NAME = re.compile(r"(?!-)[\w-]{1,63}(?:\.[\w-]{1,63})*\.?")


@dataclass(frozen=True, slots=True)
class UpstreamUrl:
    """A parsed upstream URL.

    Attributes:
        kind: The scheme: which driver, and which TLS.
        host: Name or address of an IMAP server, without brackets; empty for a Maildir.
        port: Its port, 0 for a Maildir.
        path: Directory of a Maildir; empty for IMAP.
    """

    kind: Kind
    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> "UpstreamUrl":
        """The value of a URL.

        Raises:
            BadValue: It is none, or of a kind that is not known.
        """
        scheme, colon, rest = text.partition("://")
        kind = KINDS.get(scheme.lower())
        if not colon:
            raise BadValue("there is no scheme", f"write {EXAMPLES}")
        if kind is None:
            hint = did_you_mean(scheme, KINDS)
            raise BadValue(f'the scheme "{scheme}" is not known', f"{hint}write {EXAMPLES}")
        return _maildir(rest) if kind == "maildir" else _imap(kind, rest)

    def __str__(self) -> str:
        if self.kind == "maildir":
            return f"maildir://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.kind}://{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether the server certainly is this machine, without asking DNS."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower().rstrip(".") == "localhost"


def _maildir(rest: str) -> UpstreamUrl:
    try:
        path = unquote_to_bytes(rest).decode()
    except UnicodeDecodeError:
        raise BadValue("the path is not UTF-8", "percent-encode UTF-8 octets") from None
    if not path.startswith("/"):
        raise BadValue("the path must be absolute", "write three slashes: maildir:///srv/mail")
    if "\0" in path:
        raise BadValue("the path has a NUL in it", "write maildir:///srv/mail")
    return UpstreamUrl("maildir", path=str(PurePosixPath("/", path.lstrip("/"))))


def _imap(kind: Kind, rest: str) -> UpstreamUrl:
    authority, slash, path = rest.partition("/")
    if "@" in rest:
        raise BadValue(
            "a name or password has no place in the URL",
            "leave it out: every POP3 client logs in with his own name and password, and "
            "check-upstream takes --user and --password-file",
        )
    if path or "?" in rest or "#" in rest:
        raise BadValue(
            f'there is something after the host: "{slash}{path}"' if path else "it has ? or #",
            f"the INBOX is served, nothing else can be chosen; write {kind}://HOST:PORT",
        )
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise BadValue(
            "the host is not clear", f"write {kind}://HOST:PORT or {kind}://[::1]:PORT"
        )
    return UpstreamUrl(kind, _host(match["six"], match["host"]), _port(kind, match["port"]))


def _host(six: str | None, host: str | None) -> str:
    if six is not None:
        try:
            return str(ip_address(six))
        except ValueError:
            raise BadValue(
                f'"{six}" is not an IPv6 address', "write e.g. [2001:db8::1]"
            ) from None
    if not host:
        raise BadValue("the host is missing", f"write {EXAMPLES}")
    if _NAME.fullmatch(host) is None:
        raise BadValue(f'"{host}" is not a host name', f"write {EXAMPLES}")
    return host.lower()


def _port(kind: Kind, text: str | None) -> int:
    if not text:
        return PORTS[kind]
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise BadValue(f'"{text}" is not a port', "give a number from 1 to 65535")
    return int(text)
