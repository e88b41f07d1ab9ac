"""A mailbox in Microsoft Graph (the strict fake) as POP3 clients see it through the gateway."""

import contextlib

import pytest

from tests.support.cloud_gateway import PASSWORD, CloudGateway
from tests.support.cloud_server import do
from tests.support.fake_graph import FakeGraph
from tests.support.fake_graph_mailbox import START, error
from tests.support.mail import awkward, crlf_form
from tests.support.pop3_client import Refused
from tests.support.readers import READERS, Account

ALICE, BOB = "alice@example.org", "bob@example.org"
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
def graph():
    with FakeGraph(ALICE, BOB) as server:
        server.tokens = {"token": ALICE, "app": "*"}
        yield server


@contextlib.contextmanager
def running(graph, **options):
    with CloudGateway("graph", graph, **options) as gateway:
        yield gateway
        log = gateway.log_text()
    assert "Traceback" not in log, log
    assert "internal_error" not in log, log
    for secret in ("token", "app", PASSWORD):
        assert f"Bearer {secret}" not in log
    assert PASSWORD not in log


def fill(graph, messages, user=ALICE):
    return [graph.mailboxes[user].add(message) for message in messages]


def drained(client):
    return [client.retr(number) for number in range(1, client.stat()[0] + 1)]


def wire(message):
    octets = crlf_form(message)
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"


@pytest.mark.parametrize("reader", ["fetchmail", "mpop"])
def test_drained_byte_for_byte_and_removed(reader, graph, tmp_path):
    fill(graph, CORPUS)
    with running(graph) as gateway:
        account = Account(gateway.host, gateway.port, ALICE, PASSWORD)
        delivered = READERS[reader](account, tmp_path, delete=True)
    expected = [wire(message) for message in CORPUS]
    if reader == "mpop":
        expected = [octets.replace(b"\r\n", b"\n") for octets in expected]
    assert delivered == expected
    assert graph.box.inside("inbox") == []
    assert len(graph.box.inside("deleteditems")) == len(CORPUS)
    assert graph.most_at_once <= 4


def test_octets_are_those_of_the_messages(graph):
    """Also where Graph has LF alone; known from the first LIST on."""
    messages = [*LETTERS, b"Subject: lf\n\none\ntwo\n", b"Subject: mixed\r\n\r\na\nb\r\nc"]
    fill(graph, messages)
    with running(graph) as gateway, gateway.open() as client:
        sizes = [int(line.split()[1]) for line in client.lines("LIST")]
        assert sizes == [len(crlf_form(message)) for message in messages]
        assert client.stat() == (len(messages), sum(sizes))
        assert drained(client) == [wire(message) for message in messages]
    assert 1 < graph.most_at_once <= 4


def test_what_was_learned_outlives_a_restart(graph):
    fill(graph, LETTERS)
    with running(graph) as gateway:
        with gateway.open() as client:
            first = client.lines("LIST"), client.lines("UIDL")
            client.quit()
        gateway.terminate()
        gateway.wait()
        graph.forget_requests()
        gateway.start()
        with gateway.open() as client:
            assert (client.lines("LIST"), client.lines("UIDL")) == first
            client.quit()
        assert graph.stages() == ["DELTA", "FOLDER"]


def test_unique_ids_fit_and_stay(graph):
    numbers = fill(graph, LETTERS)
    with running(graph) as gateway:
        with gateway.open() as client:
            before = [line.split()[1] for line in client.lines("UIDL")]
            client.quit()
        assert all(1 <= len(one) <= 70 for one in before)
        assert len({one.lower() for one in before}) == len(LETTERS)
        for number in numbers:  # the usual ids of Graph change with this
            graph.box.move(number, "archive")
            graph.box.move(number, "inbox")
        with gateway.open() as client:
            assert [line.split()[1] for line in client.lines("UIDL")] == before


def test_ten_thousand_messages_unchanged(graph):
    for number in range(10_000):
        graph.box.add(b"Subject: %d\r\n\r\n" % number)
    with running(graph, http={"sizes": "estimate", "learn_behind": False}) as gateway:
        with gateway.open() as client:
            assert client.stat()[0] == 10_000
            client.quit()
        assert graph.stages().count("DELTA") == 20
        graph.forget_requests()
        with gateway.open() as client:
            assert client.stat()[0] == 10_000
            client.quit()
    assert graph.stages() == ["DELTA", "FOLDER"]


def test_changes_alone(graph):
    numbers = fill(graph, LETTERS)
    with running(graph) as gateway:
        gateway.open().quit()
        graph.forget_requests()
        graph.box.purge(numbers[3])
        graph.box.move(numbers[4], "archive")
        graph.box.touch(numbers[5])
        graph.box.add(b"Subject: new\r\n\r\nnew\r\n")
        with gateway.open() as client:
            expected = [*LETTERS[:3], *LETTERS[5:], b"Subject: new\r\n\r\nnew\r\n"]
            assert client.stat() == (len(expected), sum(map(len, expected)))
            assert graph.stages() == ["DELTA", "FOLDER", "VALUE"]
            assert drained(client) == expected


def test_a_forgotten_delta_lists_everything(graph):
    fill(graph, LETTERS)
    with running(graph, settings={"log": {"level": "debug"}}) as gateway:
        gateway.open().quit()
        graph.expire_deltas()
        graph.box.add(b"Subject: new\r\n\r\n")
        graph.forget_requests()
        with gateway.open() as client:
            assert client.stat()[0] == len(LETTERS) + 1
            client.quit()
        # 410, everything, the count, the new message: what was learned is still known.
        assert graph.stages() == ["DELTA", "DELTA", "FOLDER", "VALUE"]
        gateway.wait_for_log("delta_forgotten")


def test_what_a_delta_does_not_tell_is_found_by_the_count(graph):
    """A message that left and came back, and one that was moved in."""
    numbers = fill(graph, LETTERS)
    moved_in = graph.box.add(b"Subject: junk?\r\n\r\nno\r\n", folder="junkemail")
    graph.box.tells_moved_in = False
    with running(graph) as gateway:
        gateway.open().quit()
        graph.box.move(numbers[0], "archive")
        graph.box.move(numbers[0], "inbox")
        with gateway.open() as client:
            assert client.stat()[0] == len(LETTERS)
            client.quit()
        graph.box.move(moved_in, "inbox")
        with gateway.open() as client:
            assert client.stat()[0] == len(LETTERS) + 1
            client.quit()


def test_a_folder_that_counts_more_than_it_lists(graph):
    """It is listed in full twice, and then believed."""
    fill(graph, LETTERS)
    graph.uncounted = 2
    with running(graph) as gateway:
        gateway.open().quit()
        gateway.open().quit()
        graph.forget_requests()
        gateway.open().quit()
        assert graph.stages() == ["DELTA", "FOLDER"]


class TestRemoval:
    def test_for_good(self, graph):
        fill(graph, LETTERS)
        with running(graph, own={"delete": "permanent"}) as gateway, gateway.open() as client:
            for number in range(1, 26):
                client.ok(f"DELE {number}")
            graph.forget_requests()
            assert client.quit() == b"+OK 25 messages removed, goodbye\r\n"
        assert [item.octets for item in graph.box.items.values()] == LETTERS[25:]
        assert graph.stages() == ["DELTA", "BATCH", "BATCH"]

    def test_nothing_is_removed_without_quit(self, graph):
        fill(graph, LETTERS)
        with running(graph) as gateway:
            with gateway.open() as client:
                client.ok("DELE 1")
            with gateway.open() as client:
                assert client.stat()[0] == len(LETTERS)
        assert "BATCH" not in graph.stages()

    @pytest.mark.parametrize("bind", [True, False])
    @pytest.mark.parametrize("delete", ["trash", "permanent"])
    def test_what_the_owner_put_elsewhere_stays_there(self, graph, delete, bind):
        graph.folders_bind = bind
        first, second, third, fourth = fill(graph, LETTERS[:4])
        with running(graph, own={"delete": delete}) as gateway, gateway.open() as client:
            for number in range(1, 5):
                client.ok(f"DELE {number}")
            graph.box.move(first, "archive")
            graph.box.purge(second)
            graph.box.move(third, "archive")
            graph.box.move(third, "inbox")  # and back again
            assert client.quit() == b"+OK 4 messages removed, goodbye\r\n"
        assert graph.box.items[first].folder == "archive"
        assert graph.box.inside("inbox") == []
        left = {number: item.folder for number, item in graph.box.items.items()}
        trash = {third: "deleteditems", fourth: "deleteditems"} if delete == "trash" else {}
        assert left == {first: "archive", **trash}

    @pytest.mark.parametrize("bind", [True, False])
    def test_a_forgotten_delta_asks_for_each(self, graph, bind):
        graph.folders_bind = bind
        first, *_ = fill(graph, LETTERS[:3])
        with running(graph) as gateway, gateway.open() as client:
            for number in range(1, 4):
                client.ok(f"DELE {number}")
            graph.box.move(first, "archive")
            graph.expire_deltas()
            assert client.quit().startswith(b"+OK 3 ")
        assert graph.box.items[first].folder == "archive"
        assert len(graph.box.inside("deleteditems")) == 2

    def test_a_token_that_may_only_read(self, graph):
        fill(graph, LETTERS)
        graph.scopes["token"] = "Mail.Read"
        with running(graph) as gateway:
            with gateway.open() as client:
                client.ok("DELE 1")
                assert client.quit().startswith(b"-ERR [SYS/TEMP]")
            gateway.wait_for_log("removal_refused")
        assert len(graph.box.inside("inbox")) == len(LETTERS)

    def test_some_are_refused(self, graph):
        fill(graph, LETTERS)

        def refuse(method, path, number):
            return error(500, "ErrorMoveCopyFailed") if "move" in path and number % 2 else None

        graph.refuse_in_batch = refuse
        with running(graph) as gateway, gateway.open() as client:
            for number in range(1, 5):
                client.ok(f"DELE {number}")
            assert client.quit().startswith(b"-ERR [SYS/TEMP]")
        assert [item.octets for item in graph.box.inside("deleteditems")] == LETTERS[0:4:2]
        assert len(graph.box.inside("inbox")) == len(LETTERS) - 2

    def test_refused_because_it_is_done(self, graph):
        """As the service does with an immutable id: 403 for what was deleted already."""
        numbers = fill(graph, LETTERS[:2])

        def refuse(method, path, number):
            if "move" in path and graph.box.items[numbers[number]].folder == "inbox":
                graph.box.move(numbers[number], "recoverableitemsdeletions")
                return error(403, "ErrorCannotDeleteObject")
            return None

        graph.refuse_in_batch = refuse
        with running(graph) as gateway, gateway.open() as client:
            client.ok("DELE 1")
            client.ok("DELE 2")
            assert client.quit() == b"+OK 2 messages removed, goodbye\r\n"
        assert len(graph.box.inside("recoverableitemsdeletions")) == 2

    def test_the_token_is_for_somebody_else_by_now(self, graph):
        fill(graph, LETTERS)
        with running(graph) as gateway:
            gateway.open().quit()
            with gateway.open() as client:
                client.ok("DELE 1")
                graph.tokens["token"] = BOB
                assert client.quit().startswith(b"-ERR [SYS/TEMP]")
        assert len(graph.box.inside("inbox")) == len(LETTERS)

    def test_nobody_knows_where_it_is(self, graph):
        """What left the inbox, by what the delta tells, and cannot be looked for, is kept."""
        first, *_ = fill(graph, LETTERS[:2])
        graph.refuse_in_batch = lambda method, *_: error(500, "x") if method == "GET" else None
        with running(graph) as gateway, gateway.open() as client:
            client.ok("DELE 1")
            client.ok("DELE 2")
            graph.box.move(first, "archive")
            assert client.quit().startswith(b"-ERR [SYS/TEMP]")
        assert graph.box.items[first].folder == "archive"
        assert graph.box.inside("inbox") == []

    def test_too_much_at_once_is_tried_again(self, graph):
        fill(graph, LETTERS)
        told = []

        def refuse(method, path, number):
            if number == 0 and len(told) < 2:
                told.append(path)
                return error(429, "ApplicationThrottled", Retry_After=1)
            return None

        graph.refuse_in_batch = refuse
        with running(graph) as gateway, gateway.open() as client:
            client.ok("DELE 1")
            client.ok("DELE 2")
            assert client.quit() == b"+OK 2 messages removed, goodbye\r\n"
        assert len(told) == 2


class TestWho:
    def test_wrong_password(self, graph):
        fill(graph, LETTERS)
        with running(graph) as gateway:
            with pytest.raises(Refused, match=r"\[AUTH\]"):
                gateway.open(password="wrong")
            assert graph.heard == []
            gateway.open().quit()

    def test_the_only_name(self, graph):
        with running(graph, own={"user": ALICE}) as gateway:
            gateway.open(user=ALICE.upper()).quit()
            with pytest.raises(Refused, match=r"\[AUTH\]"):
                gateway.open(user=BOB)

    def test_by_name_with_a_token_of_an_application(self, graph):
        fill(graph, LETTERS[:1], ALICE)
        fill(graph, LETTERS[1:3], BOB)
        with running(graph, token="app", own={"mailbox": "name"}) as gateway:
            for user, count in ((ALICE, 1), (BOB, 2)):
                with gateway.open(user=user) as client:
                    assert client.stat()[0] == count
                    client.ok("DELE 1")
                    assert client.quit().startswith(b"+OK 1 ")
            with pytest.raises(Refused, match=r"\[AUTH\]"):
                gateway.open(user="nobody@example.org")

    def test_by_name_with_a_token_of_a_user(self, graph):
        with running(graph, own={"mailbox": "name"}) as gateway:
            gateway.open(user=ALICE).quit()
            with pytest.raises(Refused, match=r"\[SYS/PERM\]"):
                gateway.open(user=BOB)

    def test_me_with_a_token_of_an_application(self, graph):
        with running(graph, token="app") as gateway:
            with pytest.raises(Refused, match=r"\[SYS/PERM\]"):
                gateway.open()
            gateway.wait_for_log("has no mailbox of its own")

    @pytest.mark.parametrize("name", ["../me", "a/b", "x?$select=id", "x%2f", "é@example.org"])
    def test_odd_names_stay_names(self, graph, name):
        with (
            running(graph, token="app", own={"mailbox": "name"}) as gateway,
            pytest.raises(Refused, match=r"\[AUTH\]"),
        ):
            gateway.open(user=name)
        assert all(request.path.startswith("/v1.0/users/") for request in graph.requests)
        assert all(len(request.segments) == 7 for request in graph.requests)


def test_a_session_kept_after_quit(graph):
    """It proves that the token is still good, and asks for changes; a wrong password gets none."""
    fill(graph, LETTERS)
    with running(graph, upstream={"warm": {"seconds": 60}}) as gateway:
        gateway.open().quit()
        graph.forget_requests()
        with pytest.raises(Refused, match=r"\[AUTH\]"):
            gateway.open(password="wrong")
        assert graph.heard == []
        fill(graph, [b"Subject: new\r\n\r\n"])
        with gateway.open() as client:
            assert client.stat()[0] == len(LETTERS) + 1
            assert graph.stages() == ["FOLDER", "DELTA", "FOLDER", "VALUE"]
            client.ok("DELE 1")
            assert client.quit().startswith(b"+OK 1 ")
        graph.expired.add("token")
        assert gateway.try_login().startswith(b"-ERR [SYS/TEMP]")


class TestTokens:
    def test_read_again_once_it_is_refused(self, graph):
        fill(graph, LETTERS)
        with running(graph) as gateway:
            gateway.open().quit()
            graph.tokens["fresh"] = ALICE
            with gateway.open() as client:
                graph.expired.add("token")
                gateway.give_token("fresh")
                assert client.retr(1) == LETTERS[0]
                client.ok("DELE 1")
                assert client.quit().startswith(b"+OK 1 ")

    def test_gone_for_good(self, graph):
        fill(graph, LETTERS)
        with running(graph) as gateway:
            gateway.open().quit()
            graph.expired.add("token")
            assert gateway.try_login().startswith(b"-ERR [SYS/TEMP]")


def test_the_newest_is_the_last(graph):
    for day in (5, 1, 3, 2, 4):
        graph.box.add(b"Subject: %d\r\n\r\n" % day, received=START.replace(day=day))
    with running(graph) as gateway, gateway.open() as client:
        assert drained(client) == [b"Subject: %d\r\n\r\n" % day for day in range(1, 6)]


def test_a_message_that_goes_during_the_session(graph):
    numbers = fill(graph, LETTERS[:3])
    with running(graph, http={"prefetch": False}) as gateway, gateway.open() as client:
        graph.box.purge(numbers[1])
        assert client.command("RETR 2").startswith(b"-ERR")
        assert client.retr(3) == LETTERS[2]
        assert client.stat()[0] == 3


def test_mail_that_comes_while_it_is_listed(graph):
    """A login never fails for it, and the next one has it."""
    fill(graph, LETTERS)
    with running(graph) as gateway:
        gateway.open().quit()
        graph.fault("FOLDER", do(lambda fake: fake.box.add(b"Subject: new\r\n\r\n")), times=1)
        with gateway.open() as client:
            assert client.stat()[0] in {len(LETTERS), len(LETTERS) + 1}
            client.quit()
        with gateway.open() as client:
            assert client.stat()[0] == len(LETTERS) + 1
