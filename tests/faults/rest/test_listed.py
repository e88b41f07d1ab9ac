"""What a REST mailbox lists wrongly: sizes, and ids that are none."""

import json
import re
from urllib.parse import quote

import pytest

from gateway.errors import Unavailable
from gateway.pop3 import replies
from tests.faults.rest.scene import CORPUS, LARGE, reply, retrieve
from tests.faults.scene import is_over

pytestmark = pytest.mark.servers


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
