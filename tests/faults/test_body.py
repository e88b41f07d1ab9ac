"""Faults around one message: whole, or an error, or cut off; never something in between."""

import pytest

from gateway.errors import MessageGone
from gateway.pop3.replies import TOO_MANY_BAD_COMMANDS
from tests.faults.scene import (
    CORPUS,
    REPLACED,
    SYS_TEMP,
    bounded,
    is_over,
    reply_of,
    retrieve,
)
from tests.support.fake_imap import (
    after,
    answer,
    change,
    close,
    cut,
    do,
    hang,
    raw,
    reset,
    say,
    say_after,
    slow,
)

GONE = reply_of(MessageGone)


def expect_error(scene, reply, command="RETR"):
    """The fault is an error; the session goes on, and leaves without harm."""
    client = scene.login()
    with bounded():
        assert retrieve(client, "1 0" if command == "TOP" else 1, command) == ("error", reply)
    assert client.stat()[0] == 3
    assert client.quit().startswith(b"+OK")
    assert scene.uids == [1, 2, 3]
    scene.lease_is_free()
    return client


BEFORE = {
    "hangs": hang,
    "resets": reset,
    "closes": close,
    "breaks off before the literal": cut(20, close),
    "talks garbage": raw(b"what?\r\n"),
    "never ends a line": raw(b"* 1 FETCH (UID 1 X" + b"x" * 20_000),
    "announces a huge literal elsewhere": raw(b"* 1 FETCH (UID 1 ENVELOPE {99999999}\r\n"),
    "announces an absurd literal": raw(b"* 1 FETCH (UID 1 BODY[] {99999999999999999}\r\n"),
    "announces no number": raw(b"* 1 FETCH (UID 1 BODY[] {99999999999999999999999}\r\n"),
    "says BYE": raw(b"* BYE going down\r\n"),
    "answers another tag": raw(b"G999 OK done\r\n"),
}


@pytest.mark.parametrize("command", ["RETR", "TOP"])
@pytest.mark.parametrize("end", BEFORE)
def test_an_upstream_lost_before_the_message_is_sys_temp(scene, end, command):
    scene.imap.fault("BODY", BEFORE[end], times=1)
    expect_error(scene, SYS_TEMP, command)


def test_after_the_upstream_is_lost_marks_cannot_be_carried_out_and_quit_says_so(scene):
    scene.imap.fault("BODY", reset, times=1)
    client = scene.login()
    assert retrieve(client, 1) == ("error", SYS_TEMP)
    assert retrieve(client, 2) == ("error", SYS_TEMP)
    client.ok("DELE 3")
    assert client.quit().startswith(b"-ERR [SYS/TEMP]")
    assert scene.uids == [1, 2, 3]
    scene.lease_is_free()


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("NO [EXPUNGEISSUED] gone", GONE),
        ("NO [NONEXISTENT] gone", GONE),
        ("OK nothing", GONE),
        ("NO later", SYS_TEMP),
        ("NO [UNAVAILABLE] later", SYS_TEMP),
        ("NO [OVERQUOTA] bandwidth", SYS_TEMP),
        ("NO [ALERT] too much", SYS_TEMP),
        ("BAD what", SYS_TEMP),
    ],
)
@pytest.mark.parametrize("command", ["RETR", "TOP"])
def test_what_a_refusal_means(scene, text, reply, command):
    scene.imap.fault("BODY", answer(text), times=1)
    expect_error(scene, reply, command)


def replaced(new):
    """The answer to a FETCH with something else in place of its data."""
    return change(lambda octets: new + octets[octets.rindex(b"\r\nG") + 2 :])


@pytest.mark.parametrize(
    ("data", "reply"),
    [
        (b"* 1 FETCH (UID 1 BODY[] NIL)\r\n", GONE),
        (b"* 1 FETCH (BODY[] NIL UID 1)\r\n", GONE),
        (b"* 1 FETCH (UID 1 FLAGS ())\r\n", GONE),
        (b"* 1 FETCH (UID 1 BODY[] {0}\r\n)\r\n", SYS_TEMP),
        (b'* 1 FETCH (UID 1 BODY[] "")\r\n', SYS_TEMP),
        (b"* 2 FETCH (UID 2 BODY[] {5}\r\nother)\r\n", GONE),
    ],
)
def test_an_answer_without_the_message_is_an_error(scene, data, reply):
    scene.imap.fault("BODY", replaced(data), times=1)
    expect_error(scene, reply)


def expect_cut(scene, number=2):
    """The connection is reset; what came is a beginning of the message and nothing else."""
    client = scene.login()
    client.ok("DELE 3")
    with bounded():
        outcome, octets = retrieve(client, number)
    assert outcome == "cut"
    assert not octets.endswith(b"\r\n.\r\n")
    assert is_over(client)
    assert scene.uids == [1, 2, 3]
    scene.lease_is_free()
    return octets


INSIDE = {
    "hangs": cut(50_000, hang),
    "resets": cut(50_000, reset),
    "closes": cut(50_000, close),
}


@pytest.mark.parametrize("end", INSIDE)
def test_an_upstream_lost_inside_a_message_cuts_the_client_off(scene, end):
    scene.imap.fault("BODY", INSIDE[end], times=1)
    expect_cut(scene)


def test_other_sessions_go_on_while_a_message_hangs(scene):
    scene.imap.fault("BODY", INSIDE["hangs"], times=1)
    client = scene.login()
    client.send(b"RETR 2\r\n")
    assert client.line().startswith(b"+OK")
    scene.another_session_goes_on()
    assert not client.rest().endswith(b"\r\n.\r\n")
    scene.lease_is_free()


@pytest.mark.parametrize("count", range(40, 65, 3))
def test_wherever_a_short_message_is_cut_it_does_not_look_complete(scene, count):
    scene.imap.fault("BODY", cut(count, reset), times=1)
    client = scene.login()
    outcome, _ = retrieve(client, 1)
    assert outcome in {"cut", "error"}
    scene.lease_is_free()


BROKEN = {
    # The literal swallows the end of the answer, and then nothing comes.
    "a short literal": change(
        lambda octets: octets.replace(b"{216016}", b"{216999}"),
    ),
    "a literal longer than announced": change(
        lambda octets: octets.replace(b"{216016}", b"{200000}")
    ),
    "NO after a complete message": after("NO [SERVERBUG] that was wrong"),
    "BAD after a complete message": after("BAD that was wrong"),
    "the wrong UID after the message": change(
        lambda octets: octets.replace(b"UID 2 ", b"").replace(b"\r\n)\r\n", b"\r\n UID 3)\r\n")
    ),
    "the message twice": change(lambda octets: octets[: octets.rindex(b"\r\nG") + 2] + octets),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_message_that_turns_out_wrong_gets_no_terminator(scene, fault):
    assert len(CORPUS[1]) == 216_016
    scene.imap.fault("BODY", BROKEN[fault], times=1)
    expect_cut(scene)


@pytest.mark.parametrize(
    "noise",
    [
        say("* 9 EXISTS", "* 2 RECENT", "* 3 FETCH (FLAGS (\\Seen))", "* OK [ALERT] hear"),
        say_after("* 9 EXISTS", "* 3 FETCH (UID 3 FLAGS ())", "* OK hm", "* 1 RECENT"),
        say("* 3 FETCH (UID 3 BODY[] {5}\r\nwrong)"),
        say_after("* 3 FETCH (UID 3 BODY[] {5}\r\nwrong)"),
        say("* 1 EXPUNGE", "* 1 EXPUNGE", "* 1 EXISTS"),
        say("* VANISHED 3"),
        change(lambda octets: octets.replace(b" BODY", b" FLAGS (\\Seen \\X) BODY")),
        change(lambda octets: octets.replace(b"\r\n)\r\n", b"\r\n MODSEQ (5))\r\n")),
        slow(9973, 0.001),
    ],
)
def test_noise_around_a_message_changes_nothing(scene, noise):
    scene.imap.fault("BODY", noise, times=1)
    client = scene.login()
    assert retrieve(client, 2) == ("whole", CORPUS[1])
    assert retrieve(client, 3) == ("whole", CORPUS[2])
    assert client.stat() == (3, sum(map(len, CORPUS)))
    assert client.quit().startswith(b"+OK")


@pytest.mark.parametrize("number", [1, 3])
def test_a_message_octet_by_octet_is_the_message(scene, number):
    scene.imap.fault("BODY", slow(1, 0.0005), times=1)
    client = scene.login()
    assert retrieve(client, number) == ("whole", CORPUS[number - 1])


def test_a_message_removed_behind_our_back_is_an_error_and_numbers_stay(scene):
    client = scene.login()
    scene.imap.inbox.remove(1)
    assert retrieve(client, 1) == ("error", GONE)
    assert retrieve(client, 2) == ("whole", CORPUS[1])
    assert client.stat()[0] == 3
    client.ok("DELE 1")
    assert client.quit().startswith(b"+OK")
    assert scene.uids == [2, 3]


def test_a_client_that_asks_again_and_again_for_what_is_gone_comes_to_an_end(scene):
    client = scene.login()
    scene.imap.inbox.remove(1)
    client.send(b"RETR 1\r\n" * 25)
    said = client.rest()
    assert said.startswith(GONE)
    assert said.endswith(TOO_MANY_BAD_COMMANDS)
    assert said.count(GONE) < 25
    scene.lease_is_free()


@pytest.mark.parametrize("where", [say, say_after])
def test_a_new_uidvalidity_ends_the_session_and_removes_nothing(scene, where):
    scene.imap.fault("BODY", where("* OK [UIDVALIDITY 2000] moved"), times=1)
    client = scene.login()
    client.ok("DELE 3")
    retrieve(client, 1)
    assert retrieve(client, 2) == ("error", REPLACED)
    assert is_over(client)
    assert scene.uids == [1, 2, 3]
    scene.lease_is_free()


def test_a_size_that_was_announced_wrong_does_not_change_the_message(scene):
    scene.imap.inbox.messages[1].size = 5
    client = scene.login()
    assert client.command("LIST 2") == b"+OK 2 5\r\n"
    assert retrieve(client, 2) == ("whole", CORPUS[1])
    assert client.quit().startswith(b"+OK")


def test_mail_that_comes_during_the_session_is_not_seen(scene):
    scene.imap.fault("BODY", do(lambda imap: imap.inbox.add(b"new")), times=1)
    client = scene.login()
    assert retrieve(client, 1) == ("whole", CORPUS[0])
    assert client.stat()[0] == 3
    assert client.command("RETR 4").startswith(b"-ERR")
    assert client.quit().startswith(b"+OK")


def test_a_client_that_vanishes_inside_a_message_frees_the_lease_at_once(scene):
    scene.imap.fault("BODY", slow(500, 0.01), times=1)
    client = scene.login()
    client.send(b"RETR 2\r\nDELE 2\r\nQUIT\r\n")
    assert client.line().startswith(b"+OK")
    client.abort()
    scene.imap.wait_for(lambda: scene.try_login().startswith(b"+OK"))
    assert scene.uids == [1, 2, 3]
