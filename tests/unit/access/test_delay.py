"""LOGIN-DELAY: who has to wait, for how long, and that nothing is remembered for ever."""

import pytest
from twisted.internet.task import Clock

from gateway.access.delay import LoginDelays
from gateway.errors import Throttled


@pytest.fixture
def clock():
    return Clock()


def enter(delays, account):
    delays.check(account)
    delays.note(account)


def test_a_second_login_within_the_delay_is_throttled(clock):
    delays = LoginDelays(10, clock.seconds)
    enter(delays, "a")
    clock.advance(9.9)
    with pytest.raises(Throttled, match="10 s"):
        enter(delays, "a")


def test_after_the_delay_it_may_go_on(clock):
    delays = LoginDelays(10, clock.seconds)
    enter(delays, "a")
    clock.advance(10)
    enter(delays, "a")


def test_a_throttled_try_does_not_begin_the_delay_anew(clock):
    delays = LoginDelays(10, clock.seconds)
    enter(delays, "a")
    clock.advance(9)
    with pytest.raises(Throttled):
        enter(delays, "a")
    clock.advance(1)
    enter(delays, "a")


def test_a_login_that_failed_does_not_count(clock):
    delays = LoginDelays(10, clock.seconds)
    delays.check("a")
    delays.check("a")


def test_accounts_do_not_wait_for_each_other(clock):
    delays = LoginDelays(10, clock.seconds)
    enter(delays, "a")
    enter(delays, "b")


def test_no_delay_remembers_nobody(clock):
    delays = LoginDelays(0, clock.seconds)
    enter(delays, "a")
    enter(delays, "a")
    assert not delays._logins


def test_what_does_not_matter_any_more_is_forgotten(clock):
    delays = LoginDelays(10, clock.seconds)
    for number in range(1000):
        enter(delays, str(number))
        clock.advance(1)
    assert len(delays._logins) <= 11
