"""Consents are kept alive, and their end is seen coming."""

from dataclasses import replace

import pytest
from pydantic import SecretStr
from twisted.internet.defer import Deferred

from gateway.accounts.model import Provider
from gateway.accounts.oauth.fetch import Answer
from gateway.errors import Unavailable
from tests.unit.accounts.oauth.desk import DAY, begin, result, run


def look(desk):
    waiting = begin(desk.watch.look())
    for _ in range(100):
        if waiting.called:
            break
        desk.clock.advance(1)
    result(waiting)


def test_what_nobody_uses_is_refreshed_once_a_day(desk):
    desk.register().grant()
    for _ in range(10 * 24):
        look(desk)
        desk.clock.advance(3600)
    assert 10 <= len(desk.refreshes()) <= 15


def test_a_withdrawn_consent_is_noticed_within_a_day_though_nobody_polls(desk):
    desk.register().grant()
    desk.idp.good.clear()
    desk.clock.advance(DAY)
    look(desk)
    assert "consent_lost" in desk.names()
    assert desk.row().broken


def test_accounts_that_began_together_are_not_refreshed_together(desk):
    desk.register()
    for number in range(60):
        desk.add(f"u{number}")
        desk.grant(f"u{number}", refresh=f"r{number}")
    done = []
    for _ in range(30):
        before = len(desk.refreshes())
        look(desk)
        done.append(len(desk.refreshes()) - before)
        desk.clock.advance(3600)
    assert sum(done) >= 60
    assert max(done) <= 20


def test_a_round_has_an_end(desk):
    desk.register()
    for number in range(50):
        desk.add(f"u{number}")
        desk.grant(f"u{number}", refresh=f"r{number}")
    desk.clock.advance(2 * DAY)
    look(desk)
    assert len(desk.refreshes()) == 40
    look(desk)
    assert len(desk.refreshes()) == 50


def test_a_failure_is_not_repeated_every_minute(desk):
    desk.register().grant()
    desk.clock.advance(2 * DAY)
    desk.idp.refuse = Answer(503, b"")
    for _ in range(60):
        look(desk)
        desk.clock.advance(60)
    assert len(desk.refreshes()) == 1


def test_a_broken_consent_is_tried_again_four_times_a_day(desk):
    desk.register().grant()
    desk.idp.good.clear()
    desk.clock.advance(DAY)
    for _ in range(24):
        look(desk)
        desk.clock.advance(3600)
    assert 4 <= len(desk.refreshes()) <= 5
    desk.idp.good.add("refresh-0")
    for _ in range(7):
        look(desk)
        desk.clock.advance(3600)
    assert desk.row().broken == ""


def test_ends_that_can_be_foreseen(desk):
    now = desk.now()
    desk.register(secret_ends=now + 10 * DAY + 5)
    desk.add("soon")
    desk.grant("soon", refresh="r1", consent_ends=now + 3 * DAY + 5, obtained=now - 90 * DAY)
    desk.add("later")
    desk.grant("later", refresh="r2", consent_ends=now + 15 * DAY)
    desk.add("broken")
    desk.grant("broken", refresh="r3", broken="the consent was withdrawn: sign in again")
    found = run(desk.watch.forebodings())
    assert [(each.account, each.days, each.stopped) for each in found] == [
        ("broken", 0, True),
        ("soon", 3, False),
        ("", 10, False),
    ]
    assert found[0].cause == "the consent was withdrawn"
    assert found[0].advice == "sign in again"
    assert found[2].provider == "idp"


def test_they_are_told_once_a_day(desk):
    now = desk.now()
    desk.register(secret_ends=now + 10 * DAY)
    desk.grant(consent_ends=now + 5 * DAY)
    for _ in range(30):
        look(desk)
        desk.clock.advance(60)
    alarms = ("consent_ends", "client_secret_ends")
    assert [name for name in desk.names() if name in alarms] == list(alarms)
    desk.clock.advance(DAY)
    look(desk)
    days = [event.days for event in desk.events if event.name() == "consent_ends"]
    assert days == [5, 3]


def test_two_that_look_tell_once(desks, desk):
    desk.register(secret_ends=desk.now() + DAY)
    other = desks(desk.clock, desk.idp)
    look(desk)
    look(other)
    assert desk.names() + other.names() == ["client_secret_ends"]


def test_an_app_in_testing_at_google(desk):
    """developers.google.com/identity/protocols/oauth2#expiration: 7 days."""
    desk.register("google", "imaps://imap.gmail.com")
    desk.grant(consent_ends=desk.now() + 7 * DAY - 1)
    [found] = run(desk.watch.forebodings())
    assert (found.days, "publish the app" in found.advice) == (6, True)


@pytest.mark.parametrize(("preset", "idle"), [("microsoft", 90), ("google", 180)])
def test_a_consent_that_ends_unused(desk, preset, idle):
    desk.register(preset, "imaps://x", scopes=("s",))
    desk.grant(refreshed=desk.now() - (idle - 10) * DAY)
    [found] = run(desk.watch.forebodings())
    assert found.days == 10
    desk.grant(refreshed=desk.now() - (idle - 20) * DAY)
    assert run(desk.watch.forebodings()) == []


def test_of_client_credentials_only_the_secret_ends(desk):
    desk.register("microsoft", "imaps://x")
    desk.grant(refresh=None, refreshed=desk.now() - 100 * DAY, flow="client")
    assert run(desk.watch.forebodings()) == []
    provider = desk.store.providers.get("idp")
    desk.store.providers.save(replace(provider, secret_ends=desk.now() - DAY))
    [found] = run(desk.watch.forebodings())
    assert found.days == 0


def test_a_secret_that_nobody_knows_the_end_of(desk):
    desk.store.providers.save(Provider("p", "oidc", "", "id", SecretStr("x")))
    assert run(desk.watch.forebodings()) == []


def test_it_looks_every_minute_and_stops(desk, monkeypatch):
    desk.register().grant()
    desk.watch.start()
    desk.clock.advance(DAY)
    assert len(desk.refreshes()) == 1
    run(desk.watch.stop())
    desk.clock.advance(3 * DAY)
    assert len(desk.refreshes()) == 1


def test_a_database_that_is_away_does_not_end_it(desk, monkeypatch):
    desk.register().grant()

    def away(*_, **__):
        raise Unavailable("away")

    with monkeypatch.context() as context:
        context.setattr(desk.store.grants, "unrefreshed", away)
        desk.watch.start()
        desk.clock.advance(DAY)
    desk.clock.advance(60)
    assert len(desk.refreshes()) == 1
    run(desk.watch.stop())


def test_it_ends_between_two_refreshes(desk):
    desk.register()
    for number in range(3):
        desk.add(f"u{number}")
        desk.grant(f"u{number}", refresh=f"r{number}")
    desk.clock.advance(2 * DAY)
    desk.watch.start()
    stopped = begin(desk.watch.stop())
    assert len(desk.refreshes()) == 1
    desk.clock.advance(1)
    result(stopped)
    assert len(desk.refreshes()) == 2


def test_a_defect_does_not_end_it(desk, monkeypatch):
    desk.register().grant()

    def broken(*_, **__):
        raise KeyError("secret")

    with monkeypatch.context() as context:
        context.setattr(desk.store.grants, "unrefreshed", broken)
        desk.watch.start()
        desk.clock.advance(DAY)
    [told] = {event for event in desk.events if event.name() == "watch_failed"}
    assert told.cause == "KeyError"
    desk.clock.advance(60)
    assert len(desk.refreshes()) == 1
    run(desk.watch.stop())


def test_many_that_fail_do_not_stand_before_the_others(desk):
    desk.register()
    for number in range(600):
        desk.add(f"bad{number}")
        # The database gives those first whose tokens end first.
        desk.grant(
            f"bad{number}", refresh=f"bad{number}", life=60.0, refreshed=desk.now() - DAY
        )
    desk.add("good")
    desk.grant("good", refresh="good", life=3600.0, refreshed=desk.now() - DAY)
    for number in range(600):
        desk.watch._tried[f"bad{number}"] = desk.now()
    look(desk)
    assert [form["refresh_token"] for form in desk.refreshes()] == ["good"]


def test_a_slow_provider_holds_up_no_other(desk):
    desk.register()
    for number in range(3):
        desk.add(f"u{number}")
        desk.grant(f"u{number}", refresh=f"r{number}")
    desk.clock.advance(2 * DAY)
    slow = Deferred()
    desk.idp.stalls.append(slow)
    waiting = begin(desk.watch.look())
    desk.clock.advance(1)
    desk.clock.advance(1)
    assert len(desk.refreshes()) == 3
    assert not waiting.called
    slow.callback(None)
    result(waiting)


def test_a_clock_that_is_put_back_keeps_nobody_waiting(desk):
    desk.register().grant()
    desk.watch._tried["kim"] = desk.now()
    desk.now_is(-30 * DAY)
    look(desk)
    assert len(desk.refreshes()) == 1
