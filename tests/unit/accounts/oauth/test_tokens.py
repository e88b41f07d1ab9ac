"""Kept tokens: who refreshes when, what is written first, and what a refusal means."""

from dataclasses import replace

import pytest
from pydantic import SecretStr
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from gateway.accounts.oauth.fetch import Answer
from gateway.errors import ConsentMissing, Unavailable
from tests.unit.accounts.oauth.desk import DAY, begin, error, result, run


@pytest.fixture
def ready(desk):
    return desk.register().grant()


def test_a_token_is_asked_for_once_and_used_as_long_as_it_lasts(ready):
    tokens = ready.keeper.tokens("kim")
    for _ in range(10):
        assert run(tokens.token()) == b"access-0"
        ready.clock.advance(250)
    assert ready.idp.asked == []


def test_ahead_of_its_end_a_new_one_is_got_and_nobody_waits(ready):
    tokens = ready.keeper.tokens("kim")
    assert run(tokens.token()) == b"access-0"
    ready.clock.advance(3600 - 600)
    assert run(tokens.token()) == b"access-0"
    assert ready.refreshes() == []
    ready.clock.advance(160)  # of chance: half of the ten minutes, and half of the rest
    ready.idp.stalls.append(answer := Deferred())
    assert run(tokens.token()) == b"access-0"
    assert len(ready.refreshes()) == 1
    assert run(tokens.token()) == b"access-0"
    assert len(ready.refreshes()) == 1
    answer.callback(None)
    assert run(tokens.token()) == b"access-1"
    assert ready.names() == ["token_refreshed"]


def test_one_refresh_serves_all_who_wait(ready):
    ready.clock.advance(3600)
    ready.idp.stalls.append(answer := Deferred())
    waiting = [begin(ready.keeper.tokens(name).token()) for name in ("kim", "Kim", "KIM")]
    answer.callback(None)
    assert [result(each) for each in waiting] == [b"access-1"] * 3
    assert len(ready.refreshes()) == 1


def test_a_client_that_hangs_up_takes_no_refresh_with_it(ready):
    ready.idp.rotates = True
    ready.clock.advance(3600)
    ready.idp.stalls.append(answer := Deferred())
    gone, stays = (begin(ready.keeper.token("kim")) for _ in range(2))
    gone.addErrback(lambda reason: None)
    gone.cancel()
    answer.callback(None)
    assert result(stays) == b"access-1"
    assert ready.row().refresh == SecretStr("refresh-1")


def test_the_refresh_token_is_on_the_disk_before_the_access_token_is_used(ready, monkeypatch):
    ready.idp.rotates = True
    ready.clock.advance(3600)
    save = ready.store.grants.save
    monkeypatch.setattr(ready.store.grants, "save", lambda grant: _fail())
    waiting = begin(ready.keeper.token("kim"))
    ready.clock.advance(1)
    assert not waiting.called
    assert ready.row().refresh == SecretStr("refresh-0")
    monkeypatch.setattr(ready.store.grants, "save", save)
    ready.clock.advance(1)
    assert result(waiting) == b"access-1"
    row = ready.row()
    assert (row.refresh, row.previous) == (SecretStr("refresh-1"), SecretStr("refresh-0"))


def test_what_could_not_be_written_is_written_by_the_next_login(ready, monkeypatch):
    ready.idp.rotates = True
    ready.clock.advance(3600)
    with monkeypatch.context() as away:
        away.setattr(ready.store.grants, "save", lambda grant: _fail())
        waiting = begin(ready.keeper.token("kim"))
        ready.clock.pump([1] * 400)
        with pytest.raises(Unavailable):
            result(waiting)
    assert ready.row().refresh == SecretStr("refresh-0")
    assert run(ready.keeper.token("kim")) == b"access-1"
    assert len(ready.refreshes()) == 1
    assert ready.row().refresh == SecretStr("refresh-1")


def test_what_could_not_be_written_is_nobody_else_s_to_refresh(pair, monkeypatch):
    """The provider would be shown a token that it has replaced, and end the consent."""
    one, two = pair
    one.idp.rotates = True
    one.clock.advance(3600)
    with monkeypatch.context() as away:
        away.setattr(one.store.grants, "save", lambda grant: _fail())
        logins = [begin(each.keeper.token("kim")) for each in pair]
        one.clock.pump([0.5] * 120)
        for each in logins:
            with pytest.raises(Unavailable):
                result(each)
    one.clock.pump([0.5] * 20)
    assert run(two.keeper.token("kim")) == b"access-1"
    assert len(one.refreshes()) == 1


def _fail():
    raise Unavailable("the disk is full")


# Two processes.


@pytest.fixture
def pair(desks, ready):
    return ready, desks(ready.clock, ready.idp)


def test_two_processes_refresh_once(pair):
    one, two = pair
    one.idp.rotates = True
    one.clock.advance(3600)
    one.idp.stalls.append(answer := Deferred())
    first, second = begin(one.keeper.token("kim")), begin(two.keeper.token("kim"))
    one.clock.pump([0.1] * 10)
    assert not first.called
    assert not second.called
    answer.callback(None)
    one.clock.pump([0.1] * 5)
    assert result(first) == result(second) == b"access-1"
    assert len(one.refreshes()) == 1


def test_a_process_that_dies_in_a_refresh_frees_it_with_time(desks, ready):
    """The provider lets the old refresh token work again, as Google and Microsoft do."""
    heir = desks(Clock(), ready.idp)
    for each in (ready, heir):
        each.clock.advance(3600)
    ready.idp.stalls.append(Deferred())  # it never comes back, and this clock stands still
    begin(ready.keeper.token("kim"))
    waiting = begin(heir.keeper.token("kim"))
    heir.clock.pump([0.5] * 28)
    assert not waiting.called
    heir.clock.advance(1)
    heir.clock.advance(0.3)
    assert result(waiting) == b"access-1"


def test_a_slow_refresh_is_no_dead_one(pair):
    """Or a provider that rotates would be shown one refresh token twice."""
    one, two = pair
    one.idp.rotates = True
    one.clock.advance(3600)
    one.idp.stalls.append(answer := Deferred())
    logins = [begin(each.keeper.token("kim")) for each in pair]
    one.clock.pump([0.5] * 200)
    for each in logins:
        with pytest.raises(Unavailable, match="15 seconds"):
            result(each)
    assert len(one.refreshes()) == 1
    answer.callback(None)
    one.clock.advance(1)
    assert run(one.keeper.token("kim")) == run(two.keeper.token("kim")) == b"access-1"
    assert len(one.refreshes()) == 1


def test_an_answer_that_comes_when_nobody_waits_any_more_is_kept(ready):
    ready.idp.rotates = True
    ready.clock.advance(3600)
    ready.idp.stalls.append(answer := Deferred())
    waiting = begin(ready.keeper.token("kim"))
    ready.clock.pump([1] * 16)
    with pytest.raises(Unavailable):
        result(waiting)
    answer.callback(None)
    assert ready.row().refresh == SecretStr("refresh-1")
    assert ready.names() == ["token_refreshed"]


def test_the_end_waits_for_a_refresh(ready):
    ready.idp.rotates = True
    ready.clock.advance(3600)
    ready.idp.stalls.append(answer := Deferred())
    begin(ready.keeper.token("kim"))
    ended = begin(ready.keeper.stop())
    assert not ended.called
    answer.callback(None)
    result(ended)
    assert ready.row().refresh == SecretStr("refresh-1")


def test_the_end_does_not_wait_for_ever(ready):
    ready.clock.advance(3600)
    ready.idp.stalls.append(Deferred())
    login = begin(ready.keeper.token("kim"))
    ended = begin(ready.keeper.stop())
    ready.clock.advance(16)
    result(ended)
    with pytest.raises(Unavailable):
        result(login)


def test_nobody_waits_for_ever(pair, monkeypatch):
    _, two = pair
    monkeypatch.setattr(two.store.grants, "lease", lambda *_, **__: False)
    two.clock.advance(3600)
    waiting = begin(two.keeper.token("kim"))
    two.clock.pump([1] * 16)
    with pytest.raises(Unavailable):
        result(waiting)
    two.clock.pump([1] * 300)
    assert not two.keeper._states["kim"].flight.under_way


def test_another_process_is_noticed_within_seconds(pair):
    one, two = pair
    assert run(two.keeper.token("kim")) == b"access-0"
    run(one.keeper.refresh(one.row()))
    assert run(two.keeper.token("kim")) == b"access-0"
    two.clock.advance(6)
    assert run(two.keeper.token("kim")) == b"access-1"
    one.store.grants.remove("kim")
    two.clock.advance(6)
    with pytest.raises(ConsentMissing, match="nobody has signed in"):
        run(two.keeper.token("kim"))


def test_the_owner_signs_in_again_while_a_refresh_is_under_way(pair):
    one, two = pair
    one.clock.advance(3600)
    one.idp.stalls.append(answer := Deferred())
    waiting = begin(one.keeper.token("kim"))
    two.grant(refresh="refresh-of-another-consent")
    answer.callback(None)
    assert result(waiting) == b"access-0"
    assert one.row().refresh == SecretStr("refresh-of-another-consent")


# Refused by the upstream.


def test_the_upstream_s_refusal_brings_another_token(ready):
    tokens = ready.keeper.tokens("kim")
    ready.clock.advance(120)
    assert run(tokens.renew(b"access-0")) == b"access-1"
    assert run(tokens.renew(b"access-0")) == b"access-1"
    assert len(ready.refreshes()) == 1


def test_a_new_token_that_is_refused_is_not_the_provider_s_fault(ready):
    """Or a mailbox that the token does not open would cost a refresh a poll."""
    tokens = ready.keeper.tokens("kim")
    ready.clock.advance(120)
    assert run(tokens.renew(b"access-0")) == b"access-1"
    assert run(tokens.renew(b"access-1")) == b"access-1"
    ready.clock.advance(61)
    assert run(tokens.renew(b"access-1")) == b"access-2"


# Another mailbox.


@pytest.mark.parametrize("change", [{"mailbox": "bob@example.org"}, {"provider": "other"}])
@pytest.mark.parametrize("life", [3600.0, 0.0], ids=["as it is", "refreshed"])
def test_a_session_goes_on_in_no_other_mailbox(ready, change, life):
    """Where only the token says whose mail it is, numbers would be those of other mail."""
    ready.store.providers.save(replace(ready.store.providers.get("idp"), name="other"))
    old = ready.store.accounts.get("kim")
    session = ready.keeper.tokens("kim", old.opens)
    assert run(session.token()) == b"access-0"
    ready.store.accounts.save(new := replace(old, **change))
    ready.grant(refresh="refresh-of-the-other", life=life)
    ready.clock.advance(6)
    for again in (session.token, lambda: session.renew(b"access-0")):
        with pytest.raises(ConsentMissing, match="another mailbox or provider"):
            run(again())
    assert ready.refreshes() == []
    assert run(ready.keeper.tokens("kim", new.opens).token()).startswith(b"access-")


def test_a_login_by_the_new_mailbox_gets_no_token_that_is_remembered_of_the_old(ready):
    old = ready.store.accounts.get("kim")
    run(ready.keeper.tokens("kim", old.opens).token())
    ready.store.accounts.save(new := replace(old, mailbox="bob@example.org"))
    with pytest.raises(ConsentMissing, match="nobody has signed in"):
        run(ready.keeper.tokens("kim", new.opens).token())


def test_the_spelling_of_a_mailbox_does_not_matter(ready):
    old = ready.store.accounts.get("kim")
    session = ready.keeper.tokens("kim", old.opens)
    ready.store.accounts.save(replace(old, mailbox="KIM@example.org", note="moved"))
    ready.clock.advance(6)
    assert run(session.token()) == b"access-0"


# Refused by the provider.


def test_a_withdrawn_consent_is_told_once_and_asked_for_no_more(ready):
    ready.clock.advance(3600)
    ready.idp.good.clear()
    for _ in range(3):
        with pytest.raises(ConsentMissing, match="sign in again"):
            run(ready.keeper.token("kim"))
    assert ready.names() == ["consent_lost"]
    assert len(ready.refreshes()) == 1
    assert "sign in again" in ready.row().broken


def test_a_new_consent_heals(ready):
    ready.clock.advance(3600)
    ready.idp.good.clear()
    with pytest.raises(ConsentMissing):
        run(ready.keeper.token("kim"))
    ready.grant(refresh="refresh-new")
    assert run(ready.keeper.token("kim")) == b"access-0"


def test_the_token_before_is_tried_if_the_new_one_is_refused(ready):
    ready.grant(previous=SecretStr("refresh-before"))
    ready.idp.good = {"refresh-before"}
    ready.clock.advance(3600)
    assert run(ready.keeper.token("kim")) == b"access-1"
    assert [form["refresh_token"] for form in ready.refreshes()] == [
        "refresh-0",
        "refresh-before",
    ]
    assert "previous_token_used" in ready.names()
    assert ready.row().refresh == SecretStr("refresh-before")


def test_the_token_before_is_kept_until_the_new_one_has_worked(ready):
    ready.idp.rotates = True
    for number in (1, 2):
        ready.clock.advance(3600)
        run(ready.keeper.token("kim"))
        row = ready.row()
        assert row.refresh == SecretStr(f"refresh-{number}")
        assert row.previous == SecretStr(f"refresh-{number - 1}")


PASSING = [
    Answer(500, b"<html>"),
    Answer(503, b""),
    Answer(429, b"{}"),
    Answer(200, b"<html>a portal</html>"),
    Answer(200, b"[]"),
    Answer(200, b'{"token_type":"Bearer"}'),
    Answer(200, b'{"access_token":"a b"}'),
    Answer(200, b'{"access_token":"a","token_type":"mac"}'),
    Answer(502, b'{"error":"invalid_grant"}'),
    error("temporarily_unavailable"),
    error("server_error"),
    error(
        "invalid_grant", error_description="AADSTS90033: A transient error", error_codes=[90033]
    ),
    Answer(400, b"\xff\xfe"),
]


@pytest.mark.parametrize("answer", PASSING)
def test_what_may_pass_is_no_lost_consent(ready, answer):
    ready.clock.advance(3600)
    ready.idp.refuse = answer
    before = ready.row()
    with pytest.raises(Unavailable):
        run(ready.keeper.token("kim"))
    assert ready.names() == ["refresh_failed"]
    assert ready.row() == before
    ready.idp.refuse = None
    with pytest.raises(Unavailable):  # left alone for a moment
        run(ready.keeper.token("kim"))
    assert len(ready.refreshes()) == 1
    ready.clock.advance(5)
    assert run(ready.keeper.token("kim")) == b"access-1"


@pytest.mark.parametrize(
    "odd",
    [
        {"expires_in": value}
        for value in (-1, 0.5, "never", "1e999", 10**400, float("nan"), float("inf"), [], True)
    ]
    + [{"scope": [1, "a b", "\ud800"]}, {"scope": 7}, {"scope": "mail \0 \u00e9"}],
)
def test_an_odd_answer_costs_no_refresh_token(ready, odd):
    ready.idp.rotates, ready.idp.more = True, odd
    ready.clock.advance(3600)
    assert run(ready.keeper.token("kim")) == b"access-1"
    row = ready.row()
    assert row.refresh == SecretStr("refresh-1")
    assert ready.now() <= row.expires <= ready.now() + 86_400


@pytest.mark.parametrize("odd", [{"token_type": "mac"}, {"access_token": "a b"}])
def test_a_new_refresh_token_is_kept_of_an_answer_of_no_use(ready, odd):
    ready.idp.rotates, ready.idp.more = True, odd
    ready.clock.advance(3600)
    with pytest.raises(Unavailable):
        run(ready.keeper.token("kim"))
    row = ready.row()
    assert (row.refresh, row.previous) == (SecretStr("refresh-1"), SecretStr("refresh-0"))
    ready.idp.more = {}
    ready.clock.advance(5)
    assert run(ready.keeper.token("kim")) == b"access-2"


SETUP = [
    error("invalid_client", 401),
    error("unauthorized_client"),
    error("something new"),
    error("invalid_client", 401, error_description="AADSTS7000222: secret-s3cret expired"),
]


@pytest.mark.parametrize("answer", SETUP)
def test_a_fault_of_the_registration_ends_no_consent(ready, answer):
    """As soon as the administrator has put it right, all accounts work again."""
    ready.clock.advance(3600)
    ready.idp.refuse = answer
    with pytest.raises(ConsentMissing):
        run(ready.keeper.token("kim"))
    assert ready.row().broken == ""
    ready.idp.refuse = None
    ready.clock.advance(5)
    assert run(ready.keeper.token("kim")) == b"access-1"


@pytest.mark.parametrize("answer", [Answer(503, b""), error("invalid_client", 401)])
def test_while_the_token_lasts_the_provider_may_be_away(ready, answer):
    tokens = ready.keeper.tokens("kim")
    run(tokens.token())
    ready.idp.refuse = answer
    ready.clock.advance(3300)
    for _ in range(3):
        assert run(tokens.token()) == b"access-0"
    assert ready.names() == ["refresh_failed"]
    ready.clock.advance(5)
    run(tokens.token())
    assert ready.names() == ["refresh_failed"] * 2


def test_nothing_of_the_provider_s_text_is_kept_or_told(ready):
    ready.clock.advance(3600)
    ready.idp.refuse = error("invalid_grant", error_description="PII \x1b[31m and refresh-0")
    with pytest.raises(ConsentMissing) as caught:
        run(ready.keeper.token("kim"))
    texts = caught.value.detail + ready.row().broken + repr(ready.events)
    assert "PII" not in texts
    assert "refresh-0" not in texts


def test_secrets_are_in_no_repr(ready):
    ready.idp.rotates = True
    ready.clock.advance(3600)
    token = run(ready.keeper.token("kim")).decode()
    shown = repr([ready.events, ready.row(), ready.keeper._states])
    assert token not in shown
    assert "refresh-1" not in shown


# Client credentials, and accounts that are not set up.


def test_client_credentials_need_no_refresh_token(desk):
    desk.register("microsoft", "imaps://outlook.office365.com").grant(
        refresh=None, flow="client"
    )
    desk.clock.advance(3600)
    assert run(desk.keeper.token("kim")) == b"access-1"
    [form] = desk.idp.posts
    assert form["grant_type"] == "client_credentials"
    assert form["scope"] == "https://outlook.office365.com/.default"


def test_an_account_without_a_consent(desk):
    desk.register()
    with pytest.raises(ConsentMissing, match="nobody has signed in"):
        run(desk.keeper.token("kim"))
    seen = desk.grant().row()
    desk.store.grants.remove("kim")
    with pytest.raises(ConsentMissing):  # a watch that comes too late
        run(desk.keeper.refresh(seen))


def test_an_account_without_a_provider_may_get_one(desk):
    desk.register().grant(life=0)
    (provider,) = desk.store.providers.all()
    with desk.store.database.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM provider")
    with pytest.raises(Unavailable, match="no OAuth2 provider"):
        run(desk.keeper.token("kim"))
    desk.store.providers.save(provider)
    desk.clock.advance(5)
    assert run(desk.keeper.token("kim")) == b"access-1"


# What watches over them.


def test_a_broken_consent_can_come_back(ready):
    """An account that was locked is unlocked; nobody has to sign in for that."""
    ready.clock.advance(3600)
    ready.idp.good.clear()
    with pytest.raises(ConsentMissing):
        run(ready.keeper.token("kim"))
    with pytest.raises(ConsentMissing):
        run(ready.keeper.refresh(ready.row()))
    assert ready.names() == ["consent_lost"]
    ready.idp.good.add("refresh-0")
    run(ready.keeper.refresh(ready.row()))
    assert ready.row().broken == ""
    assert run(ready.keeper.token("kim")) == b"access-1"


def test_two_that_watch_refresh_once(pair):
    one, two = pair
    seen = one.row()
    run(one.keeper.refresh(seen))
    run(two.keeper.refresh(seen))
    assert len(one.refreshes()) == 1


def test_a_refresh_is_made_though_the_token_lasts(ready):
    run(ready.keeper.refresh(ready.row()))
    assert run(ready.keeper.token("kim")) == b"access-1"


@pytest.mark.parametrize(
    "odd",
    [
        {"expires_in": "3600.5"},
        {"expires_in": "soon"},
        {"expires_in": -5},
        {"expires_in": 10**400},
        {"expires_in": float("nan")},
        {"expires_in": []},
        {"scope": {}},
        {"scope": 7},
    ],
)
def test_a_refresh_token_is_not_thrown_away_for_oddities_beside_it(desk, odd):
    desk.register().grant()
    desk.idp.rotates, desk.idp.more = True, odd
    desk.clock.advance(3600)
    assert run(desk.keeper.tokens("kim").token()).startswith(b"access-")
    assert desk.row().refresh.get_secret_value() == "refresh-1"


def test_a_clock_that_is_put_back_stops_nothing(desk):
    desk.register().grant()
    tokens = desk.keeper.tokens("kim")
    run(tokens.token())
    row = desk.row()
    # Before that, somebody took the lease, and then the clock was put back by a day.
    desk.store.grants.lease("kim", row.version, until=desk.now() + 15, now=desk.now())
    desk.now_is(-DAY)
    assert run(tokens.renew(b"access-0")) == b"access-1"
    desk.store.grants.remove("kim")
    desk.clock.advance(6)
    with pytest.raises(ConsentMissing):
        run(tokens.token())
