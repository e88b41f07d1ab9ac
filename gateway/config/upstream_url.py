"""Where the mail is, as a value: `imaps://HOST[:PORT]` and the other kinds of upstream."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Literal, get_args
from urllib.parse import quote, unquote_to_bytes

from gateway.config.problems import BadValue, did_you_mean

Kind = Literal[
    "imaps",
    "imap+starttls",
    "imap",
    "maildir",
    "jmap+https",
    "jmap+http",
    "rest+https",
    "rest+http",
    "profile+https",
    "profile+http",
    "graph",
    "graph+https",
    "graph+http",
    "gmail",
    "gmail+https",
    "gmail+http",
]
KINDS: Mapping[str, Kind] = MappingProxyType({kind: kind for kind in get_args(Kind)})
PORTS: Mapping[str, int] = MappingProxyType(
    {"imap": 143, "imap+starttls": 143, "imaps": 993, "https": 443, "http": 80}
)
EXAMPLES = (
    "imaps://imap.example.org, imap+starttls://imap.example.org, imap://127.0.0.1:143 "
    "or maildir:///srv/mail"
)
HTTP_EXAMPLES = (
    "jmap+https://jmap.example.org, rest+https://mail.example.org/base, "
    "profile+https://mail.example.org/base?profile=NAME, graph://TENANT, gmail://"
)
_AUTHORITY = re.compile(r"(?:\[(?P<six>[^]]*)\]|(?P<host>[^:]*))(?::(?P<port>.*))?")
_DIGITS = re.compile(r"[0-9]{1,5}")  # Python refuses to read thousands of them
_NAME = re.compile(r"(?!-)[\w-]{1,63}(?:\.[\w-]{1,63})*\.?")
_PROFILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PROFILE_FILE = re.compile(r"/[^\x00-\x1f\x7f#?&%]+")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")
_UNENCODED = "!$&'()*+,;=:@/%-._~"


@dataclass(frozen=True, slots=True)
class UpstreamUrl:
    """A parsed upstream URL.

    Attributes:
        kind: The scheme: which driver, and which TLS; empty for nowhere.
        host: Name or address of a server, without brackets; empty for a Maildir, and for
            `graph://` and `gmail://`, which are where their makers have them.
        port: Its port, 0 without a host.
        path: Directory of a Maildir; path of an HTTP API, encoded, "" or with a slash before
            and none behind; tenant of `graph`; empty for IMAP.
        profile: The name after `?profile=`, or the path of a file.
    """

    kind: Kind | Literal[""]
    host: str = ""
    port: int = 0
    path: str = ""
    profile: str = ""

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
        return _READERS[kind.partition("+")[0]](kind, rest)

    def __str__(self) -> str:
        if not self.kind:
            return ""
        if self.kind == "maildir":
            return f"maildir://{self.path}"
        query = f"?profile={self.profile}" if self.profile else ""
        if not self.host:
            return f"{self.kind}://{self.path.removeprefix('/')}"
        return f"{self.kind}://{self.netloc}:{self.port}{self.path}{query}"

    @property
    def api(self) -> str:
        """Which family of drivers: `imap`, `maildir`, `jmap`, `rest` and so on."""
        return self.kind.partition("+")[0].replace("imaps", "imap")

    @property
    def netloc(self) -> str:
        """The host as it stands in URLs."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def http(self) -> str:
        """`https` or `http` for an HTTP API, empty for others."""
        if self.kind in {"graph", "gmail"}:
            return "https"
        scheme = self.kind.rpartition("+")[2]
        return scheme if scheme in {"http", "https"} else ""

    @property
    def origin(self) -> str:
        """`https://host:port` of an HTTP API that has a host in its URL."""
        return f"{self.http}://{self.netloc}:{self.port}"

    @property
    def base(self) -> str:
        """The URL of an HTTP API with its path and a slash: `https://host:port/path/`."""
        return f"{self.origin}{self.path}/"

    @property
    def plaintext(self) -> bool:
        """Whether passwords and mail travel without TLS."""
        return self.kind == "imap" or self.http == "http"

    @property
    def is_loopback(self) -> bool:
        """Whether the server certainly is this machine, without asking DNS."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower().rstrip(".") == "localhost"


NOWHERE = UpstreamUrl("")
"""Instead of a URL where none is given."""


def _maildir(_: Kind, rest: str) -> UpstreamUrl:
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
    _no_userinfo(rest)
    if path or "?" in rest or "#" in rest:
        raise BadValue(
            f'there is something after the host: "{slash}{path}"' if path else "it has ? or #",
            f"the INBOX is served, nothing else can be chosen; write {kind}://HOST:PORT",
        )
    return UpstreamUrl(kind, *_server(kind, authority, kind))


def _api(kind: Kind, rest: str) -> UpstreamUrl:
    """An HTTP API at a host of its own: JMAP, our contract, a profile."""
    place, question, query = rest.partition("?")
    authority, _, path = place.partition("/")
    _no_userinfo(authority)
    host, port = _server(kind, authority, kind.rpartition("+")[2])
    wants = kind.startswith("profile+")
    name = query.removeprefix("profile=") if wants and query.startswith("profile=") else ""
    if wants and not (_PROFILE.fullmatch(name) or _PROFILE_FILE.fullmatch(name)):
        raise BadValue(
            "the profile is missing",
            f"write {kind}://HOST/BASE?profile=NAME, or ?profile=/PATH/TO/FILE.toml",
        )
    if (question and not wants) or "#" in rest:
        raise BadValue("it has ? or #", f"write {kind}://HOST:PORT/PATH")
    return UpstreamUrl(kind, host, port, _path(path), name)


def _graph(kind: Kind, rest: str) -> UpstreamUrl:
    """`graph://TENANT`, or another place of the same API: `graph+https://HOST/TENANT`."""
    authority, _, tenant = rest.rpartition("/") if kind != "graph" else ("", "", rest)
    _no_userinfo(rest)
    if not _TENANT.fullmatch(tenant):
        wrong = "the tenant is not clear" if tenant else "the tenant is missing"
        raise BadValue(
            wrong, "write the tenant's domain or number, e.g. graph://contoso.onmicrosoft.com"
        )
    if kind == "graph":
        return UpstreamUrl(kind, path=f"/{tenant}")
    return UpstreamUrl(kind, *_server(kind, authority, kind.rpartition("+")[2]), f"/{tenant}")


def _gmail(kind: Kind, rest: str) -> UpstreamUrl:
    """`gmail://`, or another place of the same API: `gmail+http://HOST:PORT`."""
    _no_userinfo(rest)
    rest = rest.removesuffix("/")
    if "/" in rest or "?" in rest or "#" in rest or (kind == "gmail" and rest):
        right = "gmail://" if kind == "gmail" else f"{kind}://HOST:PORT"
        raise BadValue("there is something behind it", f"write {right}")
    if kind == "gmail":
        return UpstreamUrl(kind)
    return UpstreamUrl(kind, *_server(kind, rest, kind.rpartition("+")[2]))


_READERS: Mapping[str, Callable[[Kind, str], UpstreamUrl]] = MappingProxyType(
    {
        "imap": _imap,
        "imaps": _imap,
        "maildir": _maildir,
        "jmap": _api,
        "rest": _api,
        "profile": _api,
        "graph": _graph,
        "gmail": _gmail,
    }
)


def _no_userinfo(text: str) -> None:
    if "@" in text:
        raise BadValue(
            "a name or password has no place in the URL",
            "leave it out: every POP3 client logs in with his own name and password, and "
            "check-upstream takes --user and --password-file",
        )


def _server(kind: Kind, authority: str, protocol: str) -> tuple[str, int]:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise BadValue(
            "the host is not clear", f"write {kind}://HOST:PORT or {kind}://[::1]:PORT"
        )
    return _host(match["six"], match["host"]), _port(protocol, match["port"])


def _path(path: str) -> str:
    """A path of ASCII; what is encoded already stays."""
    if any(ord(character) < 0x20 for character in path):
        raise BadValue("the path has a control character in it", "take it out")
    path = quote(path.strip("/"), safe=_UNENCODED)
    return f"/{path}" if path else ""


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


def _port(protocol: str, text: str | None) -> int:
    if not text:
        return PORTS[protocol]
    if not (_DIGITS.fullmatch(text) and 1 <= int(text) <= 65535):
        raise BadValue(f'"{text:.20}" is not a port', "give a number from 1 to 65535")
    return int(text)
