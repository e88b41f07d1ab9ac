"""Who is inside an address fence."""

import pytest

from gateway.accounts.fence import Fence, is_loopback, parse_network

FENCE = Fence.of(["192.0.2.0/28", "198.51.100.7", "2001:db8:1::/64"])


@pytest.mark.parametrize(
    "peer",
    ["192.0.2.0", "192.0.2.15", "::ffff:192.0.2.1", "198.51.100.7", "2001:db8:1::5"],
)
def test_inside(peer):
    assert FENCE.admits(peer)


@pytest.mark.parametrize(
    "peer",
    [
        "192.0.2.16",
        "::ffff:192.0.2.16",
        "::192.0.2.1",
        "198.51.100.8",
        "2001:db8:2::1",
        "127.0.0.1",
        "",
        "/run/socket",
        "192.0.2.1.example.org",
    ],
)
def test_outside(peer):
    assert not FENCE.admits(peer)


def test_an_address_of_a_link_has_its_interface_behind_it():
    assert Fence.of(["fe80::/10"]).admits("fe80::1%eth0")


def test_a_fence_without_networks_has_nobody_inside():
    assert not Fence(()).admits("127.0.0.1")


@pytest.mark.parametrize("text", ["", "192.0.2.1/24", "192.0.2.0/33", "host"])
def test_what_is_no_network(text):
    with pytest.raises(ValueError, match=r"does not appear|has host bits"):
        Fence.of([text])


@pytest.mark.parametrize("text", ["192.0.2.0/24", "198.51.100.7", "2001:db8::/32", "::/0"])
def test_what_can_be_entered(text):
    assert parse_network(text) == Fence.of([text]).networks[0]


@pytest.mark.parametrize(
    "text", ["fe80::%eth0/64", "fe80::1%eth0", "::ffff:192.0.2.1", "::ffff:192.0.2.0/120", "x"]
)
def test_what_would_not_be_the_fence_that_it_seems(text):
    with pytest.raises(ValueError, match=r"interface|IPv4|does not appear"):
        parse_network(text, strict=False)


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"])
def test_loopback(peer):
    assert is_loopback(peer)


@pytest.mark.parametrize("peer", ["192.0.2.1", "::", "0.0.0.0", "", "::ffff:192.0.2.1"])
def test_not_loopback(peer):
    assert not is_loopback(peer)
