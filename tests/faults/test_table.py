"""The table of failures and replies, row by row, on the wire of a running gateway."""

import pytest

from gateway import errors
from gateway.pop3 import replies
from tests.faults.scene import retrieve
from tests.support.fake_imap import after, answer, say_after


def wrong_password(scene):
    scene.imap.passwords = {}
    return scene.try_login()


def two_at_once(scene):
    scene.login()
    return scene.try_login()


def no_mailbox_now(scene):
    scene.imap.fault("SELECT", answer("NO [UNAVAILABLE] later"), times=1)
    return scene.try_login()


def no_mailbox_ever(scene):
    scene.imap.fault("SELECT", answer("NO [NOPERM] never"), times=1)
    return scene.try_login()


def removed_elsewhere(scene):
    client = scene.login()
    scene.imap.inbox.remove(1)
    return client.command("RETR 1")


def mailbox_replaced(scene):
    scene.imap.fault("BODY", say_after("* OK [UIDVALIDITY 2000] moved"), times=1)
    client = scene.login()
    retrieve(client, 1)
    return client.command("RETR 2")


def broken_inside(scene):
    scene.imap.fault("BODY", after("NO that was wrong"), times=1)
    client = scene.login()
    outcome, octets = retrieve(client, 1)
    assert outcome == "cut"
    assert not octets.endswith(b"\r\n.\r\n")
    return client.rest()


def some_stay(scene):
    scene.imap.fault("EXPUNGE", answer("NO no"), times=1)
    client = scene.login()
    client.ok("DELE 1")
    return client.command("QUIT")


def nonsense(scene):
    return scene.client().command("XYZZY")


ON_THE_WIRE = {
    errors.BadCredentials: wrong_password,
    errors.MaildropBusy: two_at_once,
    errors.Unavailable: no_mailbox_now,
    errors.Misconfigured: no_mailbox_ever,
    errors.MessageGone: removed_elsewhere,
    errors.EpochChanged: mailbox_replaced,
    errors.BodyBroken: broken_inside,
    errors.PartialCommit: some_stay,
    errors.BadCommand: nonsense,
}
ELSEWHERE = {
    errors.Throttled: "needs a gateway with LOGIN-DELAY: test_process.py",
    errors.ConsentMissing: "needs a token: test_jmap_on_the_wire.py",
}


def test_every_row_of_the_table_is_here():
    assert set(ON_THE_WIRE) | set(ELSEWHERE) == set(replies.FAILURES)


@pytest.mark.parametrize("failure", ON_THE_WIRE, ids=lambda failure: failure.__name__)
def test_a_row_of_the_table(scene, failure):
    assert ON_THE_WIRE[failure](scene) == replies.FAILURES[failure].reply


CODES = {
    errors.BadCredentials: b"-ERR [AUTH] ",
    errors.ConsentMissing: b"-ERR [SYS/TEMP] ",
    errors.Throttled: b"-ERR [LOGIN-DELAY] ",
    errors.MaildropBusy: b"-ERR [IN-USE] ",
    errors.Unavailable: b"-ERR [SYS/TEMP] ",
    errors.Misconfigured: b"-ERR [SYS/PERM] ",
    errors.MessageGone: b"-ERR ",
    errors.EpochChanged: b"-ERR [SYS/TEMP] ",
    errors.BodyBroken: b"",
    errors.PartialCommit: b"-ERR [SYS/TEMP] ",
    errors.BadCommand: b"-ERR ",
}


@pytest.mark.parametrize("failure", CODES, ids=lambda failure: failure.__name__)
def test_the_codes_are_those_of_the_design(failure):
    assert replies.FAILURES[failure].reply.startswith(CODES[failure])


def test_what_the_upstream_says_never_reaches_the_client(scene):
    marker = "the disk of node seven is full"
    for stage in ("LOGIN", "SELECT", "LIST"):
        scene.imap.fault(stage, answer(f"NO [ALERT] {marker}"), times=1)
        assert marker.encode() not in scene.try_login()
        scene.imap.heal()
    client = scene.login()
    scene.imap.fault("BODY", answer(f"NO {marker}"), times=1)
    scene.imap.fault("STORE", answer(f"NO {marker}"), times=1)
    client.send(b"RETR 1\r\nDELE 1\r\nQUIT\r\n")
    assert marker.encode() not in client.rest()
    scene.gateway.wait_for_log(marker)
