"""Where to listen, as a value: an address with a port, or a socket that systemd opened."""

import re
from dataclasses import dataclass
from ipaddress import ip_address

from gateway.config.problems import BadValue

_SHAPE = re.compile(r"(?:\[(?P<six>[^]]*)\]|(?P<host>[^:]*)):(?P<port>[^:]*)")
_DIGITS = re.compile(r"[0-9]{1,5}")  # Python refuses to read thousands of them
_NAME = re.compile(r"[\x21-\x39\x3b-\x7e]{1,255}")
_EXAMPLES = "write 127.0.0.1:1110, [::1]:1110 or systemd:NAME"


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """An address of this machine; port 0 is any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return ip_address(self.host).is_loopback


@dataclass(frozen=True, slots=True)
class SystemdSocket:
    """An open socket inherited from systemd, by its `FileDescriptorName=`."""

    name: str

    def __str__(self) -> str:
        return f"systemd:{self.name}"

    @property
    def is_loopback(self) -> bool:
        """Never known to be: the address is in the socket unit."""
        return False


def parse_listen(text: str) -> ListenAddress | SystemdSocket:
    """The value of one entry of `listen.plain` or `listen.tls`.

    A host is always needed: listening on every interface shall be written down, and
    not be what happens when something was forgotten.

    Raises:
        BadValue: It is none.
    """
    scheme, colon, name = text.partition(":")
    if colon and scheme == "systemd":
        return _systemd(name)
    match = _SHAPE.fullmatch(text)
    if match is None:
        if text.count(":") > 1 and "[" not in text:
            raise BadValue(
                f'"{text}" is ambiguous', "an IPv6 address needs brackets: [::1]:1110"
            )
        raise BadValue(f'"{text}" is not HOST:PORT', _EXAMPLES)
    return ListenAddress(_host(match["six"], match["host"]), _port(match["port"]))


def _systemd(name: str) -> SystemdSocket:
    if _NAME.fullmatch(name) is None:
        raise BadValue(
            f'"systemd:{name}" names no socket',
            "write systemd:NAME with the FileDescriptorName= of the socket unit",
        )
    return SystemdSocket(name)


def _host(six: str | None, host: str | None) -> str:
    if host == "":
        raise BadValue(
            "the host is missing",
            "write 0.0.0.0:PORT or [::]:PORT for every interface, 127.0.0.1:PORT for this "
            "machine alone",
        )
    if host == "localhost":
        return "127.0.0.1"
    text = host if six is None else six
    try:
        address = ip_address(str(text))
    except ValueError:
        address = None
    if address is None or (address.version == 6) != (six is not None):
        raise BadValue(
            f'"{text}" is not an IP address',
            "give an address of this machine, localhost, 0.0.0.0 or [::]",
        )
    return str(address)


def _port(text: str) -> int:
    if not (_DIGITS.fullmatch(text) and int(text) <= 65535):
        raise BadValue(
            f'"{text:.20}" is not a port', "give a number from 0 (any free one) to 65535"
        )
    return int(text)
