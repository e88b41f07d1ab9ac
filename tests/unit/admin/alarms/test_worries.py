"""What is worth an alarm."""

from gateway.accounts.model import Device
from gateway.accounts.oauth.watch import Foreboding
from gateway.admin.alarms.worries import of_forebodings, of_silent, of_upstreams
from gateway.admin.live import UpstreamHealth

DAY = 86_400.0
NOW = 100 * DAY


def test_an_end_that_came_is_another_worry_than_its_coming():
    soon = Foreboding("kim", "office", "it ends", "sign in", 1)
    over = Foreboding("kim", "office", "it\nended", "sign in", 0, stopped=True)
    one, other = of_forebodings([soon, over])
    assert one.what == "the mail of kim stops tomorrow"
    assert (other.what, other.why) == ("the mail of kim has stopped", "it ended")
    assert one.key != other.key
    [later] = of_forebodings([Foreboding("kim", "office", "it ends", "sign in", 9)])
    assert later.key == one.key
    assert "in 9 days" in later.what


def test_a_secret_is_of_all_accounts():
    [worry] = of_forebodings([Foreboding("", "office", "it ends", "make one", 0)])
    assert worry.what == "the mail of all accounts of office stops today"


def health(good, bad):
    return UpstreamHealth("imaps://imap.example.org", good, bad, "Unavailable", "refused " * 99)


def test_a_server_is_a_worry_after_half_an_hour_of_failures_that_go_on():
    [worry] = of_upstreams([health(NOW - 2000, NOW - 5)], NOW)
    assert "imaps://imap.example.org" in worry.what
    assert len(worry.why) < 400
    fine = [
        health(NOW - 5, None),
        health(None, NOW - 5),  # it was never used with success: somebody is setting it up
        health(NOW - 1000, NOW - 5),
        health(NOW - 5, NOW - 2000),
        health(NOW - 9000, NOW - 4000),  # nobody has asked since
    ]
    assert list(of_upstreams(fine, NOW)) == []


def device(name, seen, **more):
    return Device("kim", name, "abcd", "x", last_seen=seen, **more)


def test_devices_that_came_once_and_come_no_more_are_silent():
    devices = [
        device("gone", NOW - 9 * DAY),
        device("fine", NOW - DAY),
        device("new", None),
        device("revoked", NOW - 9 * DAY, revoked=NOW - DAY),
    ]
    [worry] = of_silent(devices, NOW, 7)
    assert worry.what == "kim/gone has fetched no mail for 9 days"
