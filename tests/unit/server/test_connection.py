"""A client's whole session over a wire in memory."""

import pytest

from gateway.errors import (
    BadCredentials,
    BodyBroken,
    ConsentMissing,
    EpochChanged,
    MaildropBusy,
    MessageGone,
    Misconfigured,
    PartialCommit,
    Throttled,
    Unavailable,
)
from gateway.pop3 import replies
from tests.unit.server.doubles import ONE, PASSWORD, THREE, TWO, unstuffed

TOTAL = len(ONE) + len(TWO) + len(THREE)


def test_it_greets_and_sets_the_socket_up(world):
    client = world.client()
    assert client.new() == replies.GREETING
    # Nagle's algorithm would cost 40 ms a message; keep-alive notices a vanished client.
    assert client.wire.options == {"nodelay": True, "keepalive": True}


def test_a_whole_session(world):
    client = world.client()
    assert client.log_in() == replies.SEND_PASSWORD + replies.logged_in(3, TOTAL)
    assert client.send(b"STAT") == b"+OK 3 %d\r\n" % TOTAL
    assert client.send(b"UIDL 2") == b"+OK 2 id-12\r\n"
    assert unstuffed(client.send(b"RETR 1")) == ONE
    assert client.send(b"DELE 1") == replies.marked(1)
    assert client.send(b"QUIT") == replies.removed(1)
    assert client.closed
    assert list(world.upstream.mail) == [12, 13]
    assert world.everything_is_given_back()


def test_everything_in_one_packet_is_answered_in_order(world):
    client = world.client()
    client.new()
    said = client.send(
        *(b"USER ann", b"PASS " + PASSWORD, b"STAT", b"RETR 1", b"LIST", b"TOP 2 0"),
        *(b"UIDL", b"DELE 2", b"BOGUS", b"NOOP", b"QUIT"),
    )
    pieces = [
        replies.SEND_PASSWORD,
        replies.logged_in(3, TOTAL),
        replies.stat(3, TOTAL),
        replies.body(len(ONE)) + ONE.replace(b"\n.", b"\n..") + b".\r\n",
        replies.DONE if False else replies.listing(3, TOTAL),
        b"1 %d\r\n2 %d\r\n3 %d\r\n.\r\n" % (len(ONE), len(TWO), len(THREE)),
        replies.DONE + b"Subject: two\r\n\r\n.\r\n",
        replies.DONE + b"1 id-11\r\n2 id-12\r\n3 id-13\r\n.\r\n",
        replies.marked(2),
        replies.FAILURES[replies.errors.BadCommand].reply,
        replies.DONE,
        replies.removed(1),
    ]
    assert said == b"".join(pieces)
    assert client.closed
    assert world.everything_is_given_back()


def test_octet_by_octet_is_the_same_as_whole(make_world):
    conversation = (
        b"CAPA\r\nUSER ann\r\nPASS " + PASSWORD + b"\r\nLIST\r\nRETR 1\r\nTOP 1 1\r\n"
        b"DELE 1\r\nDELE 1\r\nRSET\r\nDELE 3\r\nUIDL\r\nQUIT\r\n"
    )
    whole, pieces = make_world().client(), make_world().client()
    whole.push(conversation)
    for octet in conversation:
        pieces.push(bytes([octet]))
    assert whole.new() == pieces.new()


def test_a_lost_connection_without_quit_deletes_nothing(world):
    client = world.client()
    client.log_in()
    client.send(b"DELE 1", b"DELE 2")
    client.lose()
    assert world.upstream.plans == []
    assert len(world.upstream.mail) == 3
    assert world.everything_is_given_back()


def test_a_second_session_gets_in_use_until_the_first_ends(world):
    first, second = world.client(), world.client()
    first.log_in()
    assert b"-ERR [IN-USE]" in second.log_in(b"ANN")
    first.lose()
    assert replies.logged_in(3, TOTAL) in second.log_in()
    second.send(b"QUIT")
    assert second.closed
    assert world.everything_is_given_back()


# ---- failures, as the client reads them

LOGIN_FAILURES = [BadCredentials, ConsentMissing, Throttled, MaildropBusy, Unavailable]


@pytest.mark.parametrize("failure", [*LOGIN_FAILURES, Misconfigured])
@pytest.mark.parametrize("step", ["open", "snapshot"])
def test_a_failed_login_has_the_reply_of_its_failure_and_the_session_stays(
    world, failure, step
):
    world.upstream.trouble[step] = failure("said the upstream")
    client = world.client()
    said = client.log_in()
    assert said == replies.SEND_PASSWORD + replies.FAILURES[failure].reply
    assert not client.wire.closing
    assert len(world.leases) == 0
    assert world.upstream.open_sessions == 0
    world.upstream.trouble.clear()
    assert replies.logged_in(3, TOTAL) in client.log_in()
    client.lose()
    assert world.everything_is_given_back()


@pytest.mark.parametrize("failure", [BodyBroken, MessageGone, EpochChanged, PartialCommit])
def test_a_failure_that_does_not_belong_to_a_login_has_a_reply_all_the_same(world, failure):
    world.upstream.trouble["snapshot"] = failure("a driver's mistake")
    client = world.client()
    assert b"-ERR" in client.log_in()
    assert b"-ERR" in client.send(b"NOOP")
    client.lose()
    assert world.everything_is_given_back()


def test_a_refused_password_is_answered_late(make_world):
    world = make_world(rules={"failed_login_delay": 2})
    client = world.client()
    client.new()
    world.upstream.trouble["open"] = BadCredentials("no")
    assert client.send(b"USER ann", b"PASS no", b"NOOP") == replies.SEND_PASSWORD
    world.clock.advance(1.9)
    assert client.new() == b""
    world.clock.advance(0.2)
    assert client.new().startswith(replies.FAILURES[BadCredentials].reply)
    client.lose()
    assert world.everything_is_given_back()


def test_a_client_that_leaves_during_the_delay_leaves_no_timer(make_world):
    world = make_world(rules={"failed_login_delay": 2})
    world.upstream.trouble["open"] = BadCredentials("no")
    client = world.client()
    client.log_in()
    client.lose()
    assert world.everything_is_given_back()


@pytest.mark.parametrize("failure", [MessageGone, Unavailable, Misconfigured])
def test_a_message_that_fails_before_it_begins_is_an_error_and_the_session_stays(
    world, failure
):
    client = world.client()
    client.log_in()
    world.upstream.trouble["start"] = failure("said the upstream")
    assert client.send(b"RETR 1") == replies.FAILURES[failure].reply
    world.upstream.trouble.clear()
    assert unstuffed(client.send(b"RETR 2")) == TWO
    client.lose()
    assert world.everything_is_given_back()


def test_a_changed_epoch_ends_the_session_and_removes_nothing(world):
    client = world.client()
    client.log_in()
    client.send(b"DELE 1")
    world.upstream.trouble["start"] = EpochChanged("8")
    assert client.send(b"RETR 2") == replies.FAILURES[EpochChanged].reply
    assert client.closed
    assert world.upstream.plans == []
    assert world.everything_is_given_back()


def test_a_message_broken_inside_is_cut_off_without_another_octet(world):
    world.upstream.manual = True
    client = world.client()
    client.log_in()
    client.send(b"RETR 1", b"NOOP", b"DELE 1", b"QUIT")
    body = world.upstream.bodies[0]
    body.sink.begin(len(ONE))
    body.send(ONE[:10])
    client.new()
    body.fail(BodyBroken("upstream lost"))
    assert client.new() == b""
    assert client.wire.aborted
    assert client.closed
    assert world.upstream.plans == []
    assert [event.reason for event in world.named("closed")] == ["aborted"]
    assert world.everything_is_given_back()


COMMITS = [
    (EpochChanged, replies.FAILURES[EpochChanged].reply),
    (PartialCommit, replies.UNKNOWN_OUTCOME),
    (Unavailable, replies.UNKNOWN_OUTCOME),
    (Misconfigured, replies.UNKNOWN_OUTCOME),
    (ZeroDivisionError, replies.UNKNOWN_OUTCOME),
]


@pytest.mark.parametrize(("error", "reply"), COMMITS)
def test_a_failed_update_is_an_error_then_the_end(world, error, reply):
    client = world.client()
    client.log_in()
    client.send(b"DELE 1")
    world.upstream.trouble["commit"] = error("said the upstream")
    assert client.send(b"QUIT") == reply
    assert client.closed
    assert world.everything_is_given_back()
    assert world.journal.interrupted("fake:// ann") is None


def test_a_partial_update_is_an_error(world):
    world.upstream.keep = {12}
    client = world.client()
    client.log_in()
    client.send(b"DELE 1", b"DELE 2")
    assert client.send(b"QUIT") == replies.PARTIAL_COMMIT
    assert client.closed
    assert world.everything_is_given_back()


def test_quit_is_answered_after_the_update_and_before_the_release(world):
    held = world.upstream.hold("commit")
    client = world.client()
    client.log_in()
    client.send(b"DELE 1")
    assert client.send(b"QUIT", b"NOOP") == b""
    assert len(world.leases) == 1
    held.callback(None)
    assert client.new() == replies.removed(1)
    assert world.upstream.calls[-2:] == ["commit", "close"]
    assert client.closed
    assert world.everything_is_given_back()


# ---- a driver with a defect


@pytest.mark.parametrize("step", ["open", "snapshot", "body", "start"])
def test_a_defect_in_a_driver_is_sys_temp_and_one_event(world, step):
    client = world.client()
    if step in {"body", "start"}:
        client.log_in()
    world.upstream.trouble[step] = RuntimeError(f"marker {PASSWORD.decode()}")
    said = client.send(b"RETR 1") if len(world.leases) else client.log_in()
    assert said.endswith(replies.FAILURES[Unavailable].reply)
    assert not client.wire.closing
    (event,) = world.named("internal_error")
    assert "RuntimeError" in event.traceback
    assert PASSWORD.decode() not in event.traceback
    world.upstream.trouble.clear()
    assert b"+OK" in (client.send(b"RETR 2") if len(world.leases) else client.log_in())
    client.lose()
    assert world.everything_is_given_back()


def test_a_defect_inside_a_message_cuts_the_connection(world):
    world.upstream.manual = True
    client = world.client()
    client.log_in()
    client.send(b"RETR 1")
    body = world.upstream.bodies[0]
    body.sink.begin(len(ONE))
    body.send(ONE)
    client.new()
    body.fail(RuntimeError("defect"))
    assert client.new() == b""
    assert client.wire.aborted
    assert client.closed
    assert world.named("internal_error")
    assert world.everything_is_given_back()


# ---- the client is gone


@pytest.mark.parametrize("step", ["open", "snapshot"])
@pytest.mark.parametrize("end", [None, Unavailable("late"), RuntimeError("defect")])
def test_a_client_gone_during_login_gives_back_whatever_comes(world, step, end):
    held = world.upstream.hold(step)
    client = world.client()
    client.log_in()
    client.lose()
    held.errback(end) if end else held.callback(None)
    assert world.everything_is_given_back()


def test_a_client_gone_inside_a_message_carries_out_nothing_that_it_sent_behind(world):
    """RETR, DELE and QUIT in one packet: the message never arrived, so it must stay."""
    world.upstream.manual = True
    client = world.client()
    client.log_in()
    client.send(b"RETR 1", b"DELE 1", b"QUIT")
    body = world.upstream.bodies[0]
    body.sink.begin(len(ONE))
    body.send(ONE[:5])
    client.lose()
    assert world.upstream.plans == []
    assert len(world.upstream.mail) == 3
    assert body.stopped
    assert world.everything_is_given_back()


def test_a_client_gone_inside_a_listing_gives_all_back(make_world):
    world = make_world(messages=[TWO] * 3000)
    client = world.client(room=1000)
    client.log_in()
    client.wire.take_all()
    client.send(b"LIST", b"DELE 1", b"QUIT")
    assert client.wire.full
    client.lose()
    assert world.upstream.plans == []
    assert world.everything_is_given_back()


@pytest.mark.parametrize("end", [None, Unavailable("late"), EpochChanged("8")])
def test_a_client_gone_during_update_has_it_carried_to_its_end(world, end):
    held = world.upstream.hold("commit")
    client = world.client()
    client.log_in()
    client.send(b"DELE 1", b"QUIT")
    client.lose()
    assert len(world.leases) == 1
    held.errback(end) if end else held.callback(None)
    assert (11 in world.upstream.mail) is (end is not None)
    assert world.everything_is_given_back()


def test_a_slow_farewell_of_the_upstream_does_not_keep_the_lease(world):
    held = world.upstream.hold("close")
    client = world.client()
    client.log_in()
    client.send(b"QUIT")
    assert len(world.leases) == 0
    held.callback(None)
    assert client.closed
    assert world.everything_is_given_back()


@pytest.mark.parametrize("deed", [b"DELE 1", b"NOOP"])
def test_the_lease_is_free_before_a_client_can_read_the_answer_to_quit(world, deed):
    """It may be back, at another worker, before this one goes on."""
    client = world.client()
    client.log_in()
    client.send(deed)
    held = []
    write = client.wire.write

    def noted(data):
        held.append(len(world.leases))
        write(data)

    client.wire.write = noted
    assert client.send(b"QUIT").startswith(b"+OK")
    assert held == [0]
