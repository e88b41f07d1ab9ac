"""The overview, live sessions and locks."""

from pydantic import SecretStr

from gateway.accounts.model import Grant
from gateway.accounts.store import Seen
from gateway.admin.live import LiveSession, Trouble
from tests.support.console import some_day

EVIL = "<img src=x onerror=alert(1)>"


def test_the_first_steps_lead_on_and_go_away(admin, office):
    page = admin.get("/")
    assert "Connect the provider next" in page.text
    office.account()
    assert "Open the mailbox next" in admin.get("/").text
    office.oauth._keep("scan@example.org", "code")
    assert "Make a device password next" in admin.get("/").text
    office.device()
    assert "See it fetch mail next" in admin.get("/").text
    office.store.devices.note_seen(
        [Seen("scan@example.org", "printer", office.time, "192.0.2.1", "")]
    )
    assert "The first evening" not in admin.get("/").text


def test_a_lively_day(admin, office):
    some_day(office)
    page = admin.get("/")
    assert "Sessions now 4" in page.text
    assert page.body.count('class="bar"') > 24
    assert "The mail server's certificate is not trusted" in page.text
    assert "send its owner a new link" in page.text
    assert "imaps://outlook.office365.com ◆" not in page.text
    assert "fails" in page.text
    assert "TLSv1" in page.text
    assert "2 of 2" in page.text


def test_workers_that_do_not_answer_are_told(admin, office):
    office.live.answering = (1, 3)
    assert "2 of 3 workers do not answer" in admin.get("/").text
    assert "2 of 3 workers do not answer" in admin.get("/sessions").text


def test_consents_and_secrets_that_end_and_silent_devices(admin, office):
    office.account()
    office.account("two@example.org")
    office.store.grants.put(
        Grant(
            "scan@example.org",
            "code",
            SecretStr("r"),
            SecretStr("a"),
            0,
            broken="the consent was withdrawn: send the owner a link",
        )
    )
    office.store.grants.put(
        Grant(
            "two@example.org",
            "code",
            SecretStr("r"),
            SecretStr("a"),
            0,
            consent_ends=office.time + 3 * 86_400 + 60,
        )
    )
    office.device()
    office.store.devices.note_seen(
        [Seen("scan@example.org", "printer", office.time - 8 * 86_400, "192.0.2.8", "TLSv1.1")]
    )
    text = admin.get("/").text
    assert "no mail The consent was withdrawn. Send the owner a link." in text
    assert "ends in 3 days" in text
    assert "Devices not seen for a week" in text
    assert "8 days ago" in text
    assert "Who still uses old TLS" in text


def test_what_clients_and_servers_say_is_text(admin, office):
    office.live.failures = [
        Trouble(office.time, "login_failed", "Unavailable", EVIL, EVIL, EVIL, EVIL)
    ]
    office.live.current = [
        LiveSession(
            0, 1, EVIL, EVIL, EVIL, EVIL, True, EVIL, EVIL, EVIL, EVIL, office.time, EVIL, 0, 0
        )
    ]
    from gateway.accounts.throttle.entries import Entry
    from gateway.admin.live import UpstreamHealth

    office.live.health = [UpstreamHealth(EVIL, None, office.time, "Unavailable", EVIL)]
    office.throttle.held = [Entry("account", EVIL, EVIL, 1, 0, None, 0)]
    for path in ("/", "/sessions", "/locks"):
        page = admin.get(path)
        assert page.status == 200
        assert "<img" not in page.body
        assert EVIL in page.text


def test_a_session_is_ended_and_it_says_that_nothing_is_deleted(admin, office):
    some_day(office)
    page = admin.get("/sessions")
    assert "Ending a session deletes nothing" in page.text
    page = admin.post("/sessions/end", {"csrf": page.csrf, "worker": "0", "number": "17"})
    assert "Nothing was deleted" in admin.follow(page).text
    assert [each.number for each in office.live.current] == [9, 11, 21]
    page = admin.submit("/sessions", "/sessions/end", {"worker": "0", "number": "17"})
    assert "was over already" in admin.follow(page).text
    assert (
        admin.submit("/sessions", "/sessions/end", {"worker": "x", "number": "1"}).status == 400
    )


def test_one_in_update_has_no_button(admin, office):
    some_day(office)
    office.live.current = office.live.current[3:]
    assert "/sessions/end" not in admin.get("/sessions").body


def test_locks_are_lifted(admin, office):
    some_day(office)
    assert "31 different wrong passwords" in admin.get("/locks").text
    page = admin.submit("/locks", "/locks/lift", {"key": "198.51.100.77"})
    assert "It was lifted." in admin.follow(page).text
    assert len(office.throttle.held) == 2
    assert admin.submit("/locks", "/locks/lift", {"key": ""}).status == 400


def test_notices_are_ours_alone(admin):
    assert "Hacked" not in admin.get("/?done=Hacked").text
    assert "was lifted" in admin.get("/locks?done=lifted").text
