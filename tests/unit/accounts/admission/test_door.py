"""Whom the door with a directory lets in, where to, and with what."""

import hashlib
import hmac
from dataclasses import replace

import pytest
import pytest_twisted
from pydantic import SecretBytes, SecretStr

from gateway.accounts.admission.door import DirectoryDoor, Ways
from gateway.accounts.admission.proofs import made_up_verifier
from gateway.accounts.admission.seen import LastSeen
from gateway.accounts.admission.verified import Verified
from gateway.accounts.model import Account, Device, Known
from gateway.accounts.names import Route
from gateway.accounts.new_device import with_new_password
from gateway.accounts.sasl_scram import make_verifier
from gateway.errors import BadCredentials, ConsentMissing, Misconfigured, Unavailable
from gateway.maildrop import Attempt, BearerToken, Digest, Login, Scram

MADE = Device("Kim@example.org", "canon", "", "")
CANON, PASSWORD = with_new_password(MADE, keep=True, scram=True)
SHOWN = PASSWORD.shown.get_secret_value()
OTHER, OTHER_PASSWORD = with_new_password(replace(MADE, name="other"), keep=False, scram=False)
KIM = Account("Kim@example.org", credential="password", password=SecretStr("upstream's"))
KNOWN = Known(KIM, (CANON, OTHER), "imaps://imap.example.org:993")


class Tokens:
    """Of an account."""

    def __init__(self, account):
        self.account = account


class Scene:
    """A door, and everything behind it."""

    def __init__(self):
        self.known = {"kim@example.org": KNOWN}
        self.checks = 0
        self.asked = []
        self.noted = []
        self.seen = LastSeen(self._write, now=lambda: 50.0, emit=lambda _: None)
        self.door = None
        self.lead()

    def lead(self, **ways):
        verified = Verified(self._run, b"k" * 32)
        ways = Ways(**ways)
        self.door = DirectoryDoor(
            self._find, ways, verified=verified, seen=self.seen, key=b"s" * 32
        )

    async def _find(self, key):
        self.asked.append(key)
        return self.known.get(key)

    async def _run(self, check):
        self.checks += 1
        return check()

    async def _write(self, seen):
        self.noted += seen

    def have(self, account=KIM, devices=(CANON, OTHER), upstream=KNOWN.upstream):
        self.known = {account.name.casefold(): Known(account, devices, upstream)}

    async def admit(self, user=b"kim@example.org", proof=SHOWN, peer="192.0.2.1", tls=""):
        if isinstance(proof, str):
            proof = SecretBytes(proof.encode())
        return await self.door.admit(Attempt(user, proof, peer, tls))

    async def refused(self, detail, **options):
        with pytest.raises(BadCredentials, match=detail):
            await self.admit(**options)


@pytest.fixture
def scene():
    return Scene()


# ---- passwords of devices


@pytest_twisted.ensureDeferred
async def test_a_device_s_password_opens_the_mailbox_of_its_account(scene):
    admission = await scene.admit()
    assert admission.upstream == KNOWN.upstream
    assert (admission.account, admission.device) == ("Kim@example.org", "canon")
    assert admission.proven
    assert admission.login == Login(b"Kim@example.org", SecretBytes(b"upstream's"), "192.0.2.1")


@pytest.mark.parametrize(
    "typed", [SHOWN, SHOWN.upper(), SHOWN.replace("-", ""), SHOWN.replace("-", " ") + " "]
)
@pytest_twisted.ensureDeferred
async def test_it_may_be_typed_as_panels_allow(scene, typed):
    assert (await scene.admit(proof=typed)).device == "canon"


@pytest_twisted.ensureDeferred
async def test_a_poll_costs_no_argon2(scene):
    for _ in range(3):
        await scene.admit()
    assert scene.checks == 1


@pytest_twisted.ensureDeferred
async def test_another_password_of_the_device_is_noticed_at_once(scene):
    await scene.admit()
    fresh, password = with_new_password(MADE, keep=False, scram=False)
    scene.have(devices=(replace(fresh, selector=CANON.selector),))
    await scene.refused("no device")
    assert scene.checks == 2
    scene.have(devices=(fresh,))
    assert (await scene.admit(proof=password.shown.get_secret_value())).device == "canon"


@pytest.mark.parametrize(
    "typed", ["", "wrong", "upstream's", "\xff", SHOWN[:5] + "a" * 14, SHOWN + "x"]
)
@pytest_twisted.ensureDeferred
async def test_wrong_ones_take_one_check_each(scene, typed):
    await scene.refused("no device", proof=typed)
    assert scene.checks == 1


@pytest_twisted.ensureDeferred
async def test_an_unknown_name_takes_the_same_check(scene):
    await scene.refused("not in the directory", user=b"nobody")
    await scene.refused("not in the directory", user=b"\xff\xfe")
    assert scene.checks == 2


@pytest_twisted.ensureDeferred
async def test_a_device_s_name_may_be_given(scene):
    assert (await scene.admit(user=b"KIM@EXAMPLE.ORG/Canon")).device == "canon"
    await scene.refused("no device", user=b"kim@example.org/other")
    await scene.refused("no device", user=b"kim@example.org/none")


# ---- what keeps a device out


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"revoked": 7.0}, "revoked"),
        ({"fence": ("198.51.100.0/24",)}, "fence"),
        ({"fence": ("2001:db8::/32",)}, "fence"),
        ({"tls_only": True}, "without TLS"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_keeps_it_out(scene, change, detail):
    scene.have(devices=(replace(CANON, **change), OTHER))
    await scene.refused(detail)
    assert scene.checks == 1
    other = OTHER_PASSWORD.shown.get_secret_value()
    assert (await scene.admit(proof=other)).device == "other"


@pytest_twisted.ensureDeferred
async def test_inside_its_fence_and_by_tls_it_comes_in(scene):
    scene.have(devices=(replace(CANON, fence=("192.0.2.0/24",), tls_only=True),))
    assert (await scene.admit(peer="::ffff:192.0.2.7", tls="TLSv1.2")).device == "canon"
    await scene.refused("fence", peer="", tls="TLSv1.2")


@pytest_twisted.ensureDeferred
async def test_a_fence_that_is_none_lets_nobody_in(scene):
    scene.have(devices=(replace(CANON, fence=("somewhere",)),))
    with pytest.raises(Misconfigured, match="not made of networks"):
        await scene.admit()


@pytest.mark.parametrize("credential", ["password", "client", "oauth"])
@pytest_twisted.ensureDeferred
async def test_a_disabled_account_lets_nobody_in(scene, credential):
    scene.have(replace(KIM, enabled=False, credential=credential))
    await scene.refused("disabled")
    await scene.refused("disabled", proof=BearerToken(SecretBytes(b"token")))


# ---- what opens the mailbox


@pytest_twisted.ensureDeferred
async def test_an_account_that_has_signed_in_is_opened_by_its_tokens(scene):
    scene.lead(tokens_for=Tokens)
    account = replace(KIM, credential="oauth", mailbox="box@example.org")
    scene.have(account)
    login = (await scene.admit()).login
    assert (login.user, login.password) == (b"box@example.org", SecretBytes(b""))
    assert login.tokens.account == account


@pytest_twisted.ensureDeferred
async def test_without_anybody_who_has_tokens_there_is_no_consent(scene):
    scene.have(replace(KIM, credential="oauth"))
    with pytest.raises(ConsentMissing):
        await scene.admit()


@pytest_twisted.ensureDeferred
async def test_a_kept_password_that_is_not_there_is_our_mistake(scene):
    scene.have(replace(KIM, password=None))
    with pytest.raises(Misconfigured):
        await scene.admit()


@pytest_twisted.ensureDeferred
async def test_a_client_with_the_mailbox_s_password_is_passed_on(scene):
    scene.have(replace(KIM, credential="client", mailbox="box", password=None), devices=())
    admission = await scene.admit(proof="whatever")
    assert admission.login == Login(b"box", SecretBytes(b"whatever"), "192.0.2.1")
    assert admission.account == KIM.name
    assert not admission.proven
    await scene.refused("no digest", proof=Digest("apop", b"<1>", b"0" * 32))


@pytest_twisted.ensureDeferred
async def test_an_account_without_devices_cannot_be_called_by_ever_new_names(scene):
    """Each would be somebody new to the throttle."""
    scene.have(replace(KIM, credential="client", password=None), devices=())
    await scene.refused("has no devices", user=b"kim@example.org/1", proof="a guess")


@pytest.mark.parametrize("user", [b"\xff", b"kim@example.org\xff/canon", b"k" * 321, b"k\x01m"])
@pytest_twisted.ensureDeferred
async def test_what_can_be_no_name_is_not_asked_for(scene, user):
    """SQLite and PostgreSQL fail at octets that are not UTF-8, and all is remembered."""
    scene.asked.clear()
    await scene.refused("not in the directory", user=user)
    assert (await scene.door.verifier(user)).device == ""
    assert scene.asked == []


# ---- where to


@pytest_twisted.ensureDeferred
async def test_names_that_are_not_known_are_led_on_if_that_is_wanted(scene):
    routes = (
        Route("example.net", "imaps://net:993", "{local}"),
        Route("*@*", "imaps://all:993"),
    )
    scene.lead(routes=routes, strangers=True, own=False)
    first = await scene.admit(user=b"lee/x@example.net", proof="secret")
    assert (first.upstream, first.login.user) == ("imaps://net:993", b"lee/x")
    assert not first.account
    second = await scene.admit(user=b"lee@\xff", proof="secret")
    assert (second.upstream, second.login.user) == ("imaps://all:993", b"lee@\xff")
    await scene.refused("not in the directory", user=b"lee", proof="secret")
    scene.lead(routes=routes, strangers=True)
    assert (await scene.admit(user=b"lee", proof="secret")).upstream == ""


@pytest_twisted.ensureDeferred
async def test_an_account_without_an_upstream_goes_where_its_name_leads(scene):
    scene.have(upstream="")
    assert (await scene.admit()).upstream == ""
    scene.lead(routes=(Route("example.org", "imaps://org:993", "{local}"),))
    admission = await scene.admit()
    assert (admission.upstream, admission.login.user) == ("imaps://org:993", b"Kim")
    scene.have(replace(KIM, mailbox="box"), upstream="")
    assert (await scene.admit()).login.user == b"box"
    scene.lead(own=False)
    with pytest.raises(Misconfigured, match="no upstream"):
        await scene.admit()


# ---- tokens of clients


@pytest_twisted.ensureDeferred
async def test_a_client_s_token_is_passed_on(scene):
    proof = BearerToken(SecretBytes(b"token"))
    admission = await scene.admit(proof=proof)
    assert await admission.login.tokens.token() == b"token"
    assert not admission.proven


@pytest_twisted.ensureDeferred
async def test_a_client_s_token_that_was_asked_about_stands_for_a_password(scene):
    proof = BearerToken(SecretBytes(b"token"))

    async def introspect(account, token):
        return (account, token) == (KIM, proof)

    scene.lead(introspect=introspect)
    admission = await scene.admit(proof=proof)
    assert admission.login.password == SecretBytes(b"upstream's")
    assert admission.proven
    await scene.refused("token", proof=BearerToken(SecretBytes(b"other")))


# ---- digests and SCRAM


def apop(secret):
    return hashlib.md5(b"<1@x>" + secret).hexdigest().encode()


def cram(secret):
    return hmac.new(secret, b"<1@x>", "md5").hexdigest().encode()


@pytest.mark.parametrize("secret", [SHOWN, SHOWN.replace("-", "")])
@pytest.mark.parametrize(("method", "make"), [("apop", apop), ("cram-md5", cram)])
@pytest_twisted.ensureDeferred
async def test_a_digest_of_a_kept_password(scene, method, make, secret):
    digest = Digest(method, b"<1@x>", make(secret.encode()))
    assert (await scene.admit(proof=digest)).device == "canon"
    await scene.refused("no device", user=b"kim@example.org/other", proof=digest)
    await scene.refused("no device", proof=Digest(method, b"<2@x>", digest.digest))


@pytest_twisted.ensureDeferred
async def test_no_digest_fits_a_password_that_is_not_kept(scene):
    scene.have(devices=(replace(CANON, secret=None),))
    await scene.refused("no device", proof=Digest("apop", b"<1@x>", apop(SHOWN.encode())))


@pytest_twisted.ensureDeferred
async def test_a_verifier_is_the_device_s(scene):
    verifier = await scene.door.verifier(b"kim@example.org")
    assert verifier == await scene.door.verifier(b"KIM@example.org/canon")
    shown = SecretBytes(SHOWN.encode())
    assert verifier == make_verifier("canon", shown, verifier.salt, verifier.iterations)
    assert (await scene.admit(proof=Scram("canon", proven=True))).device == "canon"
    await scene.refused("no device", proof=Scram("canon", proven=False))
    await scene.refused("no device", proof=Scram("", proven=True))


@pytest_twisted.ensureDeferred
async def test_a_verifier_that_is_made_up_looks_like_one_and_is_always_the_same(scene):
    real = await scene.door.verifier(b"kim@example.org")
    made = await scene.door.verifier(b"nobody")
    assert made == await scene.door.verifier(b"NOBODY")
    assert made != await scene.door.verifier(b"nobody2")
    assert made.device == ""
    assert made.iterations == real.iterations
    for part in ("salt", "stored_key", "server_key"):
        assert len(getattr(made, part)) == len(getattr(real, part))
    assert made_up_verifier(b"t" * 32, "nobody/") != made


@pytest_twisted.ensureDeferred
async def test_between_two_devices_with_verifiers_the_name_must_tell(scene):
    second, _ = with_new_password(replace(MADE, name="second"), keep=False, scram=True)
    scene.have(devices=(CANON, second))
    assert (await scene.door.verifier(b"kim@example.org")).device == ""
    assert (await scene.door.verifier(b"kim@example.org/second")).device == "second"


@pytest_twisted.ensureDeferred
async def test_a_revoked_device_does_not_stand_in_the_way_of_its_successor(scene):
    second, _ = with_new_password(replace(MADE, name="second"), keep=False, scram=True)
    gone = replace(CANON, revoked=9.0)
    scene.have(devices=(gone, second))
    assert (await scene.door.verifier(b"kim@example.org")).device == "second"
    scene.have(devices=(gone,))
    assert (await scene.door.verifier(b"kim@example.org")).device == "canon"
    await scene.refused("is revoked", proof=Scram("canon", proven=True))


@pytest_twisted.ensureDeferred
async def test_a_verifier_that_cannot_be_read_is_our_mistake(scene):
    scene.have(devices=(replace(CANON, scram="nonsense"),))
    with pytest.raises(Misconfigured, match="SCRAM"):
        await scene.door.verifier(b"kim@example.org")


# ---- what is noted


@pytest_twisted.ensureDeferred
async def test_a_device_is_noted_when_its_login_has_ended(scene):
    for failure in (None, Unavailable("upstream")):
        attempt = Attempt(
            b"kim@example.org", SecretBytes(SHOWN.encode()), "192.0.2.1", "TLSv1.3"
        )
        admission = await scene.door.admit(attempt)
        await scene.door.ended(attempt, admission, failure)
        await scene.door.ended(attempt, admission, failure)
    await scene.seen.flush()
    assert [(each.device, each.at, each.peer, each.tls) for each in scene.noted] == [
        ("canon", 50.0, "192.0.2.1", "TLSv1.3")
    ]
