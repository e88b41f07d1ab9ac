"""Rules about where to listen: addresses, certificates, fences."""

import ssl
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from pathlib import Path
from typing import Any

from gateway.accounts.fence import Network, parse_network
from gateway.config.addresses import ListenAddress, SystemdSocket, parse_listen
from gateway.config.problems import BadValue
from gateway.config.rule import Breach, Rule, file
from gateway.config.tree import Settings
from gateway.server.settings import FencedListener, ListenSettings

_EXAMPLE = 'plain = ["127.0.0.1:1110"]'


def _texts(settings: Settings) -> Iterator[tuple[str, str]]:
    """Every address as it is given, with its key."""
    yield from (("listen.plain", text) for text in settings.listen.plain)
    yield from (("listen.tls", text) for text in settings.listen.tls)
    yield from ((f"{key}.address", each.address) for key, each in _fenced(settings))


def _fenced(settings: Settings) -> Iterator[tuple[str, FencedListener]]:
    for number, each in enumerate(settings.listen.fenced, 1):
        yield f"listen.fenced[{number}]", each


def addresses(settings: Settings) -> Iterator[tuple[str, ListenAddress | SystemdSocket]]:
    """Those that can be read, each with its key."""
    for key, text in _texts(settings):
        try:
            yield key, parse_listen(text)
        except BadValue:
            continue


def _readable_addresses(settings: Settings) -> Iterator[Breach]:
    for key, text in _texts(settings):
        try:
            parse_listen(text)
        except BadValue as error:
            yield Breach(key, error.wrong, error.right)


def _something_to_listen_on(settings: Settings) -> Iterator[Breach]:
    if not any(_texts(settings)):
        yield Breach(
            "listen.plain", "there is nothing to listen on", f"give an address: {_EXAMPLE}"
        )


def _each_address_once(settings: Settings) -> Iterator[Breach]:
    seen: set[ListenAddress | SystemdSocket] = set()
    for key, address in addresses(settings):
        if address in seen and getattr(address, "port", 1) != 0:
            yield Breach(key, f"{address} is given twice", "leave one of the two out")
        seen.add(address)


def _somebody_can_log_in(settings: Settings) -> Iterator[Breach]:
    """Without TLS, passwords are refused: such an address would be there for nobody."""
    listen = settings.listen
    if listen.cert or listen.allow_plaintext_login or settings.accounts.digests:
        return
    for text in listen.plain:
        try:
            address = parse_listen(text)
        except BadValue:
            continue
        if isinstance(address, ListenAddress) and not address.is_loopback:
            yield Breach(
                "listen.plain",
                f"nobody could log in at {address}: without TLS, passwords are taken on "
                "loopback alone",
                "give cert and key (flags --cert and --key), or put the address into a table "
                "[[listen.fenced]] with the networks of the devices, or set "
                "allow_plaintext_login = true (flag --allow-plaintext-login)",
            )


def _certificate(settings: Settings) -> Iterator[Breach]:
    listen = settings.listen
    yield from both("listen", listen.cert, listen.key)
    if listen.tls and not listen.cert:
        yield Breach(
            "listen.tls",
            "TLS needs a certificate",
            "give cert and key (flags --cert and --key), or take the address out",
        )
    for name, each in _fenced(settings):
        yield from both(name, each.cert, each.key)
        if each.tls != "none" and not (each.cert or each.key or listen.cert):
            yield Breach(
                f"{name}.tls",
                "TLS needs a certificate",
                'give cert and key, here or in [listen], or set tls = "none"',
            )


def both(table: str, cert: Path | None, key: Path | None) -> Iterator[Breach]:
    """Whether there is one without the other."""
    if cert and not key:
        yield Breach(f"{table}.key", "is missing", "a certificate needs its private key")
    if key and not cert:
        yield Breach(f"{table}.cert", "is missing", "a private key needs its certificate")


def _certificate_files(settings: Settings) -> Iterator[Breach]:
    usual: tuple[str, ListenSettings | FencedListener] = ("listen", settings.listen)
    for table, each in (usual, *_fenced(settings)):
        yield from pair_files(table, each.cert, each.key)


def pair_files(table: str, cert: Path | None, key: Path | None) -> Iterator[Breach]:
    """What is wrong with the files `cert` and `key` of a table."""
    broken = [*file(f"{table}.cert", cert), *file(f"{table}.key", key)]
    yield from broken
    if cert and key and not broken:
        yield from _pair(table, cert, key)


def _pair(table: str, cert: Path, key: Path) -> Iterator[Breach]:
    def refuse() -> str:
        # Anything longer than OpenSSL's buffer; without this it asks on the terminal.
        raise BadValue("the key is encrypted", "take its passphrase off with openssl pkey")

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, refuse)
    except BadValue as error:
        yield Breach(f"{table}.key", error.wrong, error.right)
    except ssl.SSLError as error:
        mismatch = error.reason == "KEY_VALUES_MISMATCH"
        wrong = "the key is not that of the certificate" if mismatch else "one is not PEM"
        yield Breach(
            f"{table}.cert",
            f"cert and key do not work together: {wrong}",
            "give a PEM certificate (then its chain) and its own PEM key",
        )


def _fences(settings: Settings) -> Iterator[Breach]:
    for table, each in _fenced(settings):
        networks = []
        for text in each.allow:
            try:
                networks.append(_network(text))
            except BadValue as error:
                yield Breach(f"{table}.allow", error.wrong, error.right)
        if each.legacy_tls:
            yield from _legacy(table, each, networks)


def _legacy(table: str, settings: FencedListener, networks: list[Network]) -> Iterator[Breach]:
    if settings.tls == "none":
        yield Breach(
            f"{table}.legacy_tls",
            "there is no TLS here at all",
            'set tls = "stls" or tls = "implicit", or leave it out',
        )
    for version, kind in ((4, IPv4Network), (6, IPv6Network)):
        same: list[Any] = [network for network in networks if isinstance(network, kind)]
        if any(network.prefixlen == 0 for network in collapse_addresses(same)):
            yield Breach(
                f"{table}.allow",
                f"is all of IPv{version}, and old TLS needs a fence",
                "give the networks of the devices that cannot do better",
            )


def _network(text: str) -> Network:
    try:
        return parse_network(text)
    except ValueError:
        raise BadValue(*_no_network(text)) from None


def _no_network(text: str) -> tuple[str, str]:
    try:
        ip_network(text)
    except ValueError:
        return f'"{text}" is not a network', _like(text)
    if "%" in text:
        return (
            f'"{text}" names an interface, which a fence cannot tell apart',
            'leave "%" and what follows out, and listen at an address of one',
        )
    return f'"{text}" is of IPv4 addresses written as IPv6', "write it as an IPv4 network"


def _like(text: str) -> str:
    """What may have been meant: an address of the network instead of the network."""
    try:
        return f'write "{ip_network(text, strict=False)}"'
    except ValueError:
        return 'write an address or a network, such as "192.0.2.0/24" or "2001:db8::/64"'


_FENCED = "listen.fenced"
_PAIR = ("listen.cert", "listen.key", _FENCED)
LISTEN = ("listen.plain", "listen.tls", _FENCED)
LISTEN_RULES = (
    Rule(LISTEN, _readable_addresses),
    Rule(LISTEN, _something_to_listen_on),
    Rule(LISTEN, _each_address_once),
    Rule(
        (
            "listen.plain",
            "listen.cert",
            "listen.allow_plaintext_login",
            "accounts.digests",
        ),
        _somebody_can_log_in,
    ),
    Rule((*_PAIR, "listen.tls"), _certificate),
    Rule(_PAIR, _certificate_files),
    Rule((_FENCED,), _fences),
)
