"""What a REST mailbox does wrong, and how it ends on the POP3 wire (DESIGN §4)."""

import json
import math
import re
from urllib.parse import quote

import pytest

from gateway.errors import (
    BadCredentials,
    EpochChanged,
    MaildropBusy,
    MessageGone,
    Misconfigured,
    Throttled,
    Unavailable,
)
from gateway.pop3 import replies
from tests.faults.rest_scene import CORPUS, QUICK, RestScene, retrieve
from tests.faults.scene import bounded, is_over
from tests.support.gateway import RunningGateway
from tests.support.mailbox_server import MailboxServer
from tests.support.rest_proxy import RestProxy

pytestmark = pytest.mark.servers
LARGE = 2  # its number in the corpus


@pytest.fixture(scope="module")
def server():
    with MailboxServer("--page", "2") as running:
        yield running


@pytest.fixture(scope="module")
def proxy(server):
    with RestProxy(server) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(proxy):
    with RunningGateway(f"rest+{proxy.url}", settings=QUICK, workers=1) as running:
        yield running
        assert running.running
        log = running.log_text()
    assert "internal_error" not in log, log
    assert "Traceback" not in log, log
    assert MailboxServer.password not in log


@pytest.fixture
def scene(server, proxy, gateway):
    scene = RestScene(server, proxy, gateway)
    with bounded():
        yield scene
        scene.close()


def reply(failure):
    return replies.FAILURES[failure].reply


def at(path, fault, method="GET"):
    """Lays a fault before everything at this path; `raw` is every message."""

    def lay(exchange):
        fits = exchange.is_raw if path == "raw" else exchange.path == path
        if fits and exchange.method == method:
            fault(exchange)

    return lay


def problem(status, kind="x", **headers):
    return lambda exchange: exchange.problem(status, kind, **headers)


def hang(exchange):
    exchange.hang = math.inf


def vanish(exchange):
    exchange.close = True


# At login.

LOGIN = {
    "500": (problem(500), Unavailable),
    "503": (problem(503), Unavailable),
    "429 for long": (problem(429, retry_after="9999"), Throttled),
    "403 disabled": (problem(403, "account-disabled"), Misconfigured),
    "404": (problem(404), Misconfigured),
    "401": (problem(401, www_authenticate="Basic"), BadCredentials),
    "hangs": (hang, Unavailable),
    "hangs up": (vanish, Unavailable),
    "redirects elsewhere": (problem(307, location="http://127.0.0.2:9/x"), Misconfigured),
    "HTML": (lambda e: e.answer(200, {}, "text/html"), Unavailable),
    "a number": (lambda e: e.answer(200, 7), Unavailable),
    "null": (lambda e: e.answer(200, None), Unavailable),
    "nothing": (lambda e: (e.answer(200), e.resize(b"")), Unavailable),
    "deep JSON": (lambda e: (e.answer(200), e.resize(b"[" * 60_000)), Unavailable),
    "too much": (lambda e: e.answer(200, "x" * 100_000), Unavailable),
    "compressed": (lambda e: e.answer(200, {}, content_encoding="gzip"), Unavailable),
}


@pytest.mark.parametrize("path", ["/session", "/messages"])
@pytest.mark.parametrize("name", LOGIN)
def test_a_login_that_fails_is_told_and_never_an_empty_maildrop(scene, path, name):
    fault, failure = LOGIN[name]
    scene.proxy.before = at(path, fault)
    if path == "/messages":
        scene.proxy.twist = at("/changes", problem(410))  # the whole list is needed
    assert scene.try_login() == reply(failure)
    scene.is_well_again()


@pytest.mark.parametrize("name", ["500", "hangs", "HTML", "null", "401"])
def test_changes_that_fail(scene, name):
    scene.login().quit()
    fault, failure = LOGIN[name]
    scene.proxy.before = at("/changes", fault)
    assert scene.try_login() == reply(failure)
    scene.is_well_again()


def test_after_410_on_changes_everything_is_listed(scene):
    scene.login().quit()
    scene.proxy.before = at("/changes", problem(410, "state-unknown"))
    client = scene.login()
    assert client.ok("STAT").split()[1] == b"3"


@pytest.mark.parametrize("status", [429, 503])
def test_a_short_retry_after_is_waited_for(scene, status):
    left = [1]

    def busy(exchange):
        if left and exchange.path == "/session":
            left.pop()
            exchange.problem(status, retry_after="1")

    scene.proxy.before = busy
    assert scene.try_login().startswith(b"+OK")


def test_a_held_lock_is_in_use(scene):
    scene.proxy.before = at("/lock", problem(423, "locked"), "POST")
    assert scene.try_login() == reply(MaildropBusy)
    scene.is_well_again()


PAGES = {
    "a page is missing": lambda page: page.update(next=None),
    "pages without end": lambda page: page.update(next="again"),
    "another state": lambda page: page.update(state="other"),
    "another generation": lambda page: page.update(generation="2"),
    "a size below nothing": lambda page: page["messages"][0].update(size=-1),
    "a size in words": lambda page: page["messages"][0].update(size="12"),
    "an id that is no text": lambda page: page["messages"][0].update(id=7),
    "an empty id": lambda page: page["messages"][0].update(id=""),
    "an endless id": lambda page: page["messages"][0].update(id="x" * 5000),
    "no messages": lambda page: page.pop("messages"),
}


@pytest.mark.parametrize("name", PAGES)
def test_pages_that_do_not_fit_are_no_maildrop(scene, name):
    first = [True]

    def before(exchange):
        if exchange.path == "/changes":
            exchange.problem(410)
        exchange.target = exchange.target.replace("cursor=again", "x=y")

    def twist(exchange):
        # Of the first page alone, so that its state and those of others differ.
        if exchange.is_list and ("cursor" not in exchange.query or not first):
            page = exchange.json
            PAGES[name](page)
            exchange.json = page

    scene.proxy.before, scene.proxy.twist = before, twist
    assert scene.try_login() == reply(Unavailable)
    scene.is_well_again()


# Messages.


def cut_once(octets):
    """The first answer with that message breaks off."""
    left = [1]

    def twist(exchange):
        if exchange.is_raw and len(exchange.body) > octets and left:
            left.pop()
            exchange.cut = octets

    return twist


def test_a_reset_in_mid_body_is_resumed_by_range(scene):
    ranges = []

    def before(exchange):
        if exchange.is_raw:
            ranges.append((exchange.fields.get("range"), exchange.fields.get("if-range")))

    scene.proxy.before, scene.proxy.twist = before, cut_once(100_000)
    client = scene.login()
    assert retrieve(client, LARGE) == ("whole", CORPUS[LARGE - 1])
    etag = scene.server.listed()[LARGE - 1]["etag"]
    assert ranges[0] == (None, None)
    asked = [(field, tag) for field, tag in ranges if field]
    assert len(asked) == 1
    assert re.fullmatch(r"bytes=\d+-", asked[0][0])
    assert asked[0][1] == etag
    assert client.quit().startswith(b"+OK")


def no_ranges(exchange):
    if exchange.is_raw:
        exchange.headers["accept-ranges"] = "none"


def weak(exchange):
    if exchange.is_raw:
        exchange.headers["etag"] = f"W/{exchange.headers.get('etag')}"


def another_message(exchange):
    if exchange.is_raw and "range" in exchange.fields:
        exchange.status = 200
        exchange.headers.pop("content-range", None)
        exchange.headers["etag"] = '"other"'


def wrong_part(exchange):
    if exchange.is_raw and "range" in exchange.fields:
        exchange.headers["content-range"] = f"bytes 0-{len(exchange.body) - 1}/302000"


def gone_now(exchange):
    if exchange.is_raw and "range" in exchange.fields:
        exchange.problem(410)


@pytest.mark.parametrize("more", [no_ranges, weak, another_message, wrong_part, gone_now])
def test_a_reset_that_cannot_be_resumed_is_no_whole_message(scene, more):
    cut = cut_once(100_000)

    def twist(exchange):
        more(exchange)
        cut(exchange)

    scene.proxy.twist = twist
    client = scene.login()
    kind, octets = retrieve(client, LARGE)
    assert kind == "cut"
    assert b"\r\n.\r\n" not in octets[-5:]
    assert is_over(client)
    scene.is_well_again()


def test_a_message_that_breaks_off_each_time_is_given_up(scene):
    def twist(exchange):
        if exchange.is_raw and len(exchange.body) > 60_000:
            exchange.cut = 50_000

    scene.proxy.twist = twist
    client = scene.login()
    assert retrieve(client, LARGE)[0] == "cut"
    assert is_over(client)


def test_a_content_length_that_is_too_large_is_no_whole_message(scene):
    def twist(exchange):
        if exchange.is_raw and "range" not in exchange.fields:
            exchange.headers["content-length"] = str(len(exchange.body) + 10)
            exchange.headers["accept-ranges"] = "none"
            exchange.headers["connection"] = "close"

    scene.proxy.twist = at("raw", twist)
    scene.proxy.before = at("raw", lambda e: e.fields.update(connection="close"))
    client = scene.login()
    assert retrieve(client, LARGE)[0] == "cut"
    assert is_over(client)
    scene.is_well_again()


def test_a_content_length_that_is_too_small_is_no_whole_message(scene):
    def twist(exchange):
        exchange.headers["content-length"] = str(len(exchange.body) - 10)
        exchange.body = exchange.body[:-10]

    scene.proxy.twist = at("raw", twist)
    client = scene.login()
    assert retrieve(client, LARGE)[0] == "cut"
    assert is_over(client)
    scene.is_well_again()


def test_a_message_that_falls_silent_is_broken_off(scene):
    def twist(exchange):
        if exchange.is_raw:
            exchange.headers["content-length"] = str(len(exchange.body) + 100_000)

    scene.proxy.twist = twist
    client = scene.login()
    assert retrieve(client, LARGE)[0] == "cut"
    assert is_over(client)
    scene.is_well_again()


RAW = {
    "404": (problem(404), MessageGone),
    "409": (problem(409, "generation-changed"), MessageGone),
    "410": (problem(410), MessageGone),
    "401": (problem(401, www_authenticate="Basic"), Unavailable),
    "403": (problem(403), Unavailable),
    "429": (problem(429, retry_after="9999"), Unavailable),
    "500": (problem(500), Unavailable),
    "503": (problem(503), Unavailable),
    "hangs": (hang, Unavailable),
    "hangs up": (vanish, Unavailable),
}


@pytest.mark.parametrize("name", RAW)
def test_a_message_that_cannot_be_had_is_an_error_and_the_session_goes_on(scene, name):
    fault, failure = RAW[name]
    client = scene.login()
    scene.proxy.before = at("raw", fault)
    assert retrieve(client, 1) == ("error", reply(failure))
    scene.proxy.heal()
    assert retrieve(client, 3) == ("whole", CORPUS[2])
    assert client.quit().startswith(b"+OK")


# What is listed wrongly.


def on_list(change):
    """Every list is whole, and changed."""

    def before(exchange):
        if exchange.path == "/changes":
            exchange.problem(410)

    def twist(exchange):
        if exchange.is_list:
            page = exchange.json
            change(page)
            exchange.json = page

    return before, twist


def resize(difference):
    def change(page):
        for each in page["messages"]:
            each["size"] = max(0, each["size"] + difference)

    return change


def test_sizes_that_are_too_small_are_corrected(scene):
    scene.proxy.before, scene.proxy.twist = on_list(resize(-7))
    client = scene.login()
    for number, message in enumerate(CORPUS, 1):
        status = client.command(f"RETR {number}")
        assert str(len(message)).encode() in status
        assert b"".join(client.raw_body())
    assert client.quit().startswith(b"+OK")
    client = scene.login()
    listed = [int(octets) for octets in client.text("LIST").split()[1::2]]
    assert listed == [len(message) for message in CORPUS]
    scene.gateway.wait_for_log("size_differs")


def test_a_message_shorter_than_listed_is_never_ended(scene):
    scene.proxy.before, scene.proxy.twist = on_list(resize(+7))
    client = scene.login()
    assert retrieve(client, LARGE)[0] == "cut"
    assert is_over(client)


def test_different_messages_of_one_id_are_not_deleted(scene):
    def change(page):
        if len(page["messages"]) == 2:
            page["messages"][1]["id"] = page["messages"][0]["id"]

    scene.proxy.before, scene.proxy.twist = on_list(change)
    client = scene.login()
    assert client.ok("STAT").split()[1] == b"2"
    assert len(set(client.text("UIDL").split()[1::2])) == 2
    client.ok("DELE 1")
    assert client.command("QUIT") == replies.PARTIAL_COMMIT
    assert scene.left == CORPUS


ODD_IDS = {
    "long": "x" * 71,
    "very long": "y" * 2000,
    "with spaces": "a b",
    "with a slash": "a/b/../c",
    "with percent and question": "50%?#&",
    "not ASCII": "Grüße 🐌",
    "with controls": "a\r\nb\0c",
}


def renamed(new):
    """The proxy's name for the first message."""
    names = {}

    def before(exchange):
        if exchange.path == "/changes":
            exchange.problem(410)
        elif exchange.is_raw and "/messages/odd-" not in exchange.path and names:
            shown = exchange.target.rpartition("/raw")[0].removeprefix("/messages/")
            if shown == names["quoted"]:
                exchange.target = exchange.target.replace(shown, names["real"])
        elif exchange.path == "/messages/delete":
            body = json.loads(exchange.sent)
            body["ids"] = [names["real"] if each == new else each for each in body["ids"]]
            exchange.sent = json.dumps(body).encode()

    def twist(exchange):
        if exchange.is_list and "cursor" not in exchange.query:
            page = exchange.json
            names["real"] = page["messages"][0]["id"]
            names["quoted"] = quote(new.encode("utf-8", "surrogatepass"), safe="")
            page["messages"][0]["id"] = new
            exchange.json = page
        elif exchange.path == "/messages/delete" and exchange.status == 200:
            answer = exchange.json
            answer["destroyed"] = [
                new if each == names["real"] else each for each in answer["destroyed"]
            ]
            exchange.json = answer

    return before, twist


@pytest.mark.parametrize("name", ODD_IDS)
def test_odd_ids_get_unique_ids_that_are_valid(scene, name):
    scene.proxy.before, scene.proxy.twist = renamed(ODD_IDS[name])
    client = scene.login()
    ids = client.text("UIDL").split()[1::2]
    assert len(set(ids)) == 3
    assert all(re.fullmatch(rb"[\x21-\x7e]{1,70}", each) for each in ids)
    assert retrieve(client, 1) == ("whole", CORPUS[0])
    client.ok("DELE 1")
    assert client.command("QUIT").startswith(b"+OK")
    assert scene.left == CORPUS[1:]
    client = scene.login()
    assert client.ok("STAT").split()[1] == b"2"


def test_an_id_that_is_no_unicode_is_no_maildrop(scene):
    scene.proxy.before, scene.proxy.twist = renamed("\ud800")
    assert scene.try_login() == reply(Unavailable)


@pytest.mark.parametrize("dots", [".", ".."])
def test_an_id_that_is_a_way_up_is_not_followed(scene, dots):
    scene.proxy.before, scene.proxy.twist = renamed(dots)
    client = scene.login()
    scene.proxy.heard.clear()
    assert retrieve(client, 1) == ("error", reply(Unavailable))
    assert retrieve(client, 3) == ("whole", CORPUS[2])
    client.ok("DELE 3")
    assert client.command("QUIT").startswith(b"+OK")
    assert scene.left == CORPUS[:2]


# UPDATE.

DELETE = {
    "500": problem(500),
    "503": problem(503),
    "429": problem(429, retry_after="9999"),
    "401": problem(401, www_authenticate="Basic"),
    "403": problem(403),
    "413": problem(413),
    "422": problem(422),
    "hangs up": vanish,
    "HTML": lambda e: e.answer(200, {}, "text/html"),
    "null": lambda e: e.answer(200, None),
}


@pytest.mark.parametrize("name", DELETE)
def test_a_deletion_that_fails_is_told_and_keeps_the_mail(scene, name):
    client = scene.login()
    client.ok("DELE 1")
    client.ok("DELE 3")
    scene.proxy.before = at("/messages/delete", DELETE[name], "POST")
    assert client.command("QUIT") == replies.UNKNOWN_OUTCOME
    assert is_over(client)
    assert scene.left == CORPUS


def test_a_deletion_that_gets_no_answer_is_an_unknown_outcome(scene):
    """The server does it and does not say so; the next login settles it."""
    client = scene.login()
    client.ok("DELE 1")
    client.ok("DELE 3")
    scene.proxy.before = at("/messages/delete", hang, "POST")
    assert client.command("QUIT") == replies.UNKNOWN_OUTCOME
    assert is_over(client)
    assert scene.left == [CORPUS[1]]
    scene.is_well_again()


def test_changes_that_leave_something_out_are_seen_by_their_total(scene):
    scene.login().quit()

    def twist(exchange):
        if exchange.path == "/changes" and exchange.status == 200:
            exchange.json = {**exchange.json, "destroyed": []}

    (first, *_) = sorted((scene.server.mail.path / "new").iterdir())
    first.unlink()
    scene.proxy.twist = twist
    client = scene.login()
    assert client.ok("STAT").split()[1] == b"2"


def test_a_deletion_in_another_generation_does_nothing(scene):
    client = scene.login()
    client.ok("DELE 1")
    fault = problem(409, "generation-changed")
    scene.proxy.before = at("/messages/delete", fault, "POST")
    assert client.command("QUIT") == reply(EpochChanged)
    assert is_over(client)
    assert scene.left == CORPUS


@pytest.mark.parametrize("times", [1, 2])
def test_a_lost_answer_is_asked_for_again_with_the_same_key(scene, times):
    keys, left = [], [1] * times

    def twist(exchange):
        if exchange.path == "/messages/delete":
            keys.append((exchange.fields["idempotency-key"], exchange.sent))
            if left:
                left.pop()
                exchange.close = True

    client = scene.login()
    client.ok("DELE 1")
    client.ok("DELE 3")
    scene.proxy.twist = twist
    assert client.command("QUIT").startswith(b"+OK")
    assert len(keys) == times + 1
    assert len(set(keys)) == 1
    assert scene.left == [CORPUS[1]]


def test_an_answer_that_forgets_an_id_has_kept_it(scene):
    def twist(exchange):
        if exchange.path == "/messages/delete":
            answer = exchange.json
            answer["destroyed"] = answer["destroyed"][:1]
            exchange.json = answer

    client = scene.login()
    client.ok("DELE 1")
    client.ok("DELE 3")
    scene.proxy.twist = twist
    assert client.command("QUIT") == replies.PARTIAL_COMMIT


def test_an_answer_that_names_others_changes_nothing(scene):
    def twist(exchange):
        if exchange.path == "/messages/delete":
            answer = exchange.json
            answer["destroyed"] += ["another", scene.server.listed()[0]["id"]]
            exchange.json = answer

    client = scene.login()
    client.ok("DELE 1")
    scene.proxy.twist = twist
    assert client.command("QUIT").startswith(b"+OK")
    assert scene.left == CORPUS[1:]
    scene.is_well_again()


def test_a_lock_that_is_lost_or_not_given_back_ends_nothing(scene):
    def before(exchange):
        if exchange.method in {"PUT", "DELETE"}:
            exchange.problem(404, "lock-unknown")

    client = scene.login()
    scene.proxy.before = before
    assert retrieve(client, 1) == ("whole", CORPUS[0])
    assert client.quit().startswith(b"+OK")
    scene.server.restart()  # the lock that nobody gave back
    scene.is_well_again()
