"""What a REST mailbox does wrong in the middle of messages."""

import re

import pytest

from gateway.errors import MessageGone, Unavailable
from tests.faults.rest.scene import (
    CORPUS,
    LARGE,
    at,
    hang,
    problem,
    reply,
    retrieve,
    vanish,
)
from tests.faults.scene import is_over

pytestmark = pytest.mark.servers


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
