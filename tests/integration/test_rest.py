"""The gateway in front of the reference server of our REST contract."""

import itertools
import subprocess
import threading

import pytest

from gateway.errors import BadCredentials, MaildropBusy, PartialCommit
from gateway.pop3 import replies
from tests.integration.test_clients import ODD, sent, written
from tests.support.gateway import PROGRAM, RunningGateway
from tests.support.mail import awkward, big, crlf_form
from tests.support.mailbox_server import MailboxServer
from tests.support.pop3_client import Refused
from tests.support.readers import READERS, Account
from tests.support.rest_proxy import RestProxy

pytestmark = pytest.mark.servers
CORPUS = awkward()
COLD = {"upstream": {"warm": {"seconds": 0}}}


def url(place):
    return f"rest+{place.url}"


@pytest.fixture
def server():
    with MailboxServer("--page", "20", "--bulk-delete", "10") as running:
        yield running


@pytest.fixture
def proxy(server):
    with RestProxy(server) as running:
        yield running


@pytest.fixture
def gateway(proxy):
    with RunningGateway(url(proxy), settings=COLD, workers=1) as running:
        yield running
        log = running.log_text()
    assert "Traceback" not in log, log
    assert "internal_error" not in log, log
    assert MailboxServer.password not in log


def without_lock(exchange):
    if exchange.path == "/session" and exchange.status == 200:
        session = exchange.json
        session["features"].remove("lock")
        exchange.json = session


def login(gateway, server, **options):
    return gateway.login(server.user, server.password, **options)


def visit(gateway, server):
    with login(gateway, server) as client:
        client.ok("QUIT")


def letters(server, count):
    made = [b"Subject: %d\n\nletter %d\n" % (number, number) for number in range(count)]
    for letter in made:
        server.mail.deliver(letter)
    return made


def failed(failure):
    return replies.FAILURES[failure].reply


@pytest.mark.parametrize("reader", ["fetchmail", "mpop", "curl"])
def test_every_octet_arrives_and_is_then_gone(reader, gateway, server, tmp_path):
    for message in CORPUS.values():
        server.mail.deliver(message)
    account = Account(gateway.host, gateway.port, server.user, server.password)
    (tmp_path / "home").mkdir()
    delivered = READERS[reader](account, tmp_path / "home", delete=True)
    assert len(delivered) == len(CORPUS)
    wrong = [
        name
        for (name, message), octets in zip(CORPUS.items(), delivered, strict=True)
        if octets != written(reader, sent(message)) and name not in ODD[reader]
    ]
    assert wrong == []
    assert server.mail.messages() == []


def test_sizes_are_exact_and_ids_stay(gateway, server):
    for message in CORPUS.values():
        server.mail.deliver(message)
    with login(gateway, server) as client:
        listed = client.text("LIST").split()[1::2]
        ids = client.text("UIDL")
        assert [int(octets) for octets in listed] == [
            len(crlf_form(message)) for message in CORPUS.values()
        ]
        client.ok("QUIT")
    server.restart()
    with login(gateway, server) as client:
        assert client.text("UIDL") == ids


def test_a_large_message_passes_whole(gateway, server):
    message = b"".join(big(30_000_000))
    server.mail.deliver(message)
    with login(gateway, server) as client:
        assert client.text("RETR 1") == message + b"\r\n"


def test_top_takes_what_it_needs(gateway, server):
    message = b"".join(big(3_000_000))
    for _ in range(2):
        server.mail.deliver(message)
    head, _, body = message.partition(b"\r\n\r\n")
    lines = body.split(b"\r\n")[:3]
    with login(gateway, server) as client:
        for number in (1, 2):
            assert client.text(f"TOP {number} 3") == b"\r\n".join([head, b"", *lines, b""])
        assert client.text("TOP 1 0") == head + b"\r\n\r\n"
        client.ok("QUIT")


def test_what_changed_is_asked_for_alone(gateway, server, proxy):
    made = letters(server, 25)
    visit(gateway, server)
    server.mail.deliver(b"new\n")
    min((server.mail.path / "new").iterdir(), key=lambda file: file.name).unlink()
    proxy.heard.clear()
    with login(gateway, server) as client:
        assert client.ok("STAT").split()[1] == b"25"
        assert client.text("RETR 25") == b"new\r\n"
        assert client.text("RETR 1") == crlf_form(made[1])
        client.ok("QUIT")
    paths = [path for _, path in proxy.heard if not path.endswith("/raw")]
    assert "/messages" not in paths
    assert paths.count("/changes") == 1


def test_after_410_everything_is_listed(gateway, server):
    letters(server, 25)
    visit(gateway, server)
    server.restart()
    server.mail.deliver(b"new\n")
    with login(gateway, server) as client:
        assert client.ok("STAT").split()[1] == b"26"


@pytest.mark.parametrize("features", [(), ("changes",)])
def test_servers_that_offer_less(features, gateway, server, proxy):
    """Without changes, an unchanged list is a 304; without a lock, nothing keeps the session."""

    def twist(exchange):
        if exchange.path == "/session":
            session = exchange.json
            session["features"] = ["bulk-delete", *features]
            exchange.json = session

    proxy.twist = twist
    letters(server, 25)
    visit(gateway, server)
    proxy.heard.clear()
    with login(gateway, server) as client:
        client.ok("QUIT")
    assert proxy.heard == [("GET", "/session")]  # its state is that of the list
    server.mail.deliver(b"new\n")
    with login(gateway, server) as client:
        assert client.ok("STAT").split()[1] == b"26"
        for number in range(1, 27):
            client.ok(f"DELE {number}")
        client.ok("QUIT")
    assert server.listed() == []


def test_with_a_lock_and_no_changes_the_list_is_304(gateway, server, proxy):
    statuses = []

    def twist(exchange):
        if exchange.path == "/session":
            session = exchange.json
            session["features"] = ["bulk-delete", "lock"]
            exchange.json = session
        elif exchange.path == "/messages":
            statuses.append(exchange.status)

    proxy.twist = twist
    letters(server, 5)
    visit(gateway, server)
    with login(gateway, server) as client:
        assert client.ok("STAT").split()[1] == b"5"
        client.ok("QUIT")
    assert statuses == [200, 304]


def test_ten_thousand_unchanged_messages_cost_three_requests(proxy, server):
    for number in range(10_000):
        server.mail.deliver(b"%d\n" % number)
    # As many on a page as most servers will have.
    with (
        MailboxServer() as other,
        RestProxy(other) as between,
        RunningGateway(url(between), settings=COLD, workers=1) as gateway,
    ):
        other.mail.path.rename(other.directory / "empty")
        other.mail.path.symlink_to(server.mail.path)
        visit(gateway, other)
        between.heard.clear()
        with login(gateway, other) as client:
            assert client.ok("STAT").split()[1] == b"10000"
            asked = [each for each in between.heard if each[0] != "DELETE"]
        assert asked == [("GET", "/session"), ("POST", "/lock"), ("GET", "/changes")]


def test_a_kept_session_costs_one_request(proxy, server):
    proxy.twist = without_lock
    letters(server, 5)
    with RunningGateway(url(proxy), workers=1) as gateway:
        visit(gateway, server)
        server.mail.deliver(b"new\n")
        proxy.heard.clear()
        with login(gateway, server) as client:
            assert client.ok("STAT").split()[1] == b"6"
            client.ok("QUIT")
        assert proxy.heard == [("GET", "/session"), ("GET", "/changes")]


def test_exactly_the_marked_ones_go_in_pieces(gateway, server, proxy):
    made = letters(server, 25)
    with login(gateway, server) as client:
        for number in range(1, 24):
            client.ok(f"DELE {number}")
        client.ok("QUIT")
    deletions = [path for method, path in proxy.heard if path == "/messages/delete"]
    assert len(deletions) == 3
    assert server.mail.messages() == made[23:]


def test_without_quit_nothing_goes(gateway, server, proxy):
    letters(server, 3)
    with login(gateway, server) as client:
        client.ok("DELE 1")
    with login(gateway, server) as client:
        assert client.ok("STAT").split()[1] == b"3"
    assert ("POST", "/messages/delete") not in proxy.heard


def test_what_others_deleted_is_no_failure(gateway, server):
    letters(server, 3)
    with login(gateway, server) as client:
        for file in (server.mail.path / "new").iterdir():
            file.unlink()
        assert client.command("RETR 2").startswith(b"-ERR")
        client.ok("DELE 1")
        client.ok("DELE 3")
        assert client.command("QUIT").startswith(b"+OK")


def test_what_the_server_keeps_is_told(gateway, server, proxy):
    letters(server, 3)
    numbers = itertools.count()

    def before(exchange):
        if exchange.path == "/messages/delete" and next(numbers) == 0:
            keep = server.listed()[1]["id"]
            body = exchange.sent.replace(keep.encode(), b"x" * 32)
            exchange.sent = body

    def twist(exchange):
        if exchange.path == "/messages/delete":
            answer = exchange.json
            kept = server.listed()[0]["id"]
            answer["notFound"].remove("x" * 32)
            answer["failed"] = {kept: {"type": "read-only", "detail": "no"}}
            exchange.json = answer

    proxy.before, proxy.twist = before, twist
    with login(gateway, server) as client:
        for number in (1, 2, 3):
            client.ok(f"DELE {number}")
        assert client.command("QUIT") == failed(PartialCommit)
    assert len(server.listed()) == 1
    gateway.wait_for_log("rest_message_kept")


def test_a_read_only_mailbox_keeps_everything(gateway, server, proxy):
    def twist(exchange):
        if exchange.path == "/session":
            session = exchange.json
            session["features"] = ["changes"]
            exchange.json = session

    proxy.twist = twist
    letters(server, 2)
    with login(gateway, server) as client:
        client.ok("DELE 1")
        assert client.command("QUIT") == failed(PartialCommit)
    assert len(server.listed()) == 2


def test_the_trash_by_setting(server):
    settings = {"upstream": {**COLD["upstream"], "rest": {"delete": "trash"}}}
    letters(server, 2)
    with (
        RunningGateway(url(server), settings=settings, workers=1) as gateway,
        login(gateway, server) as client,
    ):
        client.ok("DELE 1")
        client.ok("QUIT")
    assert len(list((server.mail.path / ".Trash" / "cur").iterdir())) == 1
    assert len(server.listed()) == 1


def test_one_session_at_a_time_also_of_two_gateways(gateway, server):
    letters(server, 1)
    with RunningGateway(url(server), settings=COLD, workers=1) as other:
        with login(gateway, server) as first:
            with pytest.raises(Refused) as refused:
                login(other, server)
            assert refused.value.args[0] == failed(MaildropBusy)
            first.ok("QUIT")
        with login(other, server) as second:
            second.ok("QUIT")


def test_wrong_credentials(gateway, server):
    for user, password in ((server.user, "wrong"), ("nobody", server.password)):
        with pytest.raises(Refused) as refused:
            gateway.login(user, password)
        assert refused.value.args[0] == failed(BadCredentials)


def test_a_token_opens_the_mailbox(server, tmp_path):
    letters(server, 2)
    token = tmp_path / "token"
    token.write_text(f"{server.token}\n")
    flags = ["--upstream-token-file", str(token)]
    with (
        RunningGateway(url(server), settings=COLD, flags=flags, workers=1) as gateway,
        gateway.login("anybody", "anything") as client,
    ):
        assert client.ok("STAT").split()[1] == b"2"


def test_check_upstream_tells_what_there_is(server):
    letters(server, 3)
    words = ["check-upstream", url(server), "--user", server.user, "--password-file"]
    command = [str(PROGRAM), *words, str(server.directory / "password")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "it offers changes, range, bulk-delete, trash, lock" in done.stdout
    assert "sizes are exact for 3 messages read" in done.stdout
    assert "gone for good at QUIT" in done.stdout
    assert len(server.listed()) == 3


def test_a_crash_in_update_is_settled_at_the_next_login(gateway, server, proxy):
    made = letters(server, 4)
    stuck = threading.Event()

    def before(exchange):
        if exchange.path == "/messages/delete":
            exchange.close = True  # nothing reaches the server
            stuck.set()
            exchange.hang = 60

    proxy.twist, proxy.before = without_lock, before
    with login(gateway, server) as client:
        client.ok("DELE 2")
        client.ok("DELE 3")
        client.send(b"QUIT\r\n")
        assert stuck.wait(10)
        gateway.kill()
        assert client.rest() == b""
    assert server.mail.messages() == made
    proxy.heal()
    proxy.twist = without_lock
    gateway.start()
    with login(gateway, server) as client:
        assert client.ok("STAT").split()[1] == b"2"
        assert client.text("RETR 2") == crlf_form(made[3])
    assert server.mail.messages() == [made[0], made[3]]
