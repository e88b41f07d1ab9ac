"""The numbers of the rules: defaults, and what is refused."""

import pytest
from pydantic import ValidationError

from gateway.pop3.settings import Pop3Settings


def test_defaults_follow_the_rfcs():
    settings = Pop3Settings()
    assert settings.max_line == 255
    assert settings.max_credentials_line > 12_288  # RFC 4954 §4: what SASL may take
    assert settings.expire is None
    assert settings.login_delay == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_line": 254},
        {"max_credentials_line": 10},
        {"max_bad_commands": 0},
        {"max_bad_commands_before_login": 0},
        {"max_commands_before_login": 3},
        {"max_failed_logins": 0},
        {"failed_login_delay": -1},
        {"failed_login_delay": 31},
        {"expire": "SOON"},
        {"expire": -1},
        {"login_delay": -1},
        {"login_delay": 86_401},
        {"max_lines": 255},
    ],
)
def test_value_out_of_range_or_unknown_key_is_refused(wrong):
    with pytest.raises(ValidationError):
        Pop3Settings(**wrong)


@pytest.mark.parametrize("value", ["NEVER", 0, 30, None])
def test_expire_is_never_or_days_or_nothing(value):
    assert Pop3Settings(expire=value).expire == value


def test_settings_are_frozen_and_described():
    with pytest.raises(ValidationError):
        Pop3Settings().max_line = 300
    assert all(field.description for field in Pop3Settings.model_fields.values())
