"""Events and effects are values: a test can compare them, a log cannot leak them."""

from typing import get_args

import pytest
from pydantic import SecretBytes

from gateway.pop3 import events
from gateway.pop3.events import ANSWERED, Effect, Event, Open

EVENTS, EFFECTS = get_args(Event), get_args(Effect)


@pytest.mark.parametrize("cls", [*EVENTS, *EFFECTS])
def test_every_event_and_effect_is_a_frozen_value_and_says_what_it_means(cls):
    assert cls.__dataclass_params__.frozen
    assert cls.__doc__
    assert not cls.__doc__.startswith(cls.__name__ + "(")


def test_the_unions_hold_every_class_of_the_module():
    classes = {
        cls
        for cls in vars(events).values()
        if isinstance(cls, type) and cls.__module__ == events.__name__
    }
    assert classes == {*EVENTS, *EFFECTS}
    assert not {*EVENTS} & {*EFFECTS}


def test_what_is_answered_is_an_effect():
    assert set(ANSWERED) < set(EFFECTS)


def test_repr_shows_no_password():
    assert "hunter2" not in repr(Open(b"me", SecretBytes(b"hunter2")))
