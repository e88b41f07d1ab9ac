"""Nobody is told the same all the time, and nothing new goes untold."""

import pytest

from gateway.admin.alarms.memory import news, read, written
from gateway.admin.alarms.worries import Worry

DAY = 86_400.0
ONE, OTHER = (Worry(key, key, "", "do") for key in ("one", "other"))


def test_what_is_new_is_told_with_the_rest_and_before_it():
    first = news({}, [ONE], 10.0)
    assert first.worries == (ONE,)
    second = news(first.told, [ONE, OTHER], 20.0)
    assert second.worries == (OTHER, ONE)
    assert second.told == {"one": 10.0, "other": 20.0}
    third = news(second.told, [ONE, OTHER], 30.0)
    assert third.worries == ()
    assert third.told == second.told


def test_what_lasts_is_told_again_after_a_week():
    told = news({}, [ONE], 0.5).told
    assert news(told, [ONE], 6.9 * DAY).worries == ()
    assert news(told, [ONE], 7.1 * DAY).worries == (ONE,)


def test_what_goes_and_returns_is_new():
    told = news({}, [ONE, OTHER], 10.0).told
    gone = news(told, [OTHER], 20.0)
    assert (gone.worries, gone.told) == ((), {"other": 10.0})
    assert news(gone.told, [ONE, OTHER], 30.0).worries == (ONE, OTHER)


def test_a_clock_that_was_put_back_silences_nothing():
    assert news({"one": 100 * DAY}, [ONE], 10 * DAY).worries == (ONE,)


def test_the_memory_is_bounded():
    many = [Worry(str(number), "", "", "") for number in range(5000)]
    assert len(news({}, many, 1.0).told) == 1000


def test_it_is_read_as_it_was_written():
    told = {"consent kim": 5.5}
    assert read(written(told)) == told


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"one": "x"}', '{"one": null}'])
def test_a_memory_that_cannot_be_read_is_none(text):
    assert read(text) == {}
