"""Faults in UPDATE: +OK only if exactly the marked messages are gone; no silent loss."""

import pytest

from gateway.pop3 import replies
from tests.faults.scene import REPLACED, bounded, retrieve
from tests.support.fake_imap import (
    after,
    answer,
    close,
    cut,
    do,
    hang,
    raw,
    reset,
    say,
    say_after,
    slow,
    then,
)

WITHOUT_UIDPLUS = "IMAP4rev1 LITERAL+ SASL-IR AUTH=PLAIN"
STAGES = ["SEARCH", "STORE", "EXPUNGE"]


def quit_with_marks(scene, *numbers):
    """QUIT's answer, judged: the truth about what the mailbox has lost."""
    before = list(scene.uids)
    client = scene.login()
    for number in numbers:
        client.ok(f"DELE {number}")
    with bounded():
        reply = client.quit()
    wanted = [uid for number, uid in enumerate(before, 1) if number not in numbers]
    assert set(wanted) <= set(scene.uids), "mail was lost that nobody marked"
    if reply.startswith(b"+OK"):
        assert [uid for uid in scene.uids if uid in before] == wanted
        assert reply == replies.removed(len(numbers))
    else:
        assert reply.startswith(b"-ERR [SYS/TEMP]")
    return reply


def refused(reply):
    return reply in {replies.UNKNOWN_OUTCOME, replies.PARTIAL_COMMIT}


ENDS = {
    "hangs": hang,
    "resets": reset,
    "closes": close,
    "breaks off": then(raw(b"* 1"), cut(3, close)),
    "talks garbage": raw(b"!\r\n"),
    "says BYE": raw(b"* BYE\r\n"),
}


@pytest.mark.parametrize("capabilities", [None, WITHOUT_UIDPLUS])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("stage", STAGES)
def test_an_upstream_lost_in_update_is_an_error(scene, stage, end, capabilities):
    if capabilities:
        scene.imap.capabilities = capabilities
    scene.imap.fault(stage, ENDS[end], times=1)
    assert refused(quit_with_marks(scene, 1, 3))
    # All that has no answer yet may have been sent, and a server that lives carries it out.
    assert scene.uids in ([1, 2, 3], [2] if stage == "SEARCH" else None)
    scene.lease_is_free()


def test_other_sessions_go_on_during_an_update_that_hangs(scene):
    scene.imap.fault("STORE", hang, times=1)
    client = scene.login()
    client.ok("DELE 1")
    client.send(b"QUIT\r\n")
    scene.imap.wait_for(lambda: scene.imap.said("STORE"))
    scene.another_session_goes_on()
    assert client.line() == replies.UNKNOWN_OUTCOME
    scene.lease_is_free()


@pytest.mark.parametrize("capabilities", [None, WITHOUT_UIDPLUS])
def test_lost_between_mark_and_expunge_no_mail_is_lost(scene, capabilities):
    if capabilities:
        scene.imap.capabilities = capabilities
    scene.imap.fault("STORE", then(do(lambda _: None), after("OK stored")), times=1)
    scene.imap.fault("EXPUNGE", reset, times=1)
    assert quit_with_marks(scene, 2) == replies.UNKNOWN_OUTCOME
    assert scene.uids == [1, 2, 3]
    scene.lease_is_free()
    client = scene.login()
    assert client.stat()[0] == 3


def test_lost_after_the_expunge_is_an_error_although_it_was_done(scene):
    """Nobody knows: an error makes the client look again, a lie would make it forget."""

    def act(session, reply, carry_out):
        carry_out()
        reset(session, reply, carry_out)

    scene.imap.fault("EXPUNGE", act, times=1)
    assert quit_with_marks(scene, 1) == replies.UNKNOWN_OUTCOME
    assert scene.uids == [2, 3]
    scene.lease_is_free()


@pytest.mark.parametrize("text", ["NO no", "NO [OVERQUOTA] full", "NO [ALERT] no", "BAD no"])
@pytest.mark.parametrize("stage", ["STORE", "EXPUNGE"])
def test_a_refused_step_keeps_the_mail_and_says_so(scene, stage, text):
    scene.imap.fault(stage, answer(text), times=1)
    assert quit_with_marks(scene, 1, 2) == replies.PARTIAL_COMMIT
    assert scene.uids == [1, 2, 3]
    scene.lease_is_free()


@pytest.mark.parametrize("stage", ["STORE", "EXPUNGE"])
def test_no_after_it_was_done_is_found_out(scene, stage):
    """What counts is what is there, and not what the server says of its deed."""
    scene.imap.fault(stage, after("NO [EXPUNGEISSUED] some were gone"), times=1)
    assert quit_with_marks(scene, 1) == replies.removed(1)
    assert scene.uids == [2, 3]


def test_ok_without_the_deed_is_found_out(scene):
    scene.imap.fault("EXPUNGE", answer("OK done, believe me"), times=1)
    assert quit_with_marks(scene, 1, 3) == replies.PARTIAL_COMMIT
    assert scene.uids == [1, 2, 3]


def test_a_search_without_an_answer_is_not_an_empty_one(scene):
    scene.imap.fault("SEARCH", answer("OK nothing said"), times=1)
    assert quit_with_marks(scene, 1) == replies.UNKNOWN_OUTCOME


def test_some_kept_is_an_error_and_the_others_are_gone(scene):
    def expunge_one(session, reply, carry_out):
        scene.imap.inbox.remove(1)
        reply.data = b"* 1 EXPUNGE\r\n"
        reply.status = b"NO [LIMIT] one is enough"

    scene.imap.fault("EXPUNGE", expunge_one, times=1)
    assert quit_with_marks(scene, 1, 3) == replies.PARTIAL_COMMIT
    assert scene.uids == [2, 3]


def test_a_read_only_mailbox_is_an_error(scene):
    scene.imap.read_only = True
    assert quit_with_marks(scene, 1) == replies.PARTIAL_COMMIT
    assert scene.uids == [1, 2, 3]


@pytest.mark.parametrize("stage", STAGES)
def test_a_new_uidvalidity_during_update_is_an_error(scene, stage):
    scene.imap.fault(stage, say("* OK [UIDVALIDITY 2000] moved"), times=1)
    assert quit_with_marks(scene, 1).startswith(b"-ERR [SYS/TEMP]")
    scene.lease_is_free()


def test_a_new_uidvalidity_before_update_removes_nothing(scene):
    scene.imap.fault("BODY", say_after("* OK [UIDVALIDITY 2000] moved"), times=1)
    client = scene.login()
    retrieve(client, 1)
    client.ok("DELE 1")
    assert client.quit() == REPLACED
    assert scene.uids == [1, 2, 3]
    assert not scene.imap.said("STORE")


def test_what_others_removed_meanwhile_counts_as_removed(scene):
    scene.imap.fault("STORE", do(lambda imap: imap.inbox.remove(1)), times=1)
    assert quit_with_marks(scene, 1, 2) == replies.removed(2)
    assert scene.uids == [3]


def test_what_comes_meanwhile_is_not_touched(scene):
    scene.imap.fault("STORE", do(lambda imap: imap.inbox.add(b"new mail")), times=1)
    quit_with_marks(scene, 1, 2, 3)
    assert scene.uids == [4]


@pytest.mark.parametrize("capabilities", [None, WITHOUT_UIDPLUS])
def test_what_others_marked_is_not_touched(scene, capabilities):
    if capabilities:
        scene.imap.capabilities = capabilities
    scene.imap.inbox.messages[1].flags.add("\\Deleted")
    assert quit_with_marks(scene, 1) == replies.removed(1)
    assert scene.uids == [2, 3]
    assert "\\Deleted" in scene.imap.inbox.messages[0].flags


@pytest.mark.parametrize("stage", STAGES)
def test_noise_in_update_changes_nothing(scene, stage):
    noise = ["* 9 EXISTS", "* 3 FETCH (UID 3 FLAGS (\\Seen))", "* 1 EXPUNGE", "* OK hm"]
    scene.imap.fault(stage, say(*noise), times=1)
    assert quit_with_marks(scene, 2) == replies.removed(1)
    assert scene.uids == [1, 3]


@pytest.mark.parametrize("stage", STAGES)
def test_an_update_octet_by_octet_is_an_update(scene, stage):
    scene.imap.fault(stage, slow(1, 0.001), times=1)
    assert quit_with_marks(scene, 2) == replies.removed(1)


@pytest.mark.parametrize("end", [hang, reset, close, answer("BAD"), raw(b"junk\r\n")])
def test_a_bad_farewell_of_the_upstream_is_nobodys_business(scene, end):
    scene.imap.fault("LOGOUT", end, times=1)
    assert quit_with_marks(scene, 2) == replies.removed(1)
    assert scene.try_login().startswith(b"+OK")


def test_a_client_gone_after_quit_has_its_update_carried_out(scene):
    scene.imap.fault("STORE", slow(1, 0.01), times=1)
    client = scene.login()
    client.ok("DELE 1")
    client.send(b"QUIT\r\n")
    scene.imap.wait_for(lambda: scene.imap.said("STORE"))
    client.abort()
    scene.imap.wait_for(lambda: scene.uids == [2, 3])
    scene.imap.wait_for(lambda: scene.try_login().startswith(b"+OK"))


def test_a_client_gone_without_quit_removes_nothing(scene):
    client = scene.login()
    client.ok("DELE 1")
    client.abort()
    scene.imap.wait_for(lambda: scene.try_login().startswith(b"+OK"))
    assert scene.uids == [1, 2, 3]
    assert not scene.imap.said("STORE")


def test_half_a_quit_is_no_quit(scene):
    client = scene.login()
    client.send(b"DELE 1\r\nQUI")
    assert client.line().startswith(b"+OK")
    client.close()
    scene.imap.wait_for(lambda: scene.try_login().startswith(b"+OK"))
    assert scene.uids == [1, 2, 3]
