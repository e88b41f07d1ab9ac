"""A mailbox in Gmail (the strict fake) as POP3 clients see it through the gateway."""

import contextlib
import json

import pytest

from tests.support.cloud_gateway import PASSWORD, CloudGateway
from tests.support.cloud_server import answer, change, do
from tests.support.fake_gmail import MODIFY, READ, FakeGmail, GmailBox
from tests.support.mail import awkward, crlf_form
from tests.support.pop3_client import Refused
from tests.support.readers import READERS, Account

ALICE = "alice@example.org"
LETTERS = [b"Subject: %d\r\n\r\n.\r\n..dots %d\r\n" % (n, n * 11) for n in range(30)]
# Messages that every client passes on as they are.
CORPUS = [
    message
    for name, message in awkward().items()
    if b"\n\n" in crlf_form(message).replace(b"\r\n", b"\n")
    and name
    not in {
        *("one newline", "one CRLF", "no headers", "one long line", "one long line unfinished"),
        *("NUL", "dot first of all", "headers, blank line", "only line ends in body"),
    }
]


@pytest.fixture
def gmail():
    with FakeGmail() as server:
        yield server


@contextlib.contextmanager
def running(gmail, **options):
    with CloudGateway("gmail", gmail, **options) as gateway:
        yield gateway
        log = gateway.log_text()
    assert "Traceback" not in log, log
    assert "internal_error" not in log, log
    assert "Bearer" not in log
    assert PASSWORD not in log


def fill(gmail, messages):
    return [gmail.box.add(message) for message in messages]


def drained(client):
    return [client.retr(number) for number in range(1, client.stat()[0] + 1)]


def wire(message):
    octets = crlf_form(message)
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"


def inbox(gmail):
    """Oldest first."""
    return [mail.octets for mail in reversed(gmail.box.inbox)]


@pytest.mark.parametrize("reader", ["fetchmail", "mpop"])
def test_drained_byte_for_byte_and_removed(reader, gmail, tmp_path):
    fill(gmail, CORPUS)
    with running(gmail) as gateway:
        account = Account(gateway.host, gateway.port, ALICE, PASSWORD)
        delivered = READERS[reader](account, tmp_path, delete=True)
    expected = [wire(message) for message in CORPUS]
    if reader == "mpop":
        expected = [octets.replace(b"\r\n", b"\n") for octets in expected]
    assert delivered == expected
    assert gmail.box.inbox == []
    assert all("TRASH" in mail.labels for mail in gmail.box.mails.values())


def test_octets_are_those_of_the_messages(gmail):
    """Never sizeEstimate; also where the message has LF alone."""
    messages = [*LETTERS, b"Subject: lf\n\none\ntwo\n", bytes(range(256)) * 3000]
    fill(gmail, messages)
    with running(gmail) as gateway, gateway.open() as client:
        sizes = [int(line.split()[1]) for line in client.lines("LIST")]
        assert sizes == [len(crlf_form(message)) for message in messages]
        assert drained(client) == [wire(message) for message in messages]
    assert "GET" not in gmail.stages()


def test_what_was_learned_outlives_a_restart(gmail):
    keys = fill(gmail, LETTERS)
    with running(gmail) as gateway:
        with gateway.open() as client:
            first = client.lines("LIST"), client.lines("UIDL")
            assert [line.split()[1].decode() for line in first[1]] == keys
            client.quit()
        gateway.terminate()
        gateway.wait()
        gmail.forget_requests()
        gateway.start()
        with gateway.open() as client:
            assert (client.lines("LIST"), client.lines("UIDL")) == first
            client.quit()
        assert gmail.stages() == ["PROFILE"]


def test_ten_thousand_messages_unchanged(gmail):
    for number in range(10_000):
        gmail.box.add(b"Subject: %d\r\n\r\n" % number)
    with running(gmail, http={"sizes": "estimate", "learn_behind": False}) as gateway:
        with gateway.open() as client:
            assert client.stat()[0] == 10_000
            client.quit()
        assert gmail.stages().count("LIST") == 20
        gmail.forget_requests()
        with gateway.open() as client:
            assert client.stat()[0] == 10_000
            client.quit()
    assert gmail.stages() == ["PROFILE"]


def test_changes_alone(gmail):
    keys = fill(gmail, LETTERS)
    with running(gmail) as gateway:
        gateway.open().quit()
        gmail.forget_requests()
        gmail.box.delete(keys[3])
        gmail.box.label(keys[4], remove={"INBOX"})
        gmail.box.label(keys[5], remove={"UNREAD"})
        gmail.box.add(b"sent", labels=("SENT",))
        gmail.box.add(b"Subject: new\r\n\r\nnew\r\n")
        with gateway.open() as client:
            expected = [*LETTERS[:3], *LETTERS[5:], b"Subject: new\r\n\r\nnew\r\n"]
            assert client.stat() == (len(expected), sum(map(len, expected)))
            assert gmail.stages() == ["PROFILE", "HISTORY", "LABEL", "RAW"]
            assert drained(client) == expected


def test_a_forgotten_history_lists_everything(gmail):
    fill(gmail, LETTERS)
    with running(gmail, settings={"log": {"level": "debug"}}) as gateway:
        gateway.open().quit()
        gmail.box.forget_history()
        gmail.box.add(b"Subject: new\r\n\r\n")
        gmail.forget_requests()
        with gateway.open() as client:
            assert client.stat()[0] == len(LETTERS) + 1
            client.quit()
        assert gmail.stages() == ["PROFILE", "HISTORY", "LIST", "LABEL", "RAW"]
        gateway.wait_for_log("history_forgotten")


def test_another_mailbox_for_the_same_name(gmail):
    """The token is exchanged for that of somebody else: nothing of the first one is shown."""
    fill(gmail, LETTERS)
    with running(gmail, own={"mailbox": "me"}) as gateway:
        gateway.open().quit()
        with FakeGmail("bob@example.org") as other:
            gmail.box = other.box
            other.box.history = 10 * gmail.box.history
            gmail.tokens = {"token": "bob@example.org"}
            gmail.box.add(b"Subject: bob's\r\n\r\n")
            with gateway.open() as client:
                assert drained(client) == [b"Subject: bob's\r\n\r\n"]


def edited(function):
    def edit(reply):
        reply.body = json.dumps(function(json.loads(reply.body))).encode()

    return change(edit)


def test_what_a_list_missed_is_found_by_the_count(gmail):
    """The list lags behind; nothing else happens until the next login."""
    fill(gmail, LETTERS)
    less = edited(lambda page: {**page, "messages": page["messages"][1:]})
    gmail.fault("LIST", less, times=1)
    with running(gmail) as gateway:
        with gateway.open() as client:
            assert client.stat()[0] == len(LETTERS) - 1
            client.quit()
        with gateway.open() as client:
            assert client.stat()[0] == len(LETTERS)
            client.quit()
        gmail.forget_requests()
        gateway.open().quit()
        assert gmail.stages() == ["PROFILE"]


def test_a_history_that_lags_is_asked_again(gmail):
    fill(gmail, LETTERS)
    with running(gmail) as gateway:
        gateway.open().quit()
        since = gmail.box.history
        fill(gmail, [b"Subject: new\r\n\r\n"])
        gmail.fault("HISTORY", answer(200, {"historyId": str(since)}), times=1)
        gateway.open().quit()
        with gateway.open() as client:
            assert client.stat()[0] == len(LETTERS) + 1


def test_a_label_that_counts_more_than_is_listed(gmail):
    """Everything is listed twice, and then the list is believed."""
    fill(gmail, LETTERS)
    gmail.uncounted = 2
    with running(gmail) as gateway:
        gateway.open().quit()
        gateway.open().quit()
        gmail.forget_requests()
        gateway.open().quit()
        assert gmail.stages() == ["PROFILE"]


class TestRemoval:
    @pytest.mark.parametrize(
        ("delete", "labels"), [("trash", {"TRASH", "UNREAD"}), ("archive", {"UNREAD"})]
    )
    def test_by_labels(self, gmail, delete, labels):
        keys = fill(gmail, LETTERS)
        gmail.scopes["token"] = {MODIFY}
        with running(gmail, own={"delete": delete}) as gateway, gateway.open() as client:
            for number in range(1, 26):
                client.ok(f"DELE {number}")
            gmail.forget_requests()
            assert client.quit() == b"+OK 25 messages removed, goodbye\r\n"
        assert inbox(gmail) == LETTERS[25:]
        assert all(gmail.box.mails[key].labels == labels for key in keys[:25])
        assert gmail.stages() == ["PROFILE", "BATCHMODIFY"]

    def test_for_good(self, gmail):
        fill(gmail, LETTERS)
        with running(gmail, own={"delete": "permanent"}) as gateway, gateway.open() as client:
            client.ok("DELE 2")
            client.ok("DELE 3")
            assert client.quit() == b"+OK 2 messages removed, goodbye\r\n"
        assert inbox(gmail) == [LETTERS[0], *LETTERS[3:]]
        assert len(gmail.box.mails) == len(LETTERS) - 2

    def test_nothing_is_removed_without_quit(self, gmail):
        fill(gmail, LETTERS)
        with running(gmail) as gateway:
            with gateway.open() as client:
                client.ok("DELE 1")
            with gateway.open() as client:
                assert client.stat()[0] == len(LETTERS)
        assert "BATCHMODIFY" not in gmail.stages()

    @pytest.mark.parametrize("delete", ["trash", "archive", "permanent"])
    def test_what_the_owner_put_elsewhere_stays_there(self, gmail, delete):
        archived, deleted, returned, last = fill(gmail, LETTERS[:4])
        with running(gmail, own={"delete": delete}) as gateway, gateway.open() as client:
            for number in range(1, 5):
                client.ok(f"DELE {number}")
            gmail.box.label(archived, add={"STARRED"}, remove={"INBOX"})
            gmail.box.delete(deleted)
            gmail.box.label(returned, remove={"INBOX"})
            gmail.box.label(returned, add={"INBOX"})
            assert client.quit() == b"+OK 4 messages removed, goodbye\r\n"
        assert gmail.box.inbox == []
        assert gmail.box.mails[archived].labels == {"STARRED", "UNREAD"}
        assert set(gmail.box.mails) == (
            {archived} if delete == "permanent" else {archived, returned, last}
        )

    def test_a_forgotten_history_asks_what_is_there(self, gmail):
        archived, *_ = fill(gmail, LETTERS[:3])
        with running(gmail) as gateway, gateway.open() as client:
            for number in range(1, 4):
                client.ok(f"DELE {number}")
            gmail.box.label(archived, remove={"INBOX"})
            gmail.box.forget_history()
            assert client.quit().startswith(b"+OK 3 ")
        assert gmail.box.mails[archived].labels == {"UNREAD"}

    def test_one_that_is_gone_does_not_keep_the_others(self, gmail):
        """It goes between the question what is there and the deed."""
        keys = fill(gmail, LETTERS[:3])
        gmail.fault("BATCHMODIFY", do(lambda fake: fake.box.delete(keys[1])))
        with running(gmail) as gateway, gateway.open() as client:
            for number in range(1, 4):
                client.ok(f"DELE {number}")
            assert client.quit() == b"+OK 3 messages removed, goodbye\r\n"
        assert gmail.box.inbox == []
        assert gmail.stages()[-3:] == ["TRASH"] * 3

    def test_the_token_is_for_somebody_else_by_now(self, gmail):
        fill(gmail, LETTERS)
        with running(gmail, own={"mailbox": "me"}) as gateway, gateway.open() as client:
            client.ok("DELE 1")
            box, gmail.box = gmail.box, GmailBox("bob@example.org")
            gmail.tokens = {"token": "bob@example.org"}
            assert client.quit().startswith(b"-ERR [SYS/TEMP]")
        assert len(box.inbox) == len(LETTERS)

    def test_a_404_that_is_not_of_gmail_removes_nothing(self, gmail):
        fill(gmail, LETTERS)
        for stage in ("BATCHMODIFY", "TRASH"):
            gmail.fault(stage, answer(404, b"<html>no such page", content_type="text/html"))
        with running(gmail) as gateway, gateway.open() as client:
            client.ok("DELE 1")
            assert client.quit().startswith(b"-ERR [SYS/TEMP]")

    @pytest.mark.parametrize(("delete", "scope"), [("trash", READ), ("permanent", MODIFY)])
    def test_a_token_that_may_not(self, gmail, delete, scope):
        fill(gmail, LETTERS)
        gmail.scopes["token"] = {scope}
        with running(gmail, own={"delete": delete}) as gateway:
            with gateway.open() as client:
                client.ok("DELE 1")
                assert client.quit().startswith(b"-ERR [SYS/TEMP]")
            gateway.wait_for_log("removal_refused")
        assert inbox(gmail) == LETTERS


class TestWho:
    def test_wrong_password(self, gmail):
        with running(gmail) as gateway:
            with pytest.raises(Refused, match=r"\[AUTH\]"):
                gateway.open(password="wrong")
            assert gmail.heard == []

    @pytest.mark.parametrize("user", ["bob@example.org", "me", "../me", "x?y"])
    def test_the_token_is_for_another_name(self, gmail, user):
        with running(gmail) as gateway, pytest.raises(Refused, match=r"\[AUTH\]"):
            gateway.open(user=user)

    def test_whatever_name(self, gmail):
        fill(gmail, LETTERS)
        with (
            running(gmail, own={"mailbox": "me"}) as gateway,
            gateway.open(user="scanner") as client,
        ):
            assert client.stat()[0] == len(LETTERS)


def test_a_session_kept_after_quit(gmail):
    """It proves that the token is still good, and asks for changes; a wrong password gets none."""
    fill(gmail, LETTERS)
    with running(gmail, upstream={"warm": {"seconds": 60}}) as gateway:
        gateway.open().quit()
        gmail.forget_requests()
        with pytest.raises(Refused, match=r"\[AUTH\]"):
            gateway.open(password="wrong")
        assert gmail.heard == []
        fill(gmail, [b"Subject: new\r\n\r\n"])
        with gateway.open() as client:
            assert client.stat()[0] == len(LETTERS) + 1
            assert gmail.stages() == ["PROFILE", "HISTORY", "LABEL", "RAW"]
            client.ok("DELE 1")
            assert client.quit().startswith(b"+OK 1 ")
        gmail.expired.add("token")
        assert gateway.try_login().startswith(b"-ERR [SYS/TEMP]")


class TestTokens:
    def test_read_again_once_it_is_refused(self, gmail):
        fill(gmail, LETTERS)
        with running(gmail) as gateway:
            gateway.open().quit()
            gmail.tokens["fresh"] = ALICE
            with gateway.open() as client:
                gmail.expired.add("token")
                gateway.give_token("fresh")
                assert client.retr(1) == LETTERS[0]
                client.ok("DELE 1")
                assert client.quit().startswith(b"+OK 1 ")

    def test_gone_for_good(self, gmail):
        with running(gmail) as gateway:
            gateway.open().quit()
            gmail.expired.add("token")
            assert gateway.try_login().startswith(b"-ERR [SYS/TEMP]")


class TestQuota:
    def test_is_kept(self, gmail):
        """A login that must learn thirty sizes: 600 units and some, at 1200 a minute."""
        fill(gmail, LETTERS)
        gmail.allow(1200, seconds=60)
        with (
            running(gmail, own={"units_per_minute": 1200}) as gateway,
            gateway.open() as client,
        ):
            assert client.stat() == (len(LETTERS), sum(map(len, LETTERS)))
        assert gmail.refused == 0

    def test_is_waited_for(self, gmail):
        """The provider allows less than the settings say, and refuses with 403."""
        fill(gmail, LETTERS[:6])
        gmail.allow(61, seconds=1)
        with running(gmail) as gateway, gateway.open() as client:
            assert client.stat()[0] == 6
        assert gmail.refused > 0

    def test_is_not_waited_for_long(self, gmail):
        fill(gmail, LETTERS)
        with running(gmail, own={"units_per_minute": 600, "quota_wait": 0}) as gateway:
            reply = gateway.try_login()
        assert reply.startswith(b"-ERR [")
        assert b"AUTH" not in reply

    def test_what_a_login_learned_is_not_asked_again(self, gmail):
        """Fourteen messages at once and then one in four seconds."""
        fill(gmail, LETTERS)
        with running(
            gmail, own={"units_per_minute": 600}, http={"learn_timeout": 1}
        ) as gateway:
            for _ in range(2):
                assert gateway.try_login().startswith(b"-ERR [SYS/TEMP]")
        asked = [line for line in gmail.heard if line.startswith("RAW")]
        assert len(asked) >= 14
        assert len(asked) == len(set(asked))


def test_a_message_that_goes_during_the_session(gmail):
    keys = fill(gmail, LETTERS[:3])
    with running(gmail, http={"prefetch": False}) as gateway, gateway.open() as client:
        gmail.box.delete(keys[1])
        assert client.command("RETR 2").startswith(b"-ERR")
        assert client.retr(3) == LETTERS[2]
        assert client.stat()[0] == 3
