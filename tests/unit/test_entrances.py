"""Listeners as the settings have them: certificates, fences, and what is on offer."""

import shutil
from types import SimpleNamespace

import pytest

from gateway.accounts.fence import Fence
from gateway.accounts.settings import AccountsSettings
from gateway.app.entrances import Entrances, ServerCertificate, offer
from gateway.errors import Misconfigured
from gateway.pop3.offer import Offer
from gateway.server.settings import FencedListener, ListenSettings

ALL = Offer((b"CRAM-MD5", b"PLAIN"), apop=True)


@pytest.mark.parametrize(
    ("settings", "directory", "names", "apop"),
    [
        ({}, False, (b"PLAIN", b"LOGIN"), False),
        ({}, True, (b"SCRAM-SHA-256", b"PLAIN", b"LOGIN"), False),
        ({"scram": False}, True, (b"PLAIN", b"LOGIN"), False),
        ({"digests": True}, False, (b"PLAIN", b"LOGIN"), False),
        ({"digests": True, "scram": False}, True, (b"CRAM-MD5", b"PLAIN", b"LOGIN"), True),
        (
            {"client_tokens": True},
            False,
            (b"OAUTHBEARER", b"XOAUTH2", b"PLAIN", b"LOGIN"),
            False,
        ),
    ],
)
def test_what_is_on_offer(settings, directory, names, apop):
    found = offer(AccountsSettings(**settings), directory=directory)
    assert found == Offer(names, apop)


class FakeSocket(SimpleNamespace):
    name = "there:110"

    def endpoint(self, reactor):
        return reactor


def listener(settings, *, tls=False, fenced=None):
    opened = FakeSocket(tls=tls, fenced=fenced)
    return Entrances(settings, ALL).listener(opened, "endpoint")


@pytest.fixture
def pair(certificates):
    server = certificates.server
    return {"cert": server.certificate, "key": server.key}


def test_an_ordinary_listener(pair):
    found = listener(ListenSettings(**pair))
    assert (found.name, found.endpoint, found.tls, found.fence) == (
        "there:110",
        "endpoint",
        None,
        None,
    )
    assert isinstance(found.stls, ServerCertificate)
    assert found.offer == Offer((b"CRAM-MD5", b"PLAIN"), apop=True, clear=False)
    assert listener(ListenSettings(**pair), tls=True).secure
    assert listener(ListenSettings(allow_plaintext_login=True)).offer.clear


def test_a_fenced_one(pair):
    fenced = FencedListener(address="there:110", allow=("192.0.2.0/28",))
    found = listener(ListenSettings(**pair, fenced=(fenced,)), fenced=fenced)
    assert (found.tls, found.stls) == (None, None)
    assert found.fence == Fence.of(["192.0.2.0/28"])
    assert found.offer == ALL


@pytest.mark.parametrize("tls", ["stls", "implicit"])
def test_a_fenced_one_with_tls(pair, tls):
    """What its TLS is worth, tests/integration/test_fenced.py sees by handshakes."""
    fenced = FencedListener(address="x", allow=("::1",), tls=tls, **pair)
    found = listener(ListenSettings(fenced=(fenced,)), tls=tls == "implicit", fenced=fenced)
    assert (found.tls is not None) is (tls == "implicit")
    assert isinstance(found.stls, ServerCertificate)


def test_one_certificate_that_cannot_be_read_again_keeps_no_other_from_it(
    certificates, tmp_path
):
    files = [tmp_path / "a.pem", tmp_path / "b.pem"]
    for path in files:
        shutil.copy(certificates.server.combined, path)
    fenced = FencedListener(
        address="x", allow=("::1",), tls="stls", cert=files[1], key=files[1]
    )
    entrances = Entrances(ListenSettings(cert=files[0], key=files[0], fenced=(fenced,)), ALL)
    usual = entrances.listener(FakeSocket(tls=False, fenced=None), None).stls
    own = entrances.listener(FakeSocket(tls=False, fenced=fenced), None).stls
    before = usual.getContext(), own.getContext()
    files[0].write_text("no certificate")
    with pytest.raises(Misconfigured, match=r"a\.pem"):
        entrances.reload()
    assert usual.getContext() is before[0]
    assert own.getContext() is not before[1]
