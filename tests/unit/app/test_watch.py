"""What a process remembers of its events."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from gateway.app.watch import Watch
from gateway.server.events import InternalError, LoggedIn, LoginFailed, MessageFailed, Updated
from gateway.telemetry import Event

OURS = "imaps://ours"
WHO = {"peer": "192.0.2.1", "user": "ann", "session": 7}


@pytest.fixture
def clock():
    return [100.0]


@pytest.fixture
def watch(clock):
    return Watch(OURS, lambda: clock[0])


def opened(upstream=""):
    return LoggedIn(1, 2, 0.1, "", upstream)


def failed(failure="Unavailable", upstream="", detail="why"):
    return LoginFailed("ann", failure, detail, upstream)


def test_failures_are_remembered_the_newest_first(watch, clock):
    watch(failed("BadCredentials"), WHO)
    clock[0] = 101
    watch(MessageFailed("Unavailable", "lost"), WHO)
    watch(Updated(1, 0), WHO)
    newest, oldest = watch.troubles
    assert (newest.at, newest.event, newest.failure) == (101, "message_failed", "Unavailable")
    assert (newest.user, newest.peer, newest.detail) == ("ann", "192.0.2.1", "lost")
    assert (oldest.at, oldest.failure, oldest.upstream) == (100, "BadCredentials", OURS)


def test_no_more_than_200(watch):
    for number in range(201):
        watch(failed(detail=str(number)), WHO)
    assert [each.detail for each in watch.troubles] == [str(n) for n in range(200, 0, -1)]


def test_of_a_defect_the_kind_of_error(watch):
    watch(InternalError('  File "x", line 1\n    f()\nKeyError'), {})
    (trouble,) = watch.troubles
    assert (trouble.detail, trouble.user, trouble.failure) == ("KeyError", "", "")


def test_an_upstream_is_good_while_logins_succeed(watch, clock):
    watch(opened(), WHO)
    clock[0] = 200
    watch(failed("Unavailable", detail="refused"), WHO)
    (health,) = watch.upstreams
    assert (health.name, health.last_good, health.last_bad) == (OURS, 100, 200)
    assert (health.failure, health.detail) == ("Unavailable", "refused")


@pytest.mark.parametrize("failure", ["BadCredentials", "Throttled", "MaildropBusy"])
def test_what_a_client_does_wrong_is_no_fault_of_the_upstream(watch, failure):
    watch(failed(failure), WHO)
    assert watch.upstreams == []


def test_a_login_that_came_to_no_upstream_tells_of_none(watch):
    watch(failed("Unavailable", upstream="none"), WHO)
    assert watch.upstreams == []
    assert watch.troubles[0].upstream == ""


def test_each_upstream_by_itself_and_no_more_than_fifty(watch):
    for number in range(60):
        watch(opened(f"imaps://{number}"), WHO)
    watch(failed(upstream="imaps://7"), WHO)
    for number in range(1000, 1060):
        watch(failed(upstream=f"imaps://{number}"), WHO)
    found = {each.name: each for each in watch.upstreams}
    assert len(found) == 99  # fifty that did well, fifty that did not, and one did both
    assert found["imaps://7"].last_bad == 100
    assert found["imaps://8"].last_bad is None
    assert "imaps://59" not in found
    assert found["imaps://1000"].last_good is None
    assert "imaps://1059" not in found


@dataclass(frozen=True, slots=True)
class Bare(Event):
    """Has none of the usual fields."""

    level: ClassVar = "warning"


def test_an_event_without_any_of_it_is_remembered_by_name(watch):
    watch(Bare(), {})
    (trouble,) = watch.troubles
    assert (trouble.event, trouble.failure, trouble.detail) == ("bare", "", "")
