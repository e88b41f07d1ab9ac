"""From the first octet to a logged-in connection."""

import ssl

import pytest
import pytest_twisted

from gateway.errors import BadCredentials, Misconfigured, Unavailable
from tests.support.fake_imap import (
    FakeImap,
    after,
    answer,
    close,
    cut,
    hang,
    raw,
    reset,
    say,
    slow,
)

BASE = "IMAP4rev1 UIDPLUS"
WAYS = {
    "plain-ir": "IMAP4rev1 AUTH=PLAIN SASL-IR",
    "plain": "IMAP4rev1 AUTH=PLAIN LITERAL+",
    "login": "IMAP4rev1",
    "login-literal+": "IMAP4rev1 LITERAL+",
    "login-literal-": "IMAP4rev1 LITERAL-",
}
NAMES = [
    b"user",
    b" spaces at the ends ",
    b'quo"te\\back{5}',
    "jürgen@exämple".encode(),
    b"\xff\xfe latin \xe9",
    b"x" * 1000,
]


@pytest.mark.parametrize("capabilities", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("octets", NAMES)
@pytest_twisted.ensureDeferred
async def test_name_and_password_arrive_unharmed(gateway, capabilities, octets):
    with FakeImap(capabilities=capabilities) as server:
        await gateway.open(server, user=octets, password=octets[::-1])
        assert server.logins == [(octets, octets[::-1])]


@pytest_twisted.ensureDeferred
async def test_nul_never_leaves(gateway):
    with FakeImap(capabilities=BASE) as server:
        with pytest.raises(BadCredentials):
            await gateway.open(server, user=b"a\0b")
        with pytest.raises(BadCredentials):
            await gateway.open(server, password=b"a\0b")
        assert server.logins == []
        await gateway.until(lambda: server.open_connections == 0)


REPLIES = [
    ("NO [AUTHENTICATIONFAILED] x", BadCredentials),
    ("NO [AUTHORIZATIONFAILED] x", BadCredentials),
    ("NO [EXPIRED] x", BadCredentials),
    ("NO [ALERT] Invalid credentials (Failure)", BadCredentials),
    ("NO wrong", BadCredentials),
    ("NO", BadCredentials),
    ("NO [UNAVAILABLE] x", Unavailable),
    ("NO [INUSE] x", Unavailable),
    ("NO [LIMIT] x", Unavailable),
    ("NO [SERVERBUG] x", Unavailable),
    ("NO [CONTACTADMIN] x", Unavailable),
    ("NO [X-NEVER-HEARD-OF] x", Unavailable),
    ("NO [PRIVACYREQUIRED] x", Misconfigured),
    ("BAD x", Unavailable),
    ("BAD [AUTHENTICATIONFAILED] x", Unavailable),
]


@pytest.mark.parametrize("stage", ["LOGIN", "AUTHENTICATE"])
@pytest.mark.parametrize(("reply", "failure"), REPLIES)
@pytest_twisted.ensureDeferred
async def test_refusal(gateway, stage, reply, failure):
    capabilities = WAYS["login" if stage == "LOGIN" else "plain-ir"]
    with FakeImap(capabilities=capabilities) as server:
        server.fault(stage, answer(reply))
        with pytest.raises(failure) as caught:
            await gateway.open(server)
        assert type(caught.value) is failure
        assert len(server.said(stage)) == 1  # the password is sent once only
        await gateway.until(lambda: server.open_connections == 0)


BROKEN = {
    "close": close,
    "reset": reset,
    "bye": raw("* BYE overloaded\r\n"),
    "bye and no": raw("* BYE overloaded\r\nG1 NO [AUTHENTICATIONFAILED] x\r\n"),
    "garbage": raw(b"\x15\x03\x01\x00\x02\x02\x46\r\n"),
    "other tag": raw("Q1 OK done\r\n"),
    "tagged bye": raw("G1 BYE done\r\n"),
    "endless line": raw(b"x" * 9000),
    "huge literal": raw(b"* CAPABILITY {1000000}\r\n" + b"x" * 100),
    "literal": raw(b"* CAPABILITY {1}\r\nx\r\n"),
    "absurd literal": raw(b"* CAPABILITY {99999999999999999999999}\r\n"),
    "continuation": raw("+ go on\r\n+ and on\r\n"),
}
BOUNDS = {"max_line": 8192, "max_literal": 8192}


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("stage", ["GREETING", "CAPABILITY", "LOGIN"])
@pytest_twisted.ensureDeferred
async def test_broken_server_is_unavailable(gateway, stage, fault):
    with FakeImap(capabilities=BASE, greeting="* OK hello") as server:
        server.fault(stage, BROKEN[fault])
        with pytest.raises(Unavailable):
            await gateway.open(server, **BOUNDS, command_timeout=1)
        await gateway.until(lambda: server.open_connections == 0)


@pytest.mark.parametrize("stage", ["CONNECT", "GREETING", "CAPABILITY", "AUTHENTICATE"])
@pytest_twisted.ensureDeferred
async def test_silence_ends_in_time(gateway, stage):
    with FakeImap(greeting="* OK hello") as server:
        server.fault(stage, hang)
        with pytest.raises(Unavailable, match=r"no word from the upstream for 0\.1 seconds"):
            await gateway.open(server, command_timeout=0.1)
        await gateway.until(lambda: server.open_connections == 0)


@pytest_twisted.ensureDeferred
async def test_slow_octets_are_progress(gateway):
    with FakeImap() as server:
        server.fault("GREETING", slow(4, 0.01))
        await gateway.open(server, command_timeout=0.3)


@pytest_twisted.ensureDeferred
async def test_half_a_greeting(gateway):
    with FakeImap() as server:
        server.fault("GREETING", cut(5))
        with pytest.raises(Unavailable, match="closed the connection"):
            await gateway.open(server)


@pytest.mark.parametrize(
    ("greeting", "failure"),
    [
        ("* BYE go away", Unavailable),
        ("* PREAUTH welcome anybody", Misconfigured),
        ("* NO x", Unavailable),
        ("+OK POP3 ready", Unavailable),
        ("220 SMTP ready", Unavailable),
    ],
)
@pytest_twisted.ensureDeferred
async def test_greeting(gateway, greeting, failure):
    with FakeImap(greeting=greeting) as server:
        with pytest.raises(failure) as caught:
            await gateway.open(server)
        assert type(caught.value) is failure
        assert server.heard == []


@pytest_twisted.ensureDeferred
async def test_capabilities_are_asked_when_not_told(gateway):
    with FakeImap(greeting="* OK hello") as server:
        server.fault("AUTHENTICATE", after("OK in"))
        session = await gateway.open(server)
        assert [line.split()[0] for line in server.heard] == [
            b"CAPABILITY",
            b"AUTHENTICATE",
            b"CAPABILITY",
        ]
        assert session.capabilities.precise_expunge


@pytest_twisted.ensureDeferred
async def test_capabilities_that_are_told_are_not_asked(gateway):
    with FakeImap() as server:
        await gateway.open(server)
        assert len(server.heard) == 1


@pytest_twisted.ensureDeferred
async def test_no_capabilities_at_all(gateway):
    with FakeImap(greeting="* OK hello") as server:
        server.fault("CAPABILITY", answer("BAD what?"))
        with pytest.raises(Unavailable, match="does not say what it can do"):
            await gateway.open(server)


@pytest_twisted.ensureDeferred
async def test_logindisabled(gateway):
    with FakeImap(capabilities="IMAP4rev1 STARTTLS LOGINDISABLED") as server:
        with pytest.raises(Misconfigured, match="STARTTLS"):
            await gateway.open(server)
        assert server.logins == []


@pytest.mark.parametrize("peer", ["192.0.2.1", ""])
@pytest_twisted.ensureDeferred
async def test_id_before_login(gateway, peer):
    with FakeImap() as server:
        server.fault("ID", answer("BAD no"))
        await gateway.open(server, send_id=True, peer=peer)
        assert server.heard[0].startswith(b'ID ("..." "..." "..." "..."')
        assert server.heard[0].count(b'"..."') == (6 if peer else 4)
        assert server.heard[1].startswith(b"AUTHENTICATE")


@pytest.mark.parametrize(("wanted", "able"), [(True, False), (False, True)])
@pytest_twisted.ensureDeferred
async def test_no_id_unless_wanted_and_offered(gateway, wanted, able):
    with FakeImap(capabilities=BASE + " ID" * able) as server:
        await gateway.open(server, send_id=wanted)
        assert not server.said("ID")


@pytest_twisted.ensureDeferred
async def test_alert_is_an_event(gateway):
    with FakeImap() as server:
        server.fault("AUTHENTICATE", say("* OK [ALERT] disk \x07 full"))
        await gateway.open(server)
        (event,) = gateway.events
        assert (event.name(), event.text) == ("upstream_alert", "disk \\x07 full")


@pytest.mark.parametrize("stage", ["LOGIN", "AUTHENTICATE"])
@pytest_twisted.ensureDeferred
async def test_password_that_the_server_repeats_is_not_shown(gateway, stage):
    capabilities = WAYS["login" if stage == "LOGIN" else "plain-ir"]
    with FakeImap(capabilities=capabilities) as server:
        server.fault(stage, raw("* OK [ALERT] got hunter22\r\nG1 NO hunter22 is wrong\r\n"))
        with pytest.raises(BadCredentials) as caught:
            await gateway.open(server, password=b"hunter22")
        assert "*** is wrong" in caught.value.detail
        assert "hunter22" not in repr(gateway.events)


@pytest_twisted.ensureDeferred
async def test_nobody_there(gateway):
    with FakeImap() as server:
        pass
    with pytest.raises(Unavailable, match="refused the connection"):
        await gateway.open(server)


@pytest_twisted.ensureDeferred
async def test_no_such_name(gateway):
    with FakeImap() as server, pytest.raises(Unavailable):
        await gateway.open(server, host="no-such-host.invalid")


# TLS.


@pytest.fixture
def tls(certificates):
    def context(pair="server"):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        chosen = getattr(certificates, pair)
        made.load_cert_chain(chosen.certificate, chosen.key)
        return made

    return context


BOTH = pytest.mark.parametrize("security", ["tls", "starttls"])


def secured(tls, security, pair="server"):
    return FakeImap(tls=tls(pair), implicit=security == "tls", capabilities=BASE + " STARTTLS")


@BOTH
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest_twisted.ensureDeferred
async def test_tls(gateway, tls, certificates, security, host):
    with secured(tls, security) as server:
        server.inbox.add(b"x" * 300_000)
        session, maildrop = await gateway.opened(
            server, security=security, host=host, ca=certificates.authority
        )
        assert maildrop.total == 300_000
        assert (b"STARTTLS" in server.heard) == (security == "starttls")
        # What was said before the handshake is forgotten (RFC 3501 §6.2.1).
        assert server.heard[:2] == [b"STARTTLS", b"CAPABILITY"] or security == "tls"
        await session.close()


@BOTH
@pytest.mark.parametrize("pair", ["wrong_name", "stranger"])
@pytest_twisted.ensureDeferred
async def test_certificate_that_does_not_fit(gateway, tls, certificates, security, pair):
    with secured(tls, security, pair) as server:
        with pytest.raises(Misconfigured, match="certificate") as caught:
            await gateway.open(
                server, security=security, host="localhost", ca=certificates.authority
            )
        assert ("another name" in caught.value.detail) == (pair == "wrong_name")
        assert server.logins == []


@BOTH
@pytest_twisted.ensureDeferred
async def test_system_trust_knows_no_test_authority(gateway, tls, security):
    with secured(tls, security) as server, pytest.raises(Misconfigured):
        await gateway.open(server, security=security, host="localhost")


@pytest_twisted.ensureDeferred
async def test_tls_to_a_port_without(gateway, certificates):
    with FakeImap() as server, pytest.raises(Misconfigured, match="does not speak TLS"):
        await gateway.open(server, security="tls", ca=certificates.authority)


@pytest_twisted.ensureDeferred
async def test_starttls_not_offered(gateway, certificates):
    with FakeImap() as server:
        with pytest.raises(Misconfigured, match="refuses STARTTLS"):
            await gateway.open(server, security="starttls", ca=certificates.authority)
        assert server.logins == []


@pytest_twisted.ensureDeferred
async def test_starttls_injection(gateway, tls, certificates):
    with secured(tls, "starttls") as server:
        server.fault("STARTTLS", raw("G1 OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"))
        with pytest.raises(Unavailable, match="plaintext after the answer to STARTTLS"):
            await gateway.open(server, security="starttls", ca=certificates.authority)
        assert server.logins == []


@BOTH
@pytest_twisted.ensureDeferred
async def test_handshake_that_never_ends(gateway, tls, certificates, security):
    with secured(tls, security) as server:
        server.fault("CONNECT" if security == "tls" else "STARTTLS", hang)
        with pytest.raises(Unavailable):
            await gateway.open(
                server, security=security, ca=certificates.authority, command_timeout=0.2
            )
        await gateway.until(lambda: server.open_connections == 0)
