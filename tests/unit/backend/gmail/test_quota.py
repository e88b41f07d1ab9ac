import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from gateway.backend.gmail.quota import Quota
from gateway.backend.gmail.settings import GmailSettings
from gateway.errors import Throttled

BASE = "https://gmail.googleapis.com/gmail/v1/users/me"
RAW = f"{BASE}/messages/18c0?format=raw"


@pytest.fixture
def clock():
    return Clock()


def spend(quota, method="GET", url=RAW, mailbox=b"alice"):
    return Deferred.fromCoroutine(quota.spend(mailbox, method, url))


@pytest.mark.parametrize(
    ("method", "url", "units"),
    [
        ("GET", f"{BASE}/profile", 1),
        ("GET", f"{BASE}/history?startHistoryId=5", 2),
        ("GET", f"{BASE}/messages?labelIds=INBOX", 5),
        ("GET", RAW, 20),
        ("POST", f"{BASE}/messages/18c0/trash", 5),
        ("POST", f"{BASE}/messages/18c0/modify", 5),
        ("DELETE", f"{BASE}/messages/18c0", 10),
        ("POST", f"{BASE}/messages/batchModify", 50),
        ("POST", f"{BASE}/messages/batchDelete", 50),
    ],
)
def test_units_of_each_method(clock, method, url, units):
    assert Quota(GmailSettings(), clock).units(method, url) == units


def test_no_minute_sees_more_than_allowed(clock):
    settings = GmailSettings(units_per_minute=600, units_per_message=20, quota_wait=3600)
    quota = Quota(settings, clock)
    sent = []
    for _ in range(120):
        spend(quota).addCallback(lambda _: sent.append(clock.seconds()))
    for _ in range(60 * 10):
        clock.advance(1)
    assert len(sent) == 120
    for start in sent:
        assert sum(20 for each in sent if start <= each < start + 60) <= 600


def test_waits_no_longer_than_it_may(clock):
    settings = GmailSettings(units_per_minute=600, units_per_message=25, quota_wait=6)
    quota = Quota(settings, clock)
    waiting = [spend(quota) for _ in range(13)]
    assert [each.called for each in waiting] == [True] * 12 + [False]
    assert isinstance(spend(quota).addErrback(lambda reason: reason.value).result, Throttled)
    clock.advance(5)
    assert waiting[12].called
    # What was refused cost nothing.
    clock.advance(5)
    assert spend(quota).called


def test_each_mailbox_has_its_own(clock):
    quota = Quota(GmailSettings(quota_wait=0), clock)
    refusals = []
    for _ in range(151):
        spend(quota).addErrback(refusals.append)
    assert len(refusals) == 1
    assert spend(quota, mailbox=b"bob").result is None
    assert len(quota) == 2


def test_forgets_the_idle(clock):
    quota = Quota(GmailSettings(), clock)
    for number in range(50):
        spend(quota, mailbox=b"%d" % number)
        clock.advance(60)
    assert len(quota) == 1


def test_who_waits_no_longer_pays_nothing(clock):
    quota = Quota(GmailSettings(units_per_minute=600), clock)
    waiting = [spend(quota) for _ in range(20)]
    left = [each for each in waiting if not each.called]
    assert len(left) == 5
    for each in left:
        each.addErrback(lambda _: None)
        each.cancel()
    clock.advance(4)
    assert spend(quota).called
