"""Faults between the client's PASS and its maildrop: a reply of the table, never a lie."""

import pytest

from gateway.errors import BadCredentials, MaildropBusy
from tests.faults.scene import SYS_PERM, SYS_TEMP, bounded, reply_of
from tests.support.fake_imap import (
    after,
    answer,
    change,
    close,
    cut,
    hang,
    raw,
    reset,
    say,
    say_after,
    slow,
)

STAGES = ["CONNECT", "GREETING", "CAPABILITY", "AUTHENTICATE", "LOGIN", "SELECT", "LIST"]


def arrange(scene, stage):
    """Let the gateway come by this stage."""
    if stage == "CAPABILITY":
        scene.imap.greeting = "* OK ready"
    if stage == "AUTHENTICATE":
        scene.imap.capabilities += " LOGINDISABLED"


ENDS = {
    "hangs": hang,
    "resets": reset,
    "closes": close,
    "breaks off": cut(9, close),
    "breaks off and hangs": cut(9, hang),
    "talks garbage": raw(b"HTTP/1.1 400 Bad Request\r\n\r\n<html>"),
    "never ends a line": raw(b"* " + b"x" * 20_000),
    "announces a huge literal": raw(b"* LIST () {99999999}\r\n"),
    "says BYE": raw(b"* BYE [UNAVAILABLE] going down\r\n"),
    "hits the parser": raw(b'* 1 FETCH ((((("\r\n'),
    "says NUL": raw(b"\0" * 100 + b"\r\n"),
}


def stages_and_ends():
    for stage in STAGES:
        for end in ENDS:
            silent = stage == "CONNECT"  # nothing is said there that could be wrong
            slow_twin = end == "breaks off and hangs" and stage not in {"LOGIN", "LIST"}
            if not slow_twin and (not silent or end in {"hangs", "resets", "closes"}):
                yield stage, end


@pytest.mark.parametrize(("stage", "end"), list(stages_and_ends()))
def test_an_upstream_that_fails_at_any_stage_is_sys_temp(scene, stage, end):
    arrange(scene, stage)
    scene.imap.fault(stage, ENDS[end], times=1)
    client = scene.client()
    with bounded():
        client.send(f"USER {scene.user}\r\nPASS open sesame\r\n".encode())
        assert client.line().startswith(b"+OK")
        if end == "hangs":
            scene.imap.wait_for(lambda: not any(f.times for f in scene.imap._faults[stage]))
            scene.another_session_goes_on()
        assert client.line() == SYS_TEMP
    # The client may try again on the same connection.
    assert scene.try_login(client).startswith(b"+OK Maildrop has 3 messages")
    assert client.quit().startswith(b"+OK")
    scene.lease_is_free()


@pytest.mark.parametrize("stage", ["CAPABILITY", "AUTHENTICATE", "LOGIN", "SELECT", "LIST"])
def test_bad_is_sys_temp(scene, stage):
    arrange(scene, stage)
    scene.imap.fault(stage, answer("BAD what was that"))
    assert scene.try_login() == SYS_TEMP
    scene.lease_is_free()


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("NO wrong", reply_of(BadCredentials)),
        ("NO [AUTHENTICATIONFAILED] wrong", reply_of(BadCredentials)),
        ("NO [ALERT] Web login required", reply_of(BadCredentials)),
        ("NO [EXPIRED] old", reply_of(BadCredentials)),
        ("NO [UNAVAILABLE] later", SYS_TEMP),
        ("NO [INUSE] later", SYS_TEMP),
        ("NO [OVERQUOTA] full", SYS_TEMP),
        ("NO [LIMIT] too many", SYS_TEMP),
        ("NO [SERVERBUG] sorry", SYS_TEMP),
        ("NO [PRIVACYREQUIRED] not like this", SYS_PERM),
    ],
)
def test_what_no_means_at_login(scene, text, reply):
    scene.imap.fault("LOGIN", answer(text), times=1)
    client = scene.client()
    assert scene.try_login(client) == reply
    assert client.command("NOOP").startswith(b"-ERR")
    scene.lease_is_free()


@pytest.mark.parametrize(
    ("stage", "text", "reply"),
    [
        ("SELECT", "NO something", SYS_TEMP),
        ("SELECT", "NO [INUSE] later", SYS_TEMP),
        ("SELECT", "NO [NOPERM] never", SYS_PERM),
        ("SELECT", "NO [NONEXISTENT] no INBOX", SYS_PERM),
        ("LIST", "NO something", SYS_TEMP),
        ("LIST", "NO [EXPUNGEISSUED] gone", SYS_TEMP),
    ],
)
def test_what_no_means_at_the_mailbox(scene, stage, text, reply):
    scene.imap.fault(stage, answer(text), times=5)
    assert scene.try_login() == reply
    scene.lease_is_free()


@pytest.mark.parametrize(
    ("greeting", "reply"),
    [
        ("* BYE too many connections", SYS_TEMP),
        ("* PREAUTH you are root", SYS_PERM),
        ("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] no TLS, no login", SYS_PERM),
        ("* NO", SYS_TEMP),
        ("+ go on", SYS_TEMP),
        ("G1 OK early", SYS_TEMP),
    ],
)
def test_greetings(scene, greeting, reply):
    scene.imap.greeting = greeting
    assert scene.try_login() == reply
    scene.lease_is_free()


# ---- a mailbox that is not what it says: never shown as empty


@pytest.mark.parametrize(
    ("old", "new", "reply"),
    [
        (b"* 3 EXISTS", b"* 4 EXISTS", SYS_TEMP),
        (b"* 3 EXISTS\r\n", b"", SYS_TEMP),
        (b"* OK [UIDVALIDITY 1000] UIDs valid\r\n", b"", SYS_PERM),
        (b"UIDVALIDITY 1000", b"UIDVALIDITY 0", SYS_PERM),
        (b"* 3 EXISTS", b"* 99999999999999999999 EXISTS", SYS_TEMP),
    ],
)
def test_a_select_that_lies(scene, old, new, reply):
    scene.imap.fault("SELECT", change(lambda octets: octets.replace(old, new)), times=1)
    assert scene.try_login() == reply
    scene.lease_is_free()


@pytest.mark.parametrize(
    "listing",
    [
        change(lambda octets: octets[octets.rindex(b"\r\nG") + 2 :]),
        change(lambda octets: octets.replace(b"UID 2 ", b"UID 1 ")),
        change(lambda octets: octets.replace(b"UID 2 ", b"")),
        change(lambda octets: octets.replace(b"UID 2 ", b"UID 99999999999 ")),
        change(lambda octets: octets.replace(b"UID 2 ", b"UID -2 ")),
        change(lambda octets: octets.replace(b"UID 2 ", b"UID NIL ")),
        change(lambda octets: octets.replace(b"SIZE ", b"SIZE NIL")),
        change(lambda octets: octets.replace(b"SIZE ", b"SIZE -1")),
        answer("OK nothing at all"),
        say("* OK [UIDVALIDITY 2000] moved"),
        say_after("* OK [UIDVALIDITY 2000] moved"),
    ],
)
def test_a_listing_that_cannot_be_trusted_is_sys_temp(scene, listing):
    scene.imap.fault("LIST", listing, times=5)
    with bounded():
        assert scene.try_login() == SYS_TEMP
    scene.lease_is_free()


NOISE = [
    "* 3 FETCH (FLAGS (\\Seen))",
    "* 2 RECENT",
    "* OK [HIGHESTMODSEQ 9] noise",
    "* NO warning",
    "* OK [ALERT] tea is ready",
    '* LIST () "/" {5}\r\nINBOX',
    "* FLAGS (\\Deleted)",
    '* XWHATEVER (((a) b) "c") {3}\r\n)\r\n',
    "* 2 FETCH (UID 2 FLAGS () MODSEQ (5))",
    "* SEARCH 1 2 3",
]


@pytest.mark.parametrize("stage", ["LOGIN", "SELECT", "LIST"])
@pytest.mark.parametrize("where", [say, say_after])
def test_noise_changes_nothing(scene, stage, where):
    scene.imap.fault(stage, where(*NOISE), times=1)
    client = scene.login()
    assert client.lines("UIDL") == [b"1 1000.1", b"2 1000.2", b"3 1000.3"]
    assert client.quit().startswith(b"+OK")


def test_rows_in_any_order_and_shape(scene):
    def shuffle(octets):
        rows = octets.split(b"\r\n")
        rows[0], rows[2] = rows[2], rows[0].replace(b"UID 1 ", b"FLAGS () UID 1 ")
        return b"\r\n".join(rows)

    scene.imap.fault("LIST", change(shuffle), times=1)
    client = scene.login()
    assert client.lines("UIDL") == [b"1 1000.1", b"2 1000.2", b"3 1000.3"]


@pytest.mark.parametrize("stage", ["GREETING", "LOGIN", "SELECT", "LIST"])
def test_slow_octets_are_not_a_fault(scene, stage):
    scene.imap.fault(stage, slow(1, 0.0005), times=1)
    assert scene.try_login().startswith(b"+OK Maildrop has 3 messages")


def test_mail_that_comes_between_select_and_listing_may_show_or_not(scene):
    scene.imap.fault("SELECT", after("OK [READ-WRITE] selected"), times=1)
    scene.imap.fault("LIST", say("* 4 EXISTS", "* 4 FETCH (UID 9 RFC822.SIZE 5)"), times=1)
    client = scene.login()
    assert client.stat()[0] == 4


def test_a_second_login_is_in_use_while_the_first_waits_for_the_upstream(scene):
    first = scene.login()
    assert scene.try_login() == reply_of(MaildropBusy)
    first.quit()
    scene.lease_is_free()
