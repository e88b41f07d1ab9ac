"""What holds for those who come in at a listener."""

import pytest

from gateway.pop3.offer import Offer
from gateway.server.entrance import WITHOUT_TLS, Listener, TlsState, tls_state

CLOSED = Offer((b"PLAIN", b"CRAM-MD5"), apop=True, clear=False)


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_passwords_may_come_in_clear_from_this_machine(peer):
    assert Listener("x", None, offer=CLOSED).offer_for(peer) == Offer(
        (b"PLAIN", b"CRAM-MD5"), apop=True
    )


@pytest.mark.parametrize("peer", ["192.0.2.1", "::ffff:192.0.2.1", "", "2001:db8::1"])
def test_and_from_no_other(peer):
    assert Listener("x", None, offer=CLOSED).offer_for(peer) is CLOSED


def test_unless_it_is_allowed():
    assert Listener("x", None).offer_for("192.0.2.1").clear


def test_tls_from_the_start_is_secure():
    assert Listener("x", None, tls=object()).secure
    assert not Listener("x", None, stls=object()).secure


@pytest.mark.parametrize(
    ("version", "legacy"),
    [("TLSv1", True), ("TLSv1.1", True), ("TLSv1.2", False), ("TLSv1.3", False), ("", False)],
)
def test_what_is_below_tls_1_2_is_legacy(version, legacy):
    assert TlsState(version, "x").legacy is legacy


class Handle:
    def __init__(self, handle):
        self.handle = handle

    def getHandle(self):
        return self.handle


class Unfinished:
    def get_cipher_name(self):
        return None


@pytest.mark.parametrize("handle", [None, Unfinished()])
def test_before_and_after_tls_there_is_no_version(handle):
    assert tls_state(Handle(handle)) == WITHOUT_TLS
