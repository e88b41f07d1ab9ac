"""The rules alone: what counts, when it locks, when that ends."""

import hypothesis.strategies as st
from hypothesis import given

from gateway.accounts.throttle import ThrottleSettings, rules
from gateway.accounts.throttle.rules import Facts, Good, Mark, State, Verdict
from gateway.accounts.throttle.shown import PART, WHOLE, Shown

SETTINGS = ThrottleSettings(account_limit=4, address_limit=20, window=3600)
NOW = 1_800_000_000.0
HOME, ABROAD = "192.0.2.7", "203.0.113.9"
TRY = Shown("kim", ABROAD, b"try", WHOLE)

marks = st.builds(
    Mark,
    tag=st.sampled_from([bytes([n]) for n in range(12)]),
    name=st.just("kim"),
    address=st.sampled_from([HOME, ABROAD, "203.0.113.10"]),
    at=st.floats(NOW - 3599, NOW),
    points=st.just(WHOLE),
    state=st.sampled_from(State),
)


def mark(number, address=ABROAD, state=State.KNOWN_BAD, at=NOW, points=WHOLE, name="kim"):
    tag = bytes([number, *name.encode()])
    return Mark(tag, name, address, at, points, state)


def judged(**facts):
    facts = {"shown": TRY, "now": NOW} | facts
    return rules.judge(Facts(**facts), SETTINGS)


def test_nothing_known_is_a_new_try():
    assert judged() is Verdict.NEW


@given(st.integers(1, 500), st.integers(0, 2))
def test_one_password_counts_once_however_often_and_from_wherever(times, addresses):
    repeated = [mark(1, f"203.0.113.{n % (addresses + 1)}") for n in range(times)]
    assert judged(named=repeated) is Verdict.NEW
    assert rules.count(repeated) == 1


def test_so_many_different_ones_lock():
    assert judged(named=[mark(n) for n in range(3)]) is Verdict.NEW
    assert judged(named=[mark(n) for n in range(4)]) is Verdict.LOCKED


def test_so_many_that_are_not_decided_let_nobody_else_ahead():
    waiting = [mark(n, state=State.PENDING) for n in range(4)]
    assert judged(named=waiting) is Verdict.BUSY
    assert judged(named=[*waiting[:3], mark(9)]) is Verdict.BUSY
    assert judged(named=waiting[:3]) is Verdict.NEW


@given(st.lists(marks))
def test_what_strangers_do_locks_no_known_address(those):
    strangers = [each for each in those if each.address != HOME]
    at_home = Shown("kim", HOME, b"try", WHOLE)
    facts = {"shown": at_home, "named": strangers, "homes": frozenset({HOME})}
    assert judged(**facts) is Verdict.NEW
    assert judged(**facts, good=Good(0, 0, NOW)) is Verdict.GOOD


def test_what_is_done_at_home_locks_no_stranger():
    at_home = [mark(n, HOME) for n in range(10)]
    homes = frozenset({HOME})
    assert judged(named=at_home, homes=homes) is Verdict.NEW
    there = Shown("kim", HOME, b"try", WHOLE)
    assert judged(shown=there, named=at_home, homes=homes) is Verdict.LOCKED


def test_a_known_password_of_a_known_address_gets_in_whatever_is_locked():
    there = Shown("kim", HOME, b"try", WHOLE)
    facts = {
        "shown": there,
        "homes": frozenset({HOME}),
        "good": Good(0, 0, NOW),
        "nearby": [mark(n, HOME, name="lee") for n in range(200)],
    }
    assert judged(**facts, named=[mark(n, HOME) for n in range(39)]) is Verdict.GOOD
    assert judged(**facts, named=[mark(n, HOME) for n in range(40)]) is Verdict.LOCKED
    assert judged(**(facts | {"good": None})) is Verdict.LOCKED


def test_an_address_is_locked_by_pairs_and_nobody_is_at_an_unknown_one():
    pairs = [mark(n % 5, ABROAD, name=f"user{n // 5}") for n in range(20)]
    assert judged(nearby=pairs[:19]) is Verdict.NEW
    assert judged(nearby=pairs) is Verdict.LOCKED
    assert judged(shown=Shown("kim", "", b"try", WHOLE), nearby=pairs) is Verdict.NEW


def test_ten_digests_are_one_password():
    assert judged(named=[mark(1, points=PART * 39)]) is Verdict.NEW
    assert judged(named=[mark(1, points=PART * 40)]) is Verdict.LOCKED


def test_a_known_password_from_elsewhere_is_no_guess_but_waits_for_the_end_of_a_lock():
    good = Good(0, 0, NOW)
    pending = [mark(n, state=State.PENDING) for n in range(9)]
    assert judged(good=good, named=pending) is Verdict.GOOD
    assert judged(good=good, named=[mark(n) for n in range(4)]) is Verdict.LOCKED


def test_a_password_that_has_worked_rests_before_it_is_asked_again():
    assert judged(good=Good(1, NOW - 899, NOW)) is Verdict.RESTING
    assert judged(good=Good(1, NOW - 900, NOW)) is Verdict.GOOD
    assert judged(good=Good(1, NOW + 7200, NOW)) is Verdict.GOOD, "the clock went back"
    assert judged(good=Good(3, NOW - 9000, NOW)) is Verdict.KNOWN_BAD


def test_what_the_upstream_refused_is_known():
    assert judged(bad=True) is Verdict.KNOWN_BAD


@given(st.lists(marks))
def test_a_lock_has_an_end_within_the_window_and_is_over_then(those):
    end = rules.lock_end(those, 4, SETTINGS.window)
    locked = rules.points(rules.decided(those)) >= 4 * WHOLE
    assert (end is not None) is locked
    if end is not None:
        assert NOW - 1 <= end <= NOW + SETTINGS.window
        left = [each for each in those if each.at + SETTINGS.window > end]
        assert judged(named=left, now=end) is not Verdict.LOCKED


@given(st.lists(marks), st.lists(marks))
def test_who_guesses_more_waits_no_less(those, more):
    def wait(named):
        return rules.wait(Facts(TRY, NOW, named=named), SETTINGS)

    assert 2 <= wait(those) <= wait(those + more) <= SETTINGS.longest_wait


def test_the_waits_double():
    waits = [
        rules.wait(Facts(TRY, NOW, named=[mark(n) for n in range(count)]), SETTINGS)
        for count in range(1, 8)
    ]
    assert waits == [2, 4, 8, 16, 30, 30, 30]


def test_those_of_the_address_weigh_less():
    def wait(count):
        nearby = [mark(n, name="lee") for n in range(count)]
        return rules.wait(Facts(TRY, NOW, nearby=nearby), SETTINGS)

    assert [wait(count) for count in (1, 5, 10, 15, 20)] == [2, 2, 4, 8, 16]


@given(st.floats(-1e9, 1e9), st.floats(1, 1e6))
def test_a_time_that_is_ahead_by_more_than_a_minute_means_nothing(ago, span):
    assert rules.recent(NOW - ago, NOW, span) is (-60 <= NOW - (NOW - ago) < span)
