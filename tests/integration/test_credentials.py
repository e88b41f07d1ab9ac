"""Names and passwords of every kind reach the real Dovecot octet for octet."""

import base64
import itertools

import pytest

from tests.support.dovecot import Dovecot
from tests.support.gateway import RunningGateway
from tests.support.pop3_client import Refused
from tests.support.relay import Relay

pytestmark = pytest.mark.servers

LETTER = b"Subject: yours\n\n%b\n"
# No quotes and backslashes in names, and no 0x01 in passwords: Dovecot takes them not even
# from IMAPClient.
NAMES = {
    "plain": b"alice",
    "address": b"alice@example.org",
    "UTF-8": "jürgen@müller.example".encode(),
    "8-bit": b"j\xfcrgen",
    "blank inside": b"alice liddell",
    "blanks at the ends": b" alice ",
    "specials": b"al(i)c{3}e%*]",
    "looks like a literal": b"{5}",
}
PASSWORDS = {
    "plain": b"secret",
    "UTF-8": "Paßwort日本語".encode(),
    "8-bit": bytes(range(0x80, 0x100)),
    "one octet that is no UTF-8": b"pass\xff",
    "blank inside": b"two words",
    "blanks at the ends": b"  secret  ",
    "only blanks": b"   ",
    "quotes and backslashes": b'"\\"\\\\\\"',
    "specials": b"(%*]{1}\x7f\x0b",
    "looks like a literal": b"{3+}",
    "NIL": b"NIL",
    "1,000 characters": bytes(range(0x21, 0x7F)) * 10 + b"0" * 60,
    "3,000 octets of 8-bit": "ü".encode() * 1500,
}
# Every name with the plain password, every password with the plain name.
CASES = {f"name: {name}": (octets, b"secret") for name, octets in NAMES.items()} | {
    f"password: {name}": (b"reader", octets) for name, octets in PASSWORDS.items()
}
_numbers = itertools.count(1)


def encoded(octets):
    return base64.b64encode(octets)


def by_user_and_pass(client, name, password):
    client.ok(b"USER " + name)
    return client.command(b"PASS " + password)


def by_plain(client, name, password):
    assert client.command("AUTH PLAIN") == b"+ \r\n"
    return client.command(encoded(b"\0%b\0%b" % (name, password)))


def by_plain_at_once(client, name, password):
    return client.command(b"AUTH PLAIN " + encoded(b"\0%b\0%b" % (name, password)))


def by_login(client, name, password):
    assert client.command("AUTH LOGIN").startswith(b"+ ")
    assert client.command(encoded(name)).startswith(b"+ ")
    return client.command(encoded(password))


def by_login_at_once(client, name, password):
    assert client.command(b"AUTH LOGIN " + encoded(name)).startswith(b"+ ")
    return client.command(encoded(password))


WAYS = [by_user_and_pass, by_plain, by_plain_at_once, by_login, by_login_at_once]

# How the gateway itself logs in: what is hidden from what the server announces. A server
# without LITERAL+ must ask for each literal before it is sent.
UPSTREAMS = {
    "AUTHENTICATE PLAIN": [],
    "AUTHENTICATE PLAIN without SASL-IR": [b" SASL-IR"],
    "LOGIN with LITERAL+": [b" AUTH=PLAIN"],
    "LOGIN with literals": [b" AUTH=PLAIN", b" LITERAL+"],
}


@pytest.fixture(scope="module")
def accounts(certificates):
    with Dovecot(certificates=certificates) as server:
        for case, (name, password) in CASES.items():
            server.add_user(unique(case, name), password)
            server.deliver(unique(case, name), LETTER % case.encode())
        yield server


@pytest.fixture(scope="module", params=UPSTREAMS)
def gateway(request, accounts):
    with (
        Relay(accounts.host, accounts.port, hide=UPSTREAMS[request.param]) as relay,
        RunningGateway(f"imap://{relay.host}:{relay.port}") as running,
    ):
        running.kind = request.param
        yield running


def unique(case, name):
    """The passwords have a user each."""
    return name if case.startswith("name") else name + b".%d" % list(CASES).index(case)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("way", WAYS)
def test_logs_in(gateway, way, case):
    name, password = unique(case, CASES[case][0]), CASES[case][1]
    with gateway.client() as client:
        reply = way(client, name, password)
        if len(password) > 1024 and gateway.kind.startswith("LOGIN"):
            # Dovecot hangs up on so long a LOGIN: no word on whether the password is right.
            assert reply.startswith(b"-ERR [SYS/TEMP]")
            return
        assert reply.startswith(b"+OK"), reply
        assert client.retr(1).endswith(case.encode() + b"\r\n")
        assert client.quit().startswith(b"+OK")


@pytest.mark.parametrize("way", WAYS)
def test_almost_right_is_wrong(gateway, way):
    case = "password: blanks at the ends"
    name, password = unique(case, b"reader"), PASSWORDS["blanks at the ends"]
    for wrong in (password.strip(), password + b" ", password[1:], password.upper()):
        with gateway.client() as client:
            assert way(client, name, wrong).startswith(b"-ERR [AUTH]")


def test_no_password_in_the_log(gateway):
    with pytest.raises(Refused):
        gateway.login(b"alice", b"wrong-horse-battery")
    with gateway.client() as client:
        assert by_plain(client, b"alice", b"wrong-horse-battery").startswith(b"-ERR")
    said = gateway.log_text()
    assert "login_failed" in said
    assert "horse" not in said
    assert encoded(b"\0alice\0wrong-horse-battery").decode() not in said
