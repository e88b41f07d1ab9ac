"""Points in Gmail's history, which are numbers of any length."""

import pytest

from gateway.backend.gmail.api import _earlier


@pytest.mark.parametrize(
    ("one", "other", "earlier"),
    [
        ("9", "10", "9"),
        ("10", "9", "9"),
        ("0010", "9", "9"),
        ("1" * 5000, "2" * 5000, "1" * 5000),
        ("9" * 5000, "7", "7"),
        ("x", "7", "x"),
        ("7", "", "7"),
    ],
)
def test_the_earlier(one, other, earlier):
    assert _earlier(one, other) == earlier
