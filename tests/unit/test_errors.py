"""The failures are a closed, flat set, and their detail is for the log."""

import inspect

import pytest

from gateway import errors

CLASSES = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, errors.Failure) and cls is not errors.Failure
]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_failure_is_a_direct_kind_of_failure_and_says_what_it_means(cls):
    assert cls.__bases__ == (errors.Failure,)
    assert cls.__doc__


@pytest.mark.parametrize("cls", CLASSES)
def test_detail_is_kept_and_optional(cls):
    assert cls("NO [ALERT] full").detail == "NO [ALERT] full"
    assert str(cls("why")) == "why"
    assert cls().detail == ""


def test_failures_can_be_caught_together():
    with pytest.raises(errors.Failure):
        raise errors.Throttled("later")
