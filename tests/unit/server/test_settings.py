import pytest
from pydantic import ValidationError

from gateway.server.settings import LimitSettings, ListenSettings


def test_without_a_word_it_listens_on_loopback_only():
    assert ListenSettings().plain == ("127.0.0.1:1110",)
    assert ListenSettings().tls == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"connections": 0},
        {"connections_per_address": 0},
        {"login_timeout": 0},
        {"idle_timeout": 599.9},
        {"stalled_timeout": 0},
        {"drain_timeout": -1},
        {"unknown": 1},
    ],
)
def test_limits_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        LimitSettings(**wrong)


def test_every_setting_is_described():
    for model in (LimitSettings, ListenSettings):
        assert all(field.description for field in model.model_fields.values())
