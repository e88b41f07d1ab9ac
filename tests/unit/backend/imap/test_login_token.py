"""Access tokens instead of a password: both mechanisms, their refusals, one renewal."""

import base64

import pytest
import pytest_twisted
from pydantic import SecretBytes

from gateway.errors import BadCredentials, ConsentMissing, Misconfigured, Unavailable
from gateway.maildrop import Login
from tests.support.fake_imap import FakeImap, answer, close, raw

USER = b"kim@example.org"
OLD, NEW = b"ya29.old~token", b"ya29.new~token"
BASE = "IMAP4rev1 UIDPLUS"
WAYS = {
    "bearer-ir": f"{BASE} AUTH=OAUTHBEARER SASL-IR",
    "bearer": f"{BASE} AUTH=OAUTHBEARER",
    "xoauth2-ir": f"{BASE} AUTH=XOAUTH2 SASL-IR",
    "xoauth2": f"{BASE} AUTH=XOAUTH2 AUTH=PLAIN",
}


class Tokens:
    """Tokens one after the other; the last one is all there is."""

    def __init__(self, *tokens):
        self.left = list(tokens)
        self.renewed = []

    async def token(self):
        if isinstance(self.left[0], Exception):
            raise self.left[0]
        return self.left[0]

    async def renew(self, refused):
        self.renewed.append(refused)
        if len(self.left) > 1:
            del self.left[0]
        return await self.token()


async def opened(gateway, server, tokens, user=USER):
    login = Login(user, SecretBytes(b""), "", tokens)
    session = await gateway.backend(server).open(login)
    gateway.sessions.append(session)
    return session


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def server(request):
    with FakeImap(capabilities=request.param, tokens={USER: NEW}) as server:
        yield server


@pytest_twisted.ensureDeferred
async def test_a_token_opens_the_mailbox(gateway, server):
    session = await opened(gateway, server, Tokens(NEW))
    assert len((await session.snapshot()).refs) == 0
    assert server.logins == [(USER, NEW)]


@pytest_twisted.ensureDeferred
async def test_the_standard_is_preferred(gateway):
    capabilities = f"{BASE} AUTH=XOAUTH2 AUTH=OAUTHBEARER AUTH=PLAIN SASL-IR"
    with FakeImap(capabilities=capabilities, tokens={USER: NEW}) as server:
        await opened(gateway, server, Tokens(NEW))
        assert server.said("OAUTHBEARER")
        assert not server.said("XOAUTH2")


@pytest_twisted.ensureDeferred
async def test_a_refused_token_is_renewed_once(gateway, server):
    tokens = Tokens(OLD, NEW)
    await opened(gateway, server, tokens)
    assert server.logins == [(USER, OLD), (USER, NEW)]
    assert tokens.renewed == [OLD]
    await gateway.until(lambda: server.open_connections == 1)


@pytest_twisted.ensureDeferred
async def test_a_second_refusal_is_a_missing_consent_and_no_wrong_password(gateway, server):
    with pytest.raises(ConsentMissing) as caught:
        await opened(gateway, server, Tokens(OLD, b"another", NEW))
    assert len(server.logins) == 2
    assert "invalid_token" in caught.value.detail or "status=400" in caught.value.detail
    await gateway.until(lambda: server.open_connections == 0)


@pytest_twisted.ensureDeferred
async def test_without_another_token_there_is_no_second_try(gateway, server):
    with pytest.raises(ConsentMissing):
        await opened(gateway, server, Tokens(OLD))
    assert server.logins == [(USER, OLD)]


@pytest.mark.parametrize("failure", [ConsentMissing, Unavailable])
@pytest_twisted.ensureDeferred
async def test_without_a_token_nobody_is_called(gateway, server, failure):
    with pytest.raises(failure):
        await opened(gateway, server, Tokens(failure("none")))
    with pytest.raises(failure):
        await opened(gateway, server, Tokens(OLD, failure("none")))
    assert server.logins == [(USER, OLD)]


@pytest_twisted.ensureDeferred
async def test_no_secret_is_shown(gateway, server):
    """A server that sends back what it was sent, plain and in base64, in every place."""
    forms = {
        "XOAUTH2": b"user=%b\1auth=Bearer %b\1\1" % (USER, OLD),
        "OAUTHBEARER": b"n,a=%b,\1host=127.0.0.1\1port=%d\1auth=Bearer %b\1\1"
        % (USER, server.port, OLD),
    }
    sent = next(form for name, form in forms.items() if name in server.capabilities)
    shown = b"%b and %b" % (OLD, base64.b64encode(sent))
    server.fault("AUTHENTICATE", raw(b"* OK [ALERT] %b\r\nG1 NO %b\r\n" % (shown, shown)))
    with pytest.raises(ConsentMissing) as caught:
        await opened(gateway, server, Tokens(OLD))
    texts = caught.value.detail + repr(gateway.events)
    assert texts.count("*** and ***") == 2
    assert OLD.decode() not in texts


REPLIES = [
    (answer("NO [UNAVAILABLE] later"), Unavailable),
    (answer("BAD what"), Unavailable),
    (answer("NO [PRIVACYREQUIRED] TLS"), Misconfigured),
    (close, Unavailable),
    # No refusal is one without an answer to the challenge.
    (answer("NO AUTHENTICATE failed."), ConsentMissing),
    (answer("NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)"), ConsentMissing),
]


@pytest.mark.parametrize(("action", "failure"), REPLIES)
@pytest_twisted.ensureDeferred
async def test_what_is_no_refusal_renews_nothing(gateway, server, action, failure):
    server.fault("AUTHENTICATE", action)
    tokens = Tokens(OLD)
    with pytest.raises(failure):
        await opened(gateway, server, tokens)
    assert bool(tokens.renewed) == (failure is ConsentMissing)


@pytest_twisted.ensureDeferred
async def test_a_server_without_either_mechanism_is_a_wrong_setting(gateway):
    with FakeImap(capabilities=f"{BASE} AUTH=PLAIN SASL-IR") as server:
        with pytest.raises(Misconfigured, match="neither OAUTHBEARER nor XOAUTH2"):
            await opened(gateway, server, Tokens(NEW))
        assert server.logins == []


@pytest.mark.parametrize("user", [b"kim\1auth=Bearer x", b"kim\0"])
@pytest_twisted.ensureDeferred
async def test_a_name_cannot_become_a_field(gateway, server, user):
    with pytest.raises(Misconfigured):
        await opened(gateway, server, Tokens(NEW), user)
    assert server.logins == []


@pytest_twisted.ensureDeferred
async def test_a_token_cannot_become_a_field(gateway, server):
    with pytest.raises(ConsentMissing):
        await opened(gateway, server, Tokens(b"token\1auth=x"))
    assert server.logins == []


@pytest_twisted.ensureDeferred
async def test_commas_and_equal_signs_in_a_name(gateway):
    """RFC 5801 §4."""
    with FakeImap(
        capabilities=f"{BASE} AUTH=OAUTHBEARER", tokens={b"a=2Cb=3Dc": NEW}
    ) as server:
        await opened(gateway, server, Tokens(NEW), b"a,b=c")


CHALLENGES = [b"!", b"", b"aGVsbG8=", b"WzFd", b"e30=", b"A" * 70_000, b"/" * 400]


@pytest.mark.parametrize("challenge", CHALLENGES)
@pytest_twisted.ensureDeferred
async def test_a_challenge_that_says_nothing(gateway, challenge):
    with FakeImap(capabilities=f"{BASE} AUTH=XOAUTH2 SASL-IR", tokens={}) as server:
        server.fault("AUTHENTICATE", raw(b"+ %b\r\nG1 NO no\r\n" % challenge))
        with pytest.raises(ConsentMissing) as caught:
            await opened(gateway, server, Tokens(NEW))
    assert caught.value.detail == "the upstream refuses the token: NO no"


@pytest_twisted.ensureDeferred
async def test_the_password_is_not_tried_instead(gateway):
    with FakeImap(capabilities=f"{BASE} AUTH=XOAUTH2 AUTH=PLAIN", tokens={}) as server:
        login = Login(USER, SecretBytes(b"secret"), "", Tokens(NEW))
        with pytest.raises(ConsentMissing):
            await gateway.backend(server).open(login)
        assert server.logins == [(USER, NEW)]
    assert not issubclass(ConsentMissing, BadCredentials)
