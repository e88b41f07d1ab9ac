"""Without a directory: what can be passed on to the upstream is, and nothing else."""

import pytest
from pydantic import SecretBytes

from gateway.accounts.door import Admission
from gateway.accounts.passing import PassThrough
from gateway.backend.warm import WarmConnections, WarmSettings
from gateway.errors import BadCredentials
from gateway.maildrop import Attempt, BearerToken, Digest, Login, Scram
from tests.unit.access.deeds import run

DOOR = PassThrough()


def test_a_password_is_shown_to_the_upstream():
    password = SecretBytes(b" secret ")
    admission = run(DOOR.admit(Attempt(b"me", password, "192.0.2.1", "TLSv1.3")))
    assert admission == Admission("", Login(b"me", password, "192.0.2.1"))
    assert not admission.proven


def test_a_token_is_shown_to_the_upstream_and_cannot_be_renewed():
    attempt = Attempt(b"me", BearerToken(SecretBytes(b"abc")), "192.0.2.1")
    admission = run(DOOR.admit(attempt))
    tokens = admission.login.tokens
    assert (admission.login.user, admission.login.peer) == (b"me", "192.0.2.1")
    assert run(tokens.token()) == b"abc"
    assert run(tokens.renew(b"abc")) == b"abc"
    assert "abc" not in repr(admission)
    assert not admission.proven


class Upstream:
    """Knows one token; its sessions can be kept."""

    checks_name = True

    def __init__(self):
        self.asked = 0

    async def open(self, given):
        self.asked += 1
        if await given.tokens.token() != b"right":
            raise BadCredentials("token refused")
        return Kept()


class Kept:
    reusable = True
    capabilities = None

    def rest(self):
        pass

    async def revive(self):
        pass

    async def close(self):
        pass


def test_another_token_does_not_open_the_session_that_is_kept():
    """Least of all one that the upstream has never seen."""
    upstream = Upstream()
    warm = WarmConnections(
        upstream, WarmSettings(), now=lambda: 0.0, key=b"k" * 32, per_peer=False
    )

    def come(token):
        attempt = Attempt(b"me", BearerToken(SecretBytes(token)), "192.0.2.1")
        run(run(warm.open(run(DOOR.admit(attempt)).login)).close())

    come(b"right")
    come(b"right")
    assert (upstream.asked, len(warm)) == (1, 1)
    with pytest.raises(BadCredentials):
        come(b"wrong")
    with pytest.raises(BadCredentials):
        come(b"")
    assert upstream.asked == 3


@pytest.mark.parametrize(
    "proof",
    [Digest("apop", b"<1@x>", b"0" * 32), Scram("", proven=False), Scram("d", proven=True)],
)
def test_what_only_a_directory_could_check_is_refused(proof):
    with pytest.raises(BadCredentials):
        run(DOOR.admit(Attempt(b"me", proof)))


def test_nobody_has_a_verifier():
    with pytest.raises(BadCredentials):
        run(DOOR.verifier(b"me"))


def test_nothing_is_remembered():
    attempt = Attempt(b"me", SecretBytes(b"x"))
    admission = run(DOOR.admit(attempt))
    assert run(DOOR.ended(attempt, admission, None)) is None


def test_only_a_device_is_proven():
    login = Login(b"me", SecretBytes(b"x"))
    assert Admission("", login, "me", "printer").proven
    assert not Admission("", login, "me").proven
