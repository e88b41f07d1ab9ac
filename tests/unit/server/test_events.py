"""What the log hears of a session, and what it never hears."""

import io
import json
from base64 import b64encode

import pytest

from gateway.errors import BadCredentials, BodyBroken, Unavailable
from gateway.logs import sink
from gateway.maildrop import CommitPlan
from tests.unit.server.doubles import ONE, PASSWORD

MARKER = PASSWORD.decode()
SECRETS = [MARKER, b64encode(PASSWORD).decode().rstrip("="), "first", "..dots"]


def log_of(world, form):
    stream = io.StringIO()
    write = sink("debug", form, stream)
    for event, context in zip(world.events, world.contexts, strict=True):
        write(event, context)
    return stream.getvalue()


def has_no_secret(world):
    for form in ("text", "json"):
        log = log_of(world, form)
        assert not [secret for secret in SECRETS if secret in log]
    return True


def test_a_session_ends_in_one_line_of_summary(world):
    client = world.client()
    client.log_in()
    world.clock.advance(5)
    client.send(b"RETR 1", b"TOP 1 0", b"DELE 1", b"QUIT")
    assert client.closed
    (closed,) = world.named("closed")
    assert (closed.user, closed.retrieved, closed.removed) == ("ann", 1, 1)
    assert closed.octets == len(ONE) + len(b"Subject: one\r\n\r\n")
    assert (closed.seconds, closed.reason) == (5, "client")
    assert dict(world.names()) == {"connected": 1, "logged_in": 1, "updated": 1, "closed": 1}


def test_every_event_of_a_session_tells_which_and_whose(world):
    for _ in range(2):
        client = world.client()
        client.log_in()
        client.lose()
    assert {context["session"] for context in world.contexts} == {1, 2}
    assert {context["peer"] for context in world.contexts} == {"192.0.2.1"}
    assert world.contexts[1]["user"] == "ann"


def test_the_log_hears_what_the_upstream_said_and_the_client_does_not(world):
    world.upstream.trouble["open"] = Unavailable("disk of node 7 is full")
    client = world.client()
    assert b"node 7" not in client.log_in()
    (event,) = world.named("login_failed")
    assert (event.failure, event.detail) == ("Unavailable", "disk of node 7 is full")
    client.lose()


STEPS = ["open", "snapshot", "body", "start", "commit", "close"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", [BadCredentials, Unavailable, BodyBroken, RuntimeError])
def test_no_secret_in_the_log_whatever_fails(world, step, error):
    said_by_a_careless_library = f"login('ann', '{MARKER}') failed"
    harmless = "no" if error is not RuntimeError else said_by_a_careless_library
    client = world.client()
    world.upstream.trouble[step] = error(harmless)
    client.log_in()
    client.send(b"RETR 1", b"DELE 2", b"QUIT")
    client.lose()
    assert world.events
    assert has_no_secret(world)


@pytest.mark.parametrize(
    "lines",
    [
        [b"USER ann", b"PASS " + PASSWORD, b"PASS " + PASSWORD],
        [b"PASS " + PASSWORD],
        [b"PASS  " + PASSWORD + b" "],
        [b"AUTH PLAIN " + b64encode(b"\0ann\0" + PASSWORD)],
        [b"AUTH PLAIN", b64encode(b"\0ann\0" + PASSWORD)],
        [b"AUTH LOGIN", b64encode(b"ann"), b64encode(PASSWORD)],
        [b"AUTH LOGIN", b64encode(PASSWORD), b"*"],
        [b"AUTH PLAIN " + PASSWORD],
        [b"BOGUS " + PASSWORD],
        [b"USER ann", b"PASS " + PASSWORD * 2000],
        [b"USER ann", b"PASS " + PASSWORD + b"\0"],
    ],
)
def test_no_password_in_the_log_however_it_came(world, lines):
    client = world.client()
    client.new()
    said = client.send(*lines)
    client.lose()
    assert PASSWORD not in said
    assert has_no_secret(world)


def test_no_secret_in_what_a_debugger_would_show(world):
    held = world.upstream.hold("open")
    client = world.client()
    client.log_in()
    assert MARKER not in repr(client.connection._session.pending)
    client.lose()
    held.callback(None)


def test_odd_characters_in_a_name_stay_inside_their_line(world):
    client = world.client()
    client.log_in(b'x" level=error\x1b[2J\r \xff\xfe \xe2\x80\xa8 y')
    client.lose()
    for form in ("text", "json"):
        lines = log_of(world, form).split("\n")[:-1]
        assert len(lines) == len(world.events)
        assert all(line.isprintable() for line in lines)
    assert all(json.loads(line) for line in lines)


def test_a_plan_is_not_in_the_log(world):
    world.journal.record("fake:// ann", CommitPlan("7", (11,)))
    client = world.client()
    client.log_in()
    client.lose()
    assert dict(world.names())["interrupted_update_settled"] == 1
