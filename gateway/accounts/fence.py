"""An address fence: the networks that a client may come from."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Network = IPv4Network | IPv6Network
_MAPPED = IPv6Network("::ffff:0:0/96")


def parse_network(text: str, *, strict: bool = True) -> Network:
    """A network as somebody enters it for a fence.

    Args:
        text: Like `192.0.2.0/24` or `2001:db8::7`.
        strict: Whether an address inside of a network is not taken for the network.

    Raises:
        ValueError: It is none, or one that would not keep out who seems to be outside.
    """
    network = ip_network(text, strict=strict)
    if "%" in text:
        # The comparison would leave the interface out, and let in those of all others.
        raise ValueError(f"{text!r} names an interface, which a fence cannot tell apart")
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        raise ValueError(f"{text!r} is of IPv4 addresses written as IPv6")
    return network


def plain_address(peer: str) -> IPv4Address | IPv6Address | None:
    """A client's address; an IPv4 client of an IPv6 socket has its IPv4 address.

    Returns:
        None if it is no address, as for a Unix socket.
    """
    try:
        # An IPv6 address of a link has its interface behind it: fe80::1%eth0.
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_loopback(peer: str) -> bool:
    """Whether a client is on this machine."""
    address = plain_address(peer)
    return address is not None and address.is_loopback


@dataclass(frozen=True, slots=True)
class Fence:
    """Networks; nobody is inside a fence without any."""

    networks: tuple[Network, ...]

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Fence":
        """From texts like `192.0.2.0/24` or `2001:db8::7`.

        Raises:
            ValueError: One is no network.
        """
        return cls(tuple(ip_network(text) for text in texts))

    def admits(self, peer: str) -> bool:
        """Whether a client at this address is inside."""
        address = plain_address(peer)
        return address is not None and any(address in network for network in self.networks)
