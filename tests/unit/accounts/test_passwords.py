"""Passwords of devices: what they look like, and how they are found again."""

import pytest
from pydantic import SecretStr

from gateway.accounts.names import ALPHABET
from gateway.accounts.passwords import (
    hash_password,
    new_device_password,
    normalised,
    selector_of,
    verify,
)


def test_a_new_one_fits_any_panel():
    password = new_device_password()
    shown = password.shown.get_secret_value()
    assert len(shown) == 19
    assert set(shown) <= {*ALPHABET, "-"}
    assert shown.startswith(f"{password.selector}-")
    assert new_device_password().shown != password.shown
    assert shown not in repr(password)


@pytest.mark.parametrize(
    "typed", ["AbcD-efgh-jkmn-pqrs", "abcdefghjkmnpqrs", " abcd efgh jkmnpqrs\n"]
)
def test_however_it_is_typed_it_is_the_same(typed):
    assert normalised(SecretStr(typed)) == SecretStr("abcdefghjkmnpqrs")
    assert selector_of(SecretStr(typed)) == "abcd"


@pytest.mark.parametrize(
    "typed", ["", "abcd", "abcd-efgh-jkmn-pqr0", "abcd-efgh-jkmn-pqrst", "ä" * 16]
)
def test_what_cannot_be_one_has_no_selector(typed):
    assert selector_of(SecretStr(typed)) == ""


def test_only_the_same_password_is_verified():
    password = new_device_password()
    assert password.hash.startswith("$argon2id$")
    assert verify(password.hash, normalised(password.shown))
    assert not verify(password.hash, password.shown)
    assert not verify("not a hash", password.shown)
    assert hash_password(password.shown) != hash_password(password.shown)


def test_nobody_s_hash_is_no_password_s():
    assert not verify("", SecretStr(""))
