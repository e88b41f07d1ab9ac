"""The exclusive lease among the sessions of one process."""

import pytest

from gateway.access.lease import ProcessLeases
from gateway.errors import MaildropBusy
from tests.unit.access.deeds import run


def acquire(leases, account):
    return run(leases.acquire(account))


def test_the_second_is_busy_until_the_first_is_given_back():
    leases = ProcessLeases()
    first = acquire(leases, "a")
    with pytest.raises(MaildropBusy):
        acquire(leases, "a")
    first.release()
    acquire(leases, "a").release()
    assert len(leases) == 0


def test_accounts_do_not_disturb_each_other():
    leases = ProcessLeases()
    acquire(leases, "a")
    acquire(leases, "b")
    assert len(leases) == 2


def test_a_lease_given_back_twice_does_not_free_the_next_holders():
    leases = ProcessLeases()
    first = acquire(leases, "a")
    first.release()
    second = acquire(leases, "a")
    first.release()
    assert len(leases) == 1
    with pytest.raises(MaildropBusy):
        acquire(leases, "a")
    second.release()
