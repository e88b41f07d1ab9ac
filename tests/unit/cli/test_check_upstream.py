"""check-upstream without a server: its words, its choices, and a Maildir whole."""

import os
import socket
import ssl
import subprocess
import sys
from collections import UserDict

import pytest
from imapclient import DELETED
from imapclient.exceptions import IMAPClientError
from pydantic import SecretBytes

from gateway.backend.imap.settings import ImapSettings
from gateway.backend.port import Capabilities
from gateway.cli import check_upstream
from gateway.cli.upstream import capabilities, connect, inbox, view
from gateway.cli.upstream.findings import CheckFailed, Mark
from gateway.cli.upstream.inbox import Inbox, Measured
from gateway.config import UpstreamUrl
from gateway.errors import BadCredentials, Unavailable
from gateway.maildrop import Login, Maildrop
from gateway.pop3.settings import Pop3Settings

URL = UpstreamUrl.parse("imaps://imap.example.org")
LOGIN = Login(b"kim", SecretBytes(b"x"))


# Capabilities.


def test_each_capability_is_told_with_what_it_means():
    lines = [str(finding) for finding in capabilities.told([b"UIDPLUS", b"MOVE"])]
    assert len(lines) == len(capabilities.MEANINGS)
    assert lines[0].split()[:2] == ["UIDPLUS", "yes"]
    assert [line.split()[1] for line in lines[2:]] == ["no"] * (len(lines) - 2)


def test_missing_uidplus_is_pointed_out():
    assert [f.mark for f in capabilities.told([])].count(Mark.DOUBT) == 1


def test_the_small_literals_are_enough():
    (line,) = (str(f) for f in capabilities.told([b"LITERAL-"]) if "LITERAL+" in str(f))
    assert " yes " in line


# Connecting.


def tls_error(reason):
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "not found in DNS"),
        (ConnectionRefusedError(111, "refused"), "check the port"),
        (TimeoutError("timed out"), "firewall"),
        (tls_error("WRONG_VERSION_NUMBER"), "does not begin with TLS"),
        (tls_error("UNSUPPORTED_PROTOCOL"), "UNSUPPORTED_PROTOCOL"),
        (OSError(113, "No route to host"), "No route to host"),
        (IMAPClientError("None"), "does not greet"),
        (IMAPClientError("* BYE too many\r\n"), "BYE too many"),
    ],
)
def test_why_there_is_no_connection_is_told_in_plain_words(error, words):
    text = connect._unreachable(error, URL)
    assert words in text
    assert "imap.example.org" in text
    assert "\r" not in text


def test_a_server_out_of_service_is_no_wrong_password():
    assert "cannot check" in connect._not_let_in("[UNAVAILABLE] down")
    assert "refused the name" in connect._not_let_in("[AUTHENTICATIONFAILED] no")


# The INBOX.


class Client:
    """As much of IMAPClient as the look at the INBOX takes."""

    def __init__(self, messages):
        self.messages = messages
        self.asked = []

    def select_folder(self, name, *, readonly):
        self.asked.append((name, readonly))
        return {b"UIDVALIDITY": 7}

    def search(self, criteria):
        assert criteria == "ALL"
        return list(self.messages)

    def fetch(self, uids, items):
        assert items in (["RFC822.SIZE", "FLAGS"], ["BODY.PEEK[]"])
        self.asked.append(items)
        return UserDict({uid: self.messages[uid] for uid in uids if uid in self.messages})


def message(octets, announced=None, flags=()):
    return {
        b"RFC822.SIZE": octets if announced is None else announced,
        b"FLAGS": flags,
        b"BODY[]": b"x" * octets or None,
    }


def test_the_inbox_is_looked_at_without_changing_it():
    client = Client({3: message(5, flags=(DELETED,)), 9: message(0)})
    assert inbox.examine(client) == Inbox(7, {3: 5, 9: 0}, frozenset({3}))
    assert client.asked[0] == ("INBOX", True)


def test_sizes_are_counted():
    client = Client({1: message(5), 2: message(0), 3: message(7, announced=9)})
    there = inbox.examine(client)
    measured = list(inbox.measure(client, there, [1, 2, 3, 4]))
    assert measured == [Measured(1, 5, 5), Measured(2, 0, 0), Measured(3, 9, 7)]
    assert inbox.sizes_found(measured[:2]).mark is Mark.GOOD
    wrong = inbox.sizes_found(measured)
    assert wrong.mark is Mark.BAD
    assert "UID 3 is announced with 9 octets, but has 7" in wrong.text


def test_an_empty_inbox_proves_nothing():
    assert inbox.sizes_found([]).mark is Mark.DOUBT


def test_the_sample_is_from_everywhere_and_has_the_largest():
    sizes = dict.fromkeys(range(1, 1001), 1000) | {500: 9_000_000, 501: 50_000_000}
    chosen = inbox.sample(Inbox(1, sizes, frozenset()), 20)
    assert len(chosen) == 21
    assert 500 in chosen
    assert 501 not in chosen
    assert chosen[0] < 100
    assert chosen[-1] > 900


def test_a_sample_of_a_small_inbox_is_all_of_it():
    assert inbox.sample(Inbox(1, {4: 1, 5: 2}, frozenset()), 20) == [4, 5]
    assert inbox.sample(Inbox(1, {}, frozenset()), 20) == []
    assert inbox.sample(Inbox(1, {4: 1}, frozenset()), 0) == []


@pytest.mark.parametrize(
    ("uidplus", "delete", "mark"),
    [
        (True, "expunge", Mark.GOOD),
        (False, "expunge", Mark.DOUBT),
        (True, "flag", Mark.NOTE),
        (False, "flag", Mark.NOTE),
    ],
)
def test_whether_deletion_is_exact(uidplus, delete, mark):
    there = Inbox(1, {}, frozenset())
    (finding,) = inbox.deletion_found(there, ImapSettings(delete=delete), uidplus=uidplus)
    assert finding.mark is mark


def test_messages_that_others_deleted_are_told():
    there = Inbox(1, {3: 1}, frozenset({3}))
    first, _ = inbox.deletion_found(there, ImapSettings(), uidplus=True)
    assert first.text.startswith("1 message marked \\Deleted by another program: shown")
    first, _ = inbox.deletion_found(there, ImapSettings(delete="flag"), uidplus=True)
    assert "hidden" in first.text


# Our own view.


def maildrop(sizes):
    return Maildrop("1", list(sizes), list(sizes.values()), [b"1.%d" % uid for uid in sizes])


@pytest.mark.parametrize(
    ("found", "mark"),
    [
        ({1: 5, 2: 6}, Mark.GOOD),
        ({1: 5, 2: 7}, Mark.BAD),
        ({1: 5}, Mark.DOUBT),
        ({1: 5, 2: 6, 3: 7}, Mark.DOUBT),
    ],
)
def test_two_looks_are_compared(found, mark):
    there = Inbox(1, {1: 5, 2: 6}, frozenset())
    assert view.compared(maildrop(found), there, hide_deleted=False).mark is mark


def test_what_the_driver_hides_is_not_missed():
    there = Inbox(1, {1: 5, 2: 6}, frozenset({2}))
    assert view.compared(maildrop({1: 5}), there, hide_deleted=True).mark is Mark.GOOD


def test_what_a_client_would_see():
    seen = view.View(
        maildrop({1: 5, 2: 6, 3: 7, 4: 8}), Capabilities(False, True, True, False, False)
    )
    stat, uidl, capa = (str(f) for f in view.seen_by_a_client(seen, Pop3Settings(), stls=True))
    assert stat.split("  ")[-1] == "+OK 4 26"
    assert uidl.endswith("1 1.1, 2 1.2, 3 1.3 and 1 more")
    assert "STLS" in capa
    assert [f.mark for f in view.promised(seen.capabilities)] == [Mark.BAD, Mark.DOUBT]


class Reactor:
    """Runs what is to be run, at once."""

    def callWhenRunning(self, function):
        self.start = function

    def run(self):
        self.start()

    def stop(self):
        pass


@pytest.mark.parametrize(
    ("error", "words"),
    [(BadCredentials("NO"), "was refused: NO"), (Unavailable("gone"), "(Unavailable): gone")],
)
def test_a_failure_of_the_driver_is_told(error, words):
    async def fail():
        raise error

    with pytest.raises(CheckFailed) as caught:
        view.run(Reactor(), fail)
    assert words in str(caught.value)


def test_a_mistake_of_the_driver_is_not_hidden():
    async def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        view.run(Reactor(), fail)


# The command.


def run(*arguments, password="demo", **environment):
    command = [sys.executable, "-m", "gateway", "check-upstream", *map(str, arguments)]
    environment = {**os.environ, **environment}
    environment.pop("POP3_GATEWAY_PASSWORD", None)
    if password is not None:
        environment["POP3_GATEWAY_PASSWORD"] = password
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, check=False, timeout=60
    )


@pytest.fixture
def maildir(tmp_path):
    for name in ("cur", "new", "tmp"):
        (tmp_path / "Maildir" / name).mkdir(parents=True)
    (tmp_path / "Maildir" / "new" / "1.a.host").write_bytes(b"Subject: x\n\nhello\n")
    return tmp_path / "Maildir"


def test_a_maildir_is_checked(maildir):
    result = run(f"maildir://{maildir}", "--user", "demo")
    assert result.returncode == 0, result.stderr
    assert "STAT  +OK 1 21" in result.stdout


def test_a_wrong_password_is_told(maildir):
    result = run(f"maildir://{maildir}", "--user", "demo", password="wrong")
    assert result.returncode == 1
    assert result.stdout.splitlines()[-1].startswith("FAIL  ")
    assert result.stderr == ""


def test_the_password_may_be_in_a_file(maildir, tmp_path):
    file = tmp_path / "password"
    file.write_bytes(b"demo\r\nsecond line\n")
    flags = ("--user", "demo", "--password-file", file)
    assert run(f"maildir://{maildir}", *flags, password="wrong").returncode == 0


def test_a_password_keeps_its_blanks_and_odd_octets(tmp_path, monkeypatch):
    file = tmp_path / "password"
    file.write_bytes(b" \xe4\xff ")
    assert check_upstream._password(file) == b" \xe4\xff "
    monkeypatch.setitem(os.environb, b"POP3_GATEWAY_PASSWORD", b" \xe4\xff ")
    assert check_upstream._password(None) == b" \xe4\xff "


def test_without_tls_only_to_this_machine():
    result = run("imap://imap.example.org", "--user", "kim")
    assert result.returncode == 2
    assert "--allow-plaintext-upstream" in result.stderr


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    result = run(f"imap://127.0.0.1:{port}", "--user", "kim")
    assert result.returncode == 1
    assert "refuses connections" in result.stdout
