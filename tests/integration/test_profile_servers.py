"""Profiles before real servers: drained by real clients, octet for octet, and emptied.

What a client gets is compared with what the server's own call for a raw message gives, and
that with what was delivered to the server, as far as the server keeps it.
"""

import email
import email.policy
import re

import pytest

from tests.support.gateway import RunningGateway
from tests.support.mail import awkward, crlf_form, realistic_mix
from tests.support.maildev import MailDev
from tests.support.readers import READERS, Account

pytestmark = pytest.mark.servers

PASSWORD = "secretsecret"
# SMTP carries no message without a line end; fetchmail counts a very long line wrong.
AWKWARD = (
    *("dots at line starts", "lone dots", "dot first in body", "8-bit"),
    *("only line ends in body", "looks like IMAP", "no final newline"),
)
CORPUS = [*realistic_mix(12, seed=7), *(awkward()[name] for name in AWKWARD)]


class OneMailbox:
    """MailDev and MailDump: everybody sees the same."""

    user = "alice"

    def __init__(self, server, profile):
        self.server = server
        self.url = f"profile+http://127.0.0.1:{server.http_port}?profile={profile}"
        self.flags = ()
        server.clear()

    def deliver(self, messages):
        for message in messages:
            self.server.deliver(message)

    def raws(self):
        """Every message as the server's own call gives it, in the order of the list."""
        return [self.server.raw(row) for row in self.server.list()]

    def remove(self, number):
        return self.server.remove(self.server.list()[number - 1])

    def as_delivered(self, raw):
        """What of a raw message can be compared with what was delivered."""
        return raw.rstrip(b"\r\n")


class SendriaMailbox(OneMailbox):
    """Sendria writes messages anew, in other transfer encodings and with more fields."""

    def as_delivered(self, raw):
        message = email.message_from_bytes(raw, policy=email.policy.default)
        parts = [part for part in message.walk() if not part.is_multipart()]
        contents = [part.get_payload(decode=True).split() for part in parts]
        return message["Subject"], [part.get_content_type() for part in parts], contents


class OwnMailbox(OneMailbox):
    """WildDuck: a user each."""

    numbers = iter(range(1000))

    def __init__(self, server, profile, token_file):
        self.server = server
        self.url = f"profile+http://127.0.0.1:{server.http_port}?profile={profile}"
        self.flags = ("--upstream-token-file", str(token_file))
        self.user = f"user{next(self.numbers)}"
        server.add_user(self.user, PASSWORD)

    def deliver(self, messages):
        self.server.deliver_many(self.user, map(crlf_form, messages))

    def raws(self):
        return [self.server.raw(self.user, row) for row in self.server.list(self.user)]

    def remove(self, number):
        return self.server.remove(self.user, self.server.list(self.user)[number - 1])

    def as_delivered(self, raw):
        return [line for line in raw.split(b"\r\n") if line]


@pytest.fixture
def make(request, tmp_path):
    """A mailbox of the profile."""

    def make(profile):
        if profile.startswith("wildduck"):
            server = request.getfixturevalue("wildduck")
            token_file = tmp_path / "token"
            token_file.write_text(server.service_token)
            return OwnMailbox(server, profile, token_file)
        if profile == "sendria":
            return SendriaMailbox(request.getfixturevalue(profile), profile)
        return OneMailbox(request.getfixturevalue(profile), profile)

    return make


def gateway_before(mailbox, **options):
    return RunningGateway(mailbox.url, flags=mailbox.flags, **options)


PROFILES = pytest.mark.parametrize("profile", ["maildev", "maildump", "sendria", "wildduck"])


def is_text(message):
    """Whether it is UTF-8; Sendria keeps no other."""
    return message == message.decode(errors="replace").encode()


def written(reader, octets):
    octets = octets if octets.endswith(b"\r\n") else octets + b"\r\n"
    return octets.replace(b"\r\n", b"\n") if reader == "mpop" else octets


@PROFILES
@pytest.mark.parametrize("reader", ["fetchmail", "mpop"])
def test_a_real_client_drains_it_octet_for_octet_and_empties_it(
    profile, reader, make, tmp_path
):
    mailbox = make(profile)
    corpus = [letter for letter in CORPUS if profile != "sendria" or is_text(letter)]
    mailbox.deliver(corpus)
    raws = mailbox.raws()
    assert len(raws) == len(corpus)
    shown = [crlf_form(raw) for raw in raws]
    for raw, message in zip(shown, corpus, strict=True):
        assert mailbox.as_delivered(raw) == mailbox.as_delivered(crlf_form(message))
    with gateway_before(mailbox) as gateway:
        home = tmp_path / "home"
        home.mkdir()
        account = Account(gateway.host, gateway.port, mailbox.user, PASSWORD)
        delivered = READERS[reader](account, home, delete=True)
        assert delivered == [written(reader, octets) for octets in shown]
        assert mailbox.raws() == []
        log = gateway.log_text()
    assert "Traceback" not in log
    assert PASSWORD not in log


@PROFILES
def test_octets_announced_are_octets_sent(profile, make):
    mailbox = make(profile)
    mailbox.deliver(CORPUS)
    shown = [crlf_form(raw) for raw in mailbox.raws()]
    with gateway_before(mailbox) as gateway, gateway.login(mailbox.user, PASSWORD) as client:
        assert client.stat() == (len(shown), sum(map(len, shown)))
        listed = [int(line.split()[1]) for line in client.lines("LIST")]
        assert listed == list(map(len, shown))
        for number, octets in enumerate(shown, 1):
            assert client.retr(number).removesuffix(b"\r\n") == octets.removesuffix(b"\r\n")
        assert client.text("TOP 1 0").endswith(b"\r\n\r\n")
        assert client.quit().startswith(b"+OK")


@PROFILES
def test_only_what_was_marked_is_deleted_and_unique_ids_stay(profile, make):
    mailbox = make(profile)
    mailbox.deliver(CORPUS[:6])
    raws = mailbox.raws()
    with gateway_before(mailbox) as gateway:
        with gateway.login(mailbox.user, PASSWORD) as client:
            ids = [line.split()[1] for line in client.lines("UIDL")]
            client.ok("DELE 1")
            client.ok("DELE 4")
        assert mailbox.raws() == raws  # it left without QUIT
        with gateway.login(mailbox.user, PASSWORD) as client:
            assert [line.split()[1] for line in client.lines("UIDL")] == ids
            client.ok("DELE 1")
            client.ok("DELE 4")
            assert client.quit().startswith(b"+OK")
        kept = [1, 2, 4, 5]
        assert mailbox.raws() == [raws[index] for index in kept]
        mailbox.deliver(CORPUS[6:7])
        with gateway.login(mailbox.user, PASSWORD) as client:
            now = [line.split()[1] for line in client.lines("UIDL")]
            assert now[:4] == [ids[index] for index in kept]
            assert now[4] not in ids
            assert client.quit().startswith(b"+OK")


@PROFILES
def test_a_message_that_others_deleted_is_an_error_and_no_hindrance(profile, make):
    mailbox = make(profile)
    mailbox.deliver(CORPUS[:3])
    with gateway_before(
        mailbox, settings={"upstream": {"http": {"prefetch": False}}}
    ) as gateway:
        with gateway.login(mailbox.user, PASSWORD) as client:
            client.stat()
            mailbox.remove(2)
            assert client.command("RETR 2").startswith(b"-ERR")
            assert client.retr(3)
            client.ok("DELE 2")
            client.ok("DELE 3")
            assert client.quit().startswith(b"+OK")
        assert len(mailbox.raws()) == 1


def test_a_number_given_again_is_another_message_and_is_not_deleted(make):
    mailbox = make("maildump")
    mailbox.deliver(CORPUS[:2])
    with gateway_before(mailbox) as gateway:
        with gateway.login(mailbox.user, PASSWORD) as client:
            ids = client.lines("UIDL")
            mailbox.remove(2)
            mailbox.deliver(CORPUS[2:3])  # gets the number of the one that was removed
            client.ok("DELE 2")
            assert client.quit().startswith(b"+OK")
        assert len(mailbox.raws()) == 2
        with gateway.login(mailbox.user, PASSWORD) as client:
            now = client.lines("UIDL")
            assert now[0] == ids[0]
            assert now[1] != ids[1]


class TestPasswords:
    def test_of_wildduck(self, make):
        mailbox = make("wildduck")
        with gateway_before(mailbox) as gateway:
            with gateway.client() as client:
                client.ok(f"USER {mailbox.user}")
                assert client.command("PASS wrong").startswith(b"-ERR [AUTH]")
            with gateway.login(mailbox.user, PASSWORD) as client:
                assert client.stat() == (0, 0)

    def test_a_service_token_that_is_no_good_is_not_the_users_fault(self, make, tmp_path):
        mailbox = make("wildduck")
        (tmp_path / "token").write_text("0" * 40)
        with gateway_before(mailbox) as gateway, gateway.client() as client:
            client.ok(f"USER {mailbox.user}")
            assert client.command(f"PASS {PASSWORD}").startswith(b"-ERR [SYS/TEMP]")
            assert "0" * 40 not in gateway.log_text()

    def test_of_maildev(self, tmp_path):
        with MailDev(password=PASSWORD) as server:
            server.deliver(CORPUS[0])
            url = f"profile+http://127.0.0.1:{server.http_port}?profile=maildev"
            with RunningGateway(url) as gateway:
                with gateway.client() as client:
                    client.ok("USER alice")
                    assert client.command("PASS wrong").startswith(b"-ERR [AUTH]")
                with gateway.login("alice", PASSWORD) as client:
                    assert client.stat()[0] == 1


def test_wildduck_to_the_trash_many_at_a_time(make):
    mailbox = make("wildduck-trash")
    mailbox.deliver(CORPUS[:12])
    with gateway_before(mailbox) as gateway, gateway.login(mailbox.user, PASSWORD) as client:
        for number in range(1, 11):
            client.ok(f"DELE {number}")
        assert client.quit().startswith(b"+OK")
    assert len(mailbox.raws()) == 2
    server, place = mailbox.server, mailbox.server._accounts[mailbox.user]
    account = re.match(r"/users/[^/]+", place)[0]
    trash = server.json("GET", f"{account}/mailboxes/resolve?path=Trash")
    assert trash["total"] == 10
