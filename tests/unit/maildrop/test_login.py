"""A login keeps octets as they came, and its secret to itself."""

from pydantic import SecretBytes

from gateway.maildrop import Login


def test_repr_shows_no_password():
    assert "hunter2" not in repr(Login(b"me", SecretBytes(b"hunter2"), "192.0.2.1"))


def test_octets_stay_as_they_are():
    login = Login(b"\xff me ", SecretBytes(b" \xfe "))
    assert login.user == b"\xff me "
    assert login.password.get_secret_value() == b" \xfe "
    assert login.peer == ""


def test_logins_with_the_same_octets_are_equal():
    assert Login(b"a", SecretBytes(b"b")) == Login(b"a", SecretBytes(b"b"))
    assert Login(b"a", SecretBytes(b"b")) != Login(b"a", SecretBytes(b"c"))
