"""Faults of the gateway's own life: killed in UPDATE, no upstream, a bad state directory."""

import sqlite3

import pytest

from gateway.errors import Throttled
from tests.faults.scene import QUICK, SYS_TEMP, Scene, bounded, reply_of
from tests.support.fake_imap import FakeImap, hang, say
from tests.support.gateway import RunningGateway, wait_until
from tests.support.ports import free_port


@pytest.fixture
def imap():
    with FakeImap() as server:
        yield server


@pytest.fixture
def place(imap):
    with RunningGateway(f"imap://127.0.0.1:{imap.port}", settings=QUICK) as gateway:
        scene = Scene(imap, gateway)
        yield scene
        scene.close()


def die_in_update(scene):
    """The process is killed between QUIT and its answer; then another one starts."""
    scene.imap.fault("STORE", hang, times=1)
    client = scene.login()
    client.ok("DELE 1")
    client.ok("DELE 3")
    client.send(b"QUIT\r\n")
    scene.imap.wait_for(lambda: scene.imap.said("STORE"))
    scene.gateway.kill()
    assert client.rest() == b""
    scene.gateway.start()
    assert scene.uids == [1, 2, 3]


def test_an_update_that_a_crash_interrupted_is_finished_at_the_next_login(place):
    die_in_update(place)
    client = place.login()
    assert client.lines("UIDL") == [b"1 1000.2"]
    assert client.quit().startswith(b"+OK")
    assert place.uids == [2]
    # Once and no more: what is like it tomorrow stays.
    place.imap.inbox.add(b"new", uid=3)
    assert place.login().stat()[0] == 2


def test_after_a_new_uidvalidity_nothing_of_it_is_carried_out(place):
    die_in_update(place)
    place.imap.inbox.uidvalidity = 2000
    client = place.login()
    assert client.stat()[0] == 3
    assert client.quit().startswith(b"+OK")
    assert place.uids == [1, 2, 3]
    place.gateway.wait_for_log("interrupted_update_dropped")


def test_a_plan_that_cannot_be_finished_now_is_finished_later(place):
    die_in_update(place)
    place.imap.fault("STORE", hang, times=1)
    with bounded():
        assert place.try_login() == SYS_TEMP
    assert place.uids == [1, 2, 3]
    assert place.login().stat()[0] == 1
    assert place.uids == [2]


def test_a_new_uidvalidity_in_the_middle_of_settling_removes_no_more(place):
    die_in_update(place)
    place.imap.fault("SEARCH", say("* OK [UIDVALIDITY 2000] moved"), times=1)
    assert place.try_login() == SYS_TEMP
    place.lease_is_free()


def test_another_user_settles_nothing_of_it(place):
    die_in_update(place)
    assert place.login(place.user.upper()).stat()[0] == 3
    assert place.login("somebody").stat()[0] == 3
    assert place.uids == [1, 2, 3]


def test_a_journal_that_cannot_be_read_is_sys_temp_and_stays(place):
    die_in_update(place)
    path = place.gateway.directory / "state" / "journal.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("UPDATE journal SET refs = '[1'")
    assert place.try_login() == SYS_TEMP
    assert place.uids == [1, 2, 3]
    rows = database.execute("SELECT refs FROM journal").fetchall()
    database.close()
    assert rows == [("[1",)]
    place.gateway.wait_for_log("journal: a plan cannot be read")


def test_sigterm_finishes_an_update(place):
    held = []

    def wait(session, reply, carry_out):
        held.append(True)
        session.server.stopping.wait(0.4)
        carry_out()

    place.imap.fault("STORE", wait, times=1)
    client = place.login()
    client.ok("DELE 1")
    client.send(b"QUIT\r\n")
    place.imap.wait_for(lambda: held)
    idle = place.login("idler")
    place.gateway.terminate()
    assert idle.line() == b""
    assert client.line().startswith(b"+OK 1 message removed")
    assert place.gateway.wait() == 0
    assert place.uids == [2, 3]


def test_an_upstream_that_refuses_the_connection_is_sys_temp():
    nowhere = f"imap://127.0.0.1:{free_port()}"
    with RunningGateway(nowhere, settings=QUICK) as gateway, gateway.client() as client:
        client.ok("USER ann")
        with bounded():
            assert client.command("PASS x") == SYS_TEMP
        assert client.quit().startswith(b"+OK")


def test_too_soon_after_the_last_login_is_login_delay(imap):
    upstream = {**QUICK["upstream"], "warm": {"seconds": 0}}
    settings = {"upstream": upstream, "pop3": {"login_delay": 3600}}
    with RunningGateway(f"imap://127.0.0.1:{imap.port}", settings=settings) as gateway:
        scene = Scene(imap, gateway)
        assert scene.login().quit().startswith(b"+OK")
        assert scene.try_login() == reply_of(Throttled)
        assert scene.login("somebody").quit().startswith(b"+OK")
        assert b"LOGIN-DELAY 3600" in scene.client().lines("CAPA")
        wait_until(lambda: imap.open_connections == 0, what="the upstream to be let go")
        scene.close()


def test_no_secret_and_no_mail_in_the_log_even_of_crashes(imap):
    secret = "open sesame"
    flags = ["--log-level", "debug"]
    with RunningGateway(
        f"imap://127.0.0.1:{imap.port}", settings=QUICK, flags=flags
    ) as gateway:
        scene = Scene(imap, gateway)
        imap.passwords = {}
        scene.try_login()
        imap.passwords = None
        imap.fault("LOGIN", say(f"* OK [ALERT] you said {secret}"), times=1)
        scene.login().quit()
        imap.capabilities = "IMAP4rev1"
        imap.fault("LOGIN", say(f'* BYE LOGIN "x" "{secret}" is wrong'), times=1)
        scene.try_login()
        client = scene.client()
        client.command(f"AUTH PLAIN {secret}")
        client.command(f"BOGUS {secret}")
        scene.close()
        gateway.terminate()
        gateway.wait()
        log = gateway.log_text()
    assert "upstream_alert" in log
    assert secret not in log
    assert "b3BlbiBzZXNhbWU" not in log
    assert "no line end" not in log
